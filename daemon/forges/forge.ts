import type { Json } from '../base/canonical.ts';

/**
 * The port to a forge: a service that holds repositories and what a team knows about them. One contract suite
 * (`test/forges/contract.ts`) runs over every client. A client only reads, one page at a time; what was read, how far, and
 * what has gone meanwhile is kept by `sources/forge.ts`, the same for all of them.
 */
export type ForgeKind = 'github' | 'gitlab' | 'gitea';

export type JsonObject = { readonly [key: string]: Json };

/** What is kept beside the code, one folder of documents each. */
export const COLLECTIONS = [
  'issues',
  'pulls',
  'labels',
  'milestones',
  'releases',
  'workflows',
  'runs',
  'environments',
  'variables',
  'secrets',
  'protection',
  'rulesets',
  'webhooks',
  'keys',
  'members',
  'teams',
  'projects',
  'packages',
  'settings',
] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

export interface Forge {
  readonly kind: ForgeKind;
  /** Whose token it is, and what it may do. Rejects with `ForgeError`. */
  identify(context: ReadContext): Promise<Identity>;
  /** Every repository of the organisation, group or user, also archived and empty ones, a page at a time. */
  repositories(context: ReadContext): AsyncIterable<readonly Repository[]>;
  /** What belongs to the organisation, group or user itself. */
  readonly ofOwner: readonly Collection<undefined>[];
  /** What belongs to each repository. */
  readonly ofRepository: readonly Collection<Repository>[];
}

export interface ReadContext {
  /** Aborted at a trip: every request and every wait for a rate limit ends. */
  readonly signal: AbortSignal;
  /** Told when the forge asks for patience: for how many milliseconds, and why. */
  readonly waiting?: (ms: number, why: string) => void;
}

export interface Identity {
  readonly login: string;
  /** What the token may do, where the forge says so. */
  readonly scopes?: readonly string[];
}

export interface Repository {
  /** The forge's own number or name for it, which outlives a rename. */
  readonly id: string;
  /** As it is called now: `acme/app`, `group/subgroup/app`. */
  readonly path: string;
  /** https, without credentials. */
  readonly cloneUrl: string;
  /** Absent where there is no wiki. It may turn out to be empty. */
  readonly wikiUrl?: string;
  readonly visibility: 'public' | 'internal' | 'private';
  readonly archived: boolean;
  /** All the forge says about it. */
  readonly object: JsonObject;
}

export interface Collection<Of> {
  readonly name: CollectionName;
  /** Its documents hold values nobody may guess at: they are of class secret in the vault. */
  readonly secret: boolean;
  /**
   * `whole`: every run lists all there is, and what is not listed any more has gone. `changes`: a run reads what has
   * changed since `cursor`; nothing can be told about what has gone.
   */
  readonly reach: 'whole' | 'changes';
  /**
   * Pages of documents; each with a cursor to go on behind it, in this run after a kill or in the next. Rejects with
   * `ForgeError`.
   */
  read(of: Of, cursor: string | undefined, context: ReadContext): AsyncIterable<Page>;
}

export interface Page {
  readonly documents: readonly Document[];
  /** Of a `changes` collection: everything up to here has been read. */
  readonly cursor?: string;
  /** What could not be had of single documents, in words: the snapshot is partial. */
  readonly problems?: readonly string[];
}

/** One object of the forge as its API gives it, what belongs to it (comments, reviews) within. */
export interface Document {
  /** Unique within its collection, and lasting: a number, a name, `production/TOKEN`. */
  readonly key: string;
  readonly object: JsonObject;
  readonly assets?: readonly Asset[];
}

/** A file that belongs to a document, such as one of a release. */
export interface Asset {
  readonly name: string;
  /** Bytes, where the forge says so. */
  readonly size?: number;
  /** Another one whenever the content is another. */
  readonly version: string;
  /** Rejects with `ForgeError`. */
  open(context: ReadContext): AsyncIterable<Buffer>;
}

/** Why a forge did not give what was asked for. */
export type Refusal =
  /** The token is not valid (any more). */
  | { readonly kind: 'unauthenticated' }
  /** The token lacks a permission; `needs` names it in the forge's words. */
  | { readonly kind: 'denied'; readonly needs: string }
  /** There is no such thing, or it is hidden from this token. */
  | { readonly kind: 'absent' }
  /** The feature is switched off, or this edition does not have it: nothing is lost. */
  | { readonly kind: 'disabled' }
  /** The forge failed, or did not answer as one does. */
  | { readonly kind: 'failed' };

export class ForgeError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ForgeError';
    this.refusal = refusal;
  }
}
