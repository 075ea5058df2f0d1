import type { Listed, ListedFile } from './file-list.ts';

type Of<Type extends Listed['type']> = Extract<Listed, { type: Type }>;

/** What of an entry that is there could not be restored. */
export type Flaw = string | undefined;

/**
 * Where a snapshot goes. Called one after the other, in the order of the list. What a method rejects with costs the path it was
 * called for and no other, unless the place itself is full.
 */
export interface RestoreTarget {
  directory(entry: Of<'directory'>): Promise<Flaw>;
  symlink(entry: Of<'symlink'>): Promise<Flaw>;
  /** Writes the file whole or not at all. `content` may be asked for more than once, and rejects unless it is whole. */
  file(entry: ListedFile, content: () => AsyncIterable<Buffer>): Promise<Flaw>;
  /** Makes `entry` another name of the file that was restored at `first`. */
  link(entry: ListedFile, first: Buffer): Promise<Flaw>;
  /** Does what has to come last; `fail` is told what fails of it. */
  finish(fail: (path: Buffer, error: unknown) => void): Promise<void>;
  /** What this place cannot hold of any entry, for people, each once. */
  readonly notes: ReadonlySet<string>;
  /** Where it is a folder into which several threads may write whole files, besides: `note` takes what they have to say. */
  readonly folder?: { readonly root: Buffer; note(text: string): void } | undefined;
}
