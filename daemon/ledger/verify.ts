import type Database from 'better-sqlite3';
import { canonical, type Json } from '../base/canonical.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { entryHash, GENESIS } from './chain.ts';
import { asLedgerError, openReadOnly } from './schema.ts';

export type Verification =
  /** Every entry is what it was when it was written. `head` is the hash of the newest, 64 zeros when there is none. */
  | { readonly ok: true; readonly entries: number; readonly head: string }
  /** The first entry that is not, and why. */
  | { readonly ok: false; readonly kind: 'entry'; readonly seq: number; readonly why: string }
  /** No entry is altered, but the file around them is damaged. */
  | { readonly ok: false; readonly kind: 'database'; readonly why: string };

interface RawRow {
  readonly seq: unknown;
  readonly wall: unknown;
  readonly type: unknown;
  readonly data: unknown;
  readonly typeBytes: unknown;
  readonly dataBytes: unknown;
  readonly previous: unknown;
  readonly hash: unknown;
}

// The table itself in its own order, not an index over it.
const ROWS = `SELECT seq, wall, type, data, CAST(type AS BLOB) AS typeBytes, CAST(data AS BLOB) AS dataBytes,
  previous, hash FROM entry NOT INDEXED ORDER BY seq`;

/**
 * Recomputes the whole chain of the ledger at `path`, read-only, also while the daemon writes. `expectHead` is a head
 * that was written down elsewhere: the chain must contain it, or its tail was cut off or rewritten. Without it a chain
 * that was rewritten consistently, or cut at the end, cannot be told from an honest one.
 *
 * Synchronous: not for a thread that holds a lease. Throws `ledger.failed` (cannot be read), `ledger.newer`,
 * `ledger.foreign`, `ledger.damaged` (not even the header can be read).
 */
export function verifyLedger(path: string, expectHead?: string): Verification {
  const db = openReadOnly(path);
  try {
    // One transaction: entries that arrive meanwhile belong to the next verification. Closing ends it.
    db.exec('BEGIN');
    db.pragma('cell_size_check = ON');
    const chain = followChain(db, expectHead);
    if (!chain.ok) return chain;
    const integrity = db.pragma('integrity_check(1)', { simple: true });
    return integrity === 'ok' ? chain : { ok: false, kind: 'database', why: String(integrity) };
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (!code.startsWith('SQLITE_') || code.startsWith('SQLITE_IOERR'))
      throw asLedgerError(error, `The ledger at ${path} cannot be read`);
    return { ok: false, kind: 'database', why: reasonOf(error) };
  } finally {
    db.close();
  }
}

function followChain(db: Database.Database, expectHead: string | undefined): Verification {
  let entries = 0;
  let head = GENESIS;
  let expected = expectHead === undefined || expectHead === GENESIS;
  const broken = (why: string): Verification => ({ ok: false, kind: 'entry', seq: entries + 1, why });
  const rows = db.prepare(ROWS).iterate() as IterableIterator<RawRow>;
  try {
    for (const row of rows) {
      const fault = faultOf(row, entries + 1, head);
      if (fault !== undefined) return broken(fault);
      entries += 1;
      head = (row.hash as Buffer).toString('hex');
      expected ||= head === expectHead;
    }
  } catch (error) {
    if (!errnoOf(error)?.startsWith('SQLITE_CORRUPT')) throw error;
    return broken(`it cannot be read (${reasonOf(error)})`);
  }
  if (!expected) return broken(`the chain ends before the expected head ${expectHead}: its tail was cut or rewritten`);
  return { ok: true, entries, head };
}

/** Why this row is not entry `seq` that follows `head`, or undefined when it is. */
function faultOf(row: RawRow, seq: number, head: string): string | undefined {
  if (row.seq !== seq) return `it is missing (next comes ${row.seq})`;
  const { wall, type, data, typeBytes, dataBytes, previous, hash } = row;
  if (typeof wall !== 'number' || !Number.isSafeInteger(wall)) return 'its time is not a whole number';
  if (!isTextOf(type, typeBytes) || !isTextOf(data, dataBytes)) return 'its text is altered: it is not valid UTF-8';
  if (!Buffer.isBuffer(previous) || !Buffer.isBuffer(hash)) return 'its hashes are altered: they are not bytes';
  let parsed: Json;
  try {
    parsed = JSON.parse(data);
  } catch {
    return 'its data is altered: it is not JSON';
  }
  const link = previous.toString('hex');
  if (canonicalOf(parsed) !== data || entryHash({ seq, wall, type, previous: link }, data) !== hash.toString('hex'))
    return 'its content does not match its hash';
  if (link !== head) return `it does not follow entry ${seq - 1}: one of the two was replaced`;
  return undefined;
}

function isTextOf(text: unknown, bytes: unknown): text is string {
  return typeof text === 'string' && Buffer.isBuffer(bytes) && bytes.equals(Buffer.from(text, 'utf8'));
}

/** Canonical JSON of `value`, or undefined when it has none: altered text can hold a lone surrogate as an escape. */
function canonicalOf(value: Json): string | undefined {
  try {
    return canonical(value);
  } catch {
    return undefined;
  }
}
