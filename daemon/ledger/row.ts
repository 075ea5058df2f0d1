import type { Json } from '../base/canonical.ts';
import { PortcullisError } from '../base/errors.ts';
import type { LedgerEntry } from './ports.ts';

/** A row as SQLite gives it. */
export interface Row {
  readonly seq: number;
  readonly wall: number;
  readonly type: string;
  readonly data: string;
  readonly previous: Buffer;
  readonly hash: Buffer;
}

/** Throws `ledger.damaged`, naming the entry, when its data is not JSON. */
export function entryOf(row: Row): LedgerEntry {
  const { seq, wall, type, previous, hash } = row;
  let data: { readonly [key: string]: Json };
  try {
    data = JSON.parse(row.data);
  } catch {
    throw new PortcullisError('ledger.damaged', `The data of entry ${seq} of the ledger is not JSON.`);
  }
  return { seq, wall, type, data, previous: previous.toString('hex'), hash: hash.toString('hex') };
}
