import type { ForgeKind, Identity, ReadContext } from './forge.ts';
import type { Issue, Label, Milestone, Release, RepositoryView, Variable } from './view.ts';

/**
 * The port through which things are made again in a forge, with a token of its own that the appliance does not keep. One
 * contract suite (`test/forges/writer-contract.ts`) runs over every client. What is there already is never changed or
 * removed; who calls looks first and makes only what is missing (`forges/recreate.ts`). Each method rejects with `ForgeError`.
 */
export interface ForgeWriter {
  readonly kind: ForgeKind;
  /** What this forge does not let anybody set, in words, for the report: `numbers of issues`, `authors of comments`. */
  readonly limits: readonly string[];
  identify(context: ReadContext): Promise<Identity>;
  /** Undefined where there is none. */
  find(path: string, context: ReadContext): Promise<Made | undefined>;
  create(path: string, as: RepositoryView, context: ReadContext): Promise<Made>;
  /** Names, titles, tags and names of variables that exist, and the marks (`markOf`) of issues. */
  existing(path: string, context: ReadContext): Promise<Existing>;
  createLabel(path: string, label: Label, context: ReadContext): Promise<void>;
  createMilestone(path: string, milestone: Milestone, context: ReadContext): Promise<void>;
  /** Makes the issue with its labels and milestone, by name, and its state; resolves with what the comments hang on. */
  createIssue(path: string, issue: NewIssue, context: ReadContext): Promise<Handle>;
  createComment(path: string, issue: Handle, body: string, context: ReadContext): Promise<void>;
  closeIssue(path: string, issue: Handle, context: ReadContext): Promise<void>;
  createRelease(path: string, release: Release, assets: readonly NewAsset[], context: ReadContext): Promise<void>;
  createVariable(path: string, variable: Variable, context: ReadContext): Promise<void>;
}

export interface Made {
  readonly cloneUrl: string;
  readonly webUrl: string;
}

/** Number of an issue where it was made. */
export type Handle = number;

export interface Existing {
  readonly labels: ReadonlySet<string>;
  readonly milestones: ReadonlySet<string>;
  readonly releases: ReadonlySet<string>;
  /** `variableKey` of each. */
  readonly variables: ReadonlySet<string>;
  /** By the number it had where it came from: what was made of it, and which of its comments are there, by mark. */
  readonly issues: ReadonlyMap<
    number,
    { readonly handle: Handle; readonly open: boolean; readonly comments: ReadonlySet<string> }
  >;
}

export interface NewIssue extends Omit<Issue, 'comments' | 'url' | 'assignees'> {
  /** Only those who exist there. */
  readonly assignees: readonly string[];
}

export interface NewAsset {
  readonly name: string;
  readonly size: number;
  open(): AsyncIterable<Buffer>;
}

export function variableKey({ name, environment }: Pick<Variable, 'name' | 'environment'>): string {
  return environment === undefined ? name : `${environment}/${name}`;
}

/**
 * The mark in what was made again, an HTML comment that Markdown does not show: by it a second run finds what the first
 * one made. `of` is `issues/12`, or `issues/12/comments/345`.
 */
export function markOf(repository: string, of: string): string {
  return `<!-- portcullis: ${encodeURIComponent(repository)} ${of} -->`;
}

/**
 * The mark a text begins with or ends in, or undefined. What somebody quotes in between counts for nothing, and `recreate.ts` makes
 * it none.
 */
export function readMark(
  body: string,
): { readonly text: string; readonly issue: number; readonly comment?: string } | undefined {
  const found = MARK_FIRST.exec(body) ?? MARK_LAST.exec(body.trimEnd());
  const [, text, issue, comment] = found ?? [];
  if (text === undefined || issue === undefined) return undefined;
  return { text, issue: Number(issue), ...(comment === undefined ? {} : { comment }) };
}

const MARK_FIRST = /^(<!-- portcullis: \S+ issues\/(\d+)(?:\/comments\/(\S+))? -->)/;
const MARK_LAST = /\n(<!-- portcullis: \S+ issues\/(\d+)(?:\/comments\/(\S+))? -->)$/;
