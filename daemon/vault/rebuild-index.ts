import { PortcullisError } from '../base/errors.ts';
import type { SealingKeys } from './appliance-secrets.ts';
import { encodeBlobTable } from './blob-table.ts';
import { expiredAt } from './buried.ts';
import type { Chain } from './chain.ts';
import { sha256Hex } from './crypto.ts';
import { packName } from './format.ts';
import { encodeIndex, INDEX_TARGET, openIndex, type TabledPack } from './index-object.ts';
import { parseSession } from './key-objects.ts';
import { remember } from './known-packs.ts';
import { type LostPack, rememberLost } from './lost-packs.ts';
import { readPackTable } from './pack.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import type { Store } from './store.ts';
import { attempt, isStoreFailure, unlessDamaged } from './vault-error.ts';

export interface Rebuilt {
  /** Packs that the snapshots need and that the next seal can build on. */
  readonly packs: number;
  /** Of these, packs that no index of the vault describes: their footers did. */
  readonly footers: number;
  /** Packs that snapshots need and that are gone. The next seal writes again what the sources still have of them. */
  readonly lost: number;
}

/**
 * Brings back what an appliance remembers of its vault (`known-packs.ts`) from the vault itself: the pack sets that signed records name, the
 * indexes that open under its own index key, and the footers of packs that none of these describes. What cannot be read is left out: its content
 * is written once more. `wall` is now, milliseconds since the epoch. Rejects as the store does.
 */
export async function rebuildIndex(options: {
  readonly store: Store;
  readonly state: string;
  readonly keys: SealingKeys;
  readonly chain: Chain;
  readonly wall: number;
  readonly progress?: (done: { readonly objects: number }) => void;
}): Promise<Rebuilt> {
  const { store, state, keys, chain, wall } = options;
  const indexKey = keys.indexKey.reveal();
  let objects = 0;
  const told = () => options.progress?.({ objects: ++objects });

  const needed = new Map<string, ListedPack>();
  const expired = expiredAt(chain.records, wall);
  const sets = new Set(
    chain.records.filter(({ hash }) => !expired.has(hash)).flatMap(({ snapshot }) => snapshot?.packsets ?? []),
  );
  for (const id of sets) {
    const bytes = await unlessDamaged(store.get(`packsets/${id}`));
    const packs = bytes === undefined ? undefined : attempt(() => decodePackSet(id, bytes));
    told();
    if (bytes === undefined || packs === undefined) continue;
    for (const pack of packs) needed.set(pack.name, pack);
    await remember(state, `packsets/${id}`, bytes);
  }

  const present = new Map<string, number>();
  for await (const { name, size } of store.list('packs')) present.set(name, size);
  const lost: LostPack[] = [];
  for (const [pack, { size }] of needed) {
    const found = present.get(packName(pack));
    if (found === size) continue;
    lost.push({ pack, problem: found === undefined ? 'is missing' : `has ${found} bytes instead of ${size}` });
  }
  await rememberLost(state, lost);
  for (const { pack } of lost) needed.delete(pack);

  const described = new Set<string>();
  for await (const { name } of store.list('index')) {
    const bytes = await unlessDamaged(store.get(name));
    told();
    if (bytes === undefined || name !== `index/${sha256Hex(bytes)}`) continue;
    const index = attempt(() => openIndex(bytes, keys.vaultId, indexKey));
    if (index === undefined) continue;
    for (const { hash } of index.packs) described.add(hash);
    await remember(state, name, bytes);
  }

  const byEpoch = new Map<string, TabledPack[]>();
  const epochs = new Map<string, string | undefined>();
  let footers = 0;
  const write = async (epoch: string) => {
    const packs = byEpoch.get(epoch) ?? [];
    byEpoch.delete(epoch);
    const index = encodeIndex({ epoch, packs }, keys.vaultId, indexKey);
    await remember(state, `index/${sha256Hex(index)}`, index);
  };
  for (const [name, { size, session }] of needed) {
    if (described.has(name)) continue;
    if (!epochs.has(session)) epochs.set(session, await epochOfSession(store, session));
    const epoch = epochs.get(session);
    const pack = epoch === undefined ? undefined : await readFooter(store, name, size, keys);
    told();
    if (epoch === undefined || pack === undefined) continue;
    footers++;
    const packs = byEpoch.get(epoch) ?? [];
    byEpoch.set(epoch, packs);
    packs.push(pack);
    if (packs.reduce((sum, { table }) => sum + table.length, 0) >= INDEX_TARGET) await write(epoch);
  }
  for (const epoch of byEpoch.keys()) await write(epoch);
  return { packs: needed.size, footers, lost: lost.length };
}

async function epochOfSession(store: Store, id: string): Promise<string | undefined> {
  const bytes = await unlessDamaged(store.get(`keys/session-${id}`));
  return bytes === undefined ? undefined : attempt(() => parseSession(id, bytes).epoch);
}

async function readFooter(
  store: Store,
  hash: string,
  size: number,
  keys: SealingKeys,
): Promise<TabledPack | undefined> {
  const read = (offset: number, length: number) => store.get(packName(hash), { offset, length });
  try {
    const { header, blobs } = await readPackTable(read, size, keys.vaultId, keys.indexKey.reveal());
    return { hash, size, header: header.bytes, table: encodeBlobTable(blobs) };
  } catch (error) {
    if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
    return undefined;
  }
}
