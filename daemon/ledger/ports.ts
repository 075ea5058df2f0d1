import type { Json } from '../base/canonical.ts';

/** One entry of the hash-chained record. `hash` is over the canonical JSON of all other fields. */
export interface LedgerEntry {
  /** 1 for the first entry, without gaps. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly wall: number;
  /** Dotted type, for example `gate.trip`, `window.opened`, `snapshot.committed`. */
  readonly type: string;
  readonly data: { readonly [key: string]: Json };
  /** `hash` of entry seq − 1 in hex, 64 zeros for the first. */
  readonly previous: string;
  readonly hash: string;
}

export interface PageQuery {
  /** Only entries with a smaller number. */
  readonly before?: number;
  readonly limit: number;
  /** Only of this type, or of one of these. */
  readonly type?: string | readonly string[];
  /** Only those that say so of their `source`. */
  readonly source?: string;
}

export interface LedgerReads {
  /** Newest first, at most `limit` (≤ 500). */
  page(query: PageQuery): Promise<LedgerEntry[]>;
  /** The newest entry, or undefined when empty. */
  head(): Promise<LedgerEntry | undefined>;
}

export interface LedgerWrites {
  /**
   * Appends and resolves when the entry is in the database: flushed to the disk when `durable`, otherwise as SQLite's
   * WAL gives it. Rejects with `ledger.failed`. Appends keep the order of their calls.
   */
  append(type: string, data: { readonly [key: string]: Json }, options?: { durable?: boolean }): Promise<LedgerEntry>;
}
