import { canonical } from '../base/canonical.ts';
import { integer, list } from '../base/shape.ts';
import { sha256Hex } from './crypto.ts';
import { MAX_PACK_SETS } from './format.ts';
import { hex, loose } from './loose.ts';

/** Pack sets: docs/vault-format.md section 3.7. */

export interface ListedPack {
  readonly name: string;
  readonly size: number;
  /** Id of the session key it is encrypted under. */
  readonly session: string;
}

const shape = loose({
  packs: list(loose({ name: hex(32), size: integer(), session: hex(32) }), Number.MAX_SAFE_INTEGER),
});

export function encodePackSet(packs: readonly ListedPack[]): { id: string; bytes: Buffer } {
  const sorted = packs
    .map(({ name, size, session }) => ({ name, size, session }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const bytes = Buffer.from(canonical({ packs: sorted }));
  return { id: sha256Hex(bytes), bytes };
}

/** Throws unless `bytes` is the pack set `id`. */
export function decodePackSet(id: string, bytes: Buffer): ListedPack[] {
  if (sha256Hex(bytes) !== id) throw new Error('is not what its name says');
  return shape(JSON.parse(bytes.toString('utf8')), 'pack set').packs;
}

/** Packs that a record lists stay as long as its snapshot, needed or not: a set of which less than half is needed is not worth that. */
function isMostlyNeeded(packs: readonly ListedPack[], needed: ReadonlyMap<string, ListedPack>): boolean {
  const bytes = (some: readonly ListedPack[]) => some.reduce((sum, { size }) => sum + size, 0);
  return 2 * bytes(packs.filter(({ name }) => needed.has(name))) >= bytes(packs);
}

/**
 * Which known sets a record should name so that all of `needed` is covered, and which packs a new set has to list. At most
 * MAX_PACK_SETS in all. `sets` must be usable: every pack in them is in the vault or on its way there.
 */
export function coverPacks(
  needed: ReadonlyMap<string, ListedPack>,
  sets: ReadonlyMap<string, readonly ListedPack[]>,
): { named: string[]; fresh: ListedPack[] } {
  const open = new Map(needed);
  const named: string[] = [];
  // Large ones first: they cover most, and what small ones add is then little.
  for (const [id, packs] of [...sets].sort(([, a], [, b]) => b.length - a.length)) {
    if (!packs.some((pack) => open.has(pack.name)) || !isMostlyNeeded(packs, needed)) continue;
    for (const pack of packs) open.delete(pack.name);
    named.push(id);
  }
  if (named.length >= MAX_PACK_SETS) {
    for (const id of named.splice(MAX_PACK_SETS / 2)) {
      for (const { name } of sets.get(id) ?? []) {
        const pack = needed.get(name);
        if (pack !== undefined) open.set(name, pack);
      }
    }
  }
  return { named, fresh: [...open.values()] };
}
