/** A file of a snapshot of a database source. */
export interface DumpFile {
  /** As in the snapshot: `databases/app.dump`. */
  readonly path: string;
  /** Its bytes, from the beginning; rejects rather than ending early. */
  open(): AsyncIterable<Buffer>;
}

export interface RestoredDatabases {
  /** Paths of the dumps that were restored whole. */
  readonly restored: readonly string[];
  /** What was left out or is left to do, for people. */
  readonly notes: readonly string[];
}
