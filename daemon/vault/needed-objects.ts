import { hasCode, PortcullisError } from '../base/errors.ts';
import type { Chain } from './chain.ts';
import { packName } from './format.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import type { ChainRecord } from './record.ts';
import type { Store } from './store.ts';
import { damaged } from './vault-error.ts';

/** Where pack sets are read: from memory, where there is one, or else from the vault. */
export interface PackSets {
  readonly store: Pick<Store, 'get' | 'list'>;
  recall?(id: string): Promise<readonly ListedPack[] | undefined>;
}

/**
 * What each snapshot needs, by the hash of its record: the names of its packs, manifest and pack sets, with their sizes. Of those `expired`
 * it is what can still be told. Rejects with `vault.damaged` when a pack set of another one cannot be read, or as the store does.
 */
export async function neededObjects(
  sets: PackSets,
  chain: Chain,
  expired: readonly Pick<ChainRecord, 'hash'>[],
): Promise<Map<string, Map<string, number>>> {
  const gone = new Set(expired.map(({ hash }) => hash));
  const listed = new Set<string>();
  if (gone.size > 0) for await (const { name } of sets.store.list('packsets')) listed.add(name);
  const read = new Map<string, readonly ListedPack[]>();
  const needed = new Map<string, Map<string, number>>();
  for (const { hash, snapshot } of chain.records) {
    if (snapshot === undefined) continue;
    const names = new Map([[`manifests/${snapshot.manifest.name}`, snapshot.manifest.size]]);
    for (const id of snapshot.packsets) {
      // Of an expired snapshot: removed already, after what it listed.
      if (gone.has(hash) && !listed.has(`packsets/${id}`)) continue;
      const packs = read.get(id) ?? (await readPackSet(sets, id, gone.has(hash)));
      if (packs === undefined) continue;
      read.set(id, packs);
      names.set(`packsets/${id}`, 0);
      for (const pack of packs) names.set(packName(pack.name), pack.size);
    }
    needed.set(hash, names);
  }
  return needed;
}

/** The pack set `id`; undefined when it cannot be read and `mayBeGone`. Rejects as `neededObjects`. */
export async function readPackSet(
  { store, recall }: PackSets,
  id: string,
  mayBeGone: boolean,
): Promise<readonly ListedPack[] | undefined> {
  const known = await recall?.(id);
  if (known !== undefined) return known;
  const name = `packsets/${id}`;
  try {
    return decodePackSet(id, await store.get(name));
  } catch (error) {
    if (error instanceof PortcullisError && !hasCode(error, 'store.missing')) throw error;
    if (mayBeGone) return undefined;
    // Without it nobody knows which packs have to stay.
    throw damaged(name, error);
  }
}
