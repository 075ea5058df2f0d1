import type { Entry } from '../base/entry.ts';

/**
 * The port to whatever is backed up. One contract suite (`test/sources/contract.ts`) runs over every kind of source.
 * A source only reads its origin. It may keep a working copy in the folder it is given.
 */
export interface Source {
  /**
   * Brings the working copy up to date and describes what there is to seal. Rejects with `source.failed` (naming the
   * source and what it said) when nothing trustworthy can be had: then no snapshot comes of it. Honours `signal`.
   */
  pull(context: PullContext): Promise<Pulled>;
}

export interface PullContext {
  /** This source's own folder for working copies; exists, and survives between runs. */
  readonly workdir: string;
  /** Aborted at a trip or when the job ends. */
  readonly signal: AbortSignal;
  /** Told what is being done and how far it is, as often as there is something to tell. */
  readonly progress?: (progress: PullProgress) => void;
}

export interface PullProgress {
  /** For people, without secrets: `issues of acme/app`. */
  readonly what: string;
  readonly done: number;
  readonly total?: number;
}

export interface Pulled {
  /**
   * What to seal, parents before children, each path once. May reject half way: then no snapshot comes of it.
   * A single file that cannot be read is a `problem`, and the snapshot is then partial.
   */
  readonly entries: AsyncIterable<Entry>;
  /**
   * Small facts kept with the snapshot, for listing and restoring: refs of a git repository, exit status of a command.
   * Complete when `entries` have ended.
   */
  readonly facts: Readonly<Record<string, unknown>>;
}
