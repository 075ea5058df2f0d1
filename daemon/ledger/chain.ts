import { createHash } from 'node:crypto';
import { canonical, type Json } from '../base/canonical.ts';
import type { LedgerEntry } from './ports.ts';

/** `previous` of the first entry. */
export const GENESIS = '0'.repeat(64);

/**
 * SHA-256, in hex, over the canonical JSON of {seq, wall, type, data, previous}. `data` is canonical JSON already and
 * goes in as it stands: its key comes first of the five.
 */
export function entryHash(entry: Pick<LedgerEntry, 'seq' | 'wall' | 'type' | 'previous'>, data: string): string {
  const { seq, wall, type, previous } = entry;
  const rest = canonical({ previous, seq, type, wall });
  return createHash('sha256')
    .update(`{"data":${data},${rest.slice(1)}`, 'utf8')
    .digest('hex');
}

/**
 * The same value with every lone surrogate replaced by U+FFFD: text from outside may carry one, canonical JSON may not,
 * and no entry is lost over one character.
 */
export function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key.toWellFormed(), wellFormed(member)]),
  );
}
