import { parseTime } from '../base/clock.ts';
import type { ChainRecord } from './record.ts';

/**
 * What the chain's tombstones say: from when on (milliseconds since the epoch) the objects of a snapshot may be gone, by the hash of its
 * record. Only a record after the snapshot counts, and the last that names it.
 */
export function buried(records: readonly ChainRecord[]): Map<string, number> {
  const seen = new Set<string>();
  const from = new Map<string, number>();
  for (const { hash, snapshot, tombstone } of records) {
    if (snapshot !== undefined) seen.add(hash);
    if (tombstone === undefined) continue;
    // A time that nobody can read never comes.
    const at = parseTime(tombstone.from) ?? Number.POSITIVE_INFINITY;
    for (const one of tombstone.kept) from.delete(one);
    for (const one of tombstone.snapshots) if (seen.has(one)) from.set(one, at);
  }
  return from;
}

/** Hashes of the snapshots whose objects may be gone at `wall`. */
export function expiredAt(records: readonly ChainRecord[], wall: number): Set<string> {
  return new Set([...buried(records)].filter(([, from]) => from <= wall).map(([hash]) => hash));
}
