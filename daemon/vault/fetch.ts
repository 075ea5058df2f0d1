import { hasCode, PortcullisError } from '../base/errors.ts';
import type { Chain } from './chain.ts';
import { sha256Aside } from './crypto.ts';
import { FORMAT_NAME, hashInName, packName } from './format.ts';
import { decodePackSet } from './pack-set.ts';
import type { ChainRecord } from './record.ts';
import type { Store } from './store.ts';
import { isStoreFailure } from './vault-error.ts';

export interface Fetched {
  /** Objects and bytes that are there now, those of an earlier run among them. */
  readonly objects: number;
  readonly bytes: number;
  /** What could not be had, with the reason: its files are lost, and the rest can be restored. */
  readonly missing: readonly { readonly object: string; readonly reason: string }[];
}

/**
 * Copies what one snapshot needs, ciphertext as it stands, so that it can be restored from there while the vault is isolated, and the recovery key
 * never meets a connected vault. Needs no key. What is there already and whole is not read again. `record` is a snapshot of `chain`. Rejects as
 * either store does.
 */
export async function fetchSnapshot(options: {
  readonly from: Store;
  readonly to: Store;
  readonly chain: Chain;
  readonly record: ChainRecord;
  readonly signal?: AbortSignal;
  readonly progress?: (done: { readonly objects: number; readonly bytes: number; readonly total: number }) => void;
}): Promise<Fetched> {
  const { from, to, chain, record, signal } = options;
  const { snapshot } = record;
  if (snapshot === undefined) throw new PortcullisError('vault.snapshot', `Record ${record.seq} is no snapshot.`);
  const missing: { object: string; reason: string }[] = [];
  let objects = 0;
  let bytes = 0;

  const copy = async (name: string): Promise<Buffer | undefined> => {
    signal?.throwIfAborted();
    try {
      const content = (await whole(to, name)) ?? (await take(name));
      objects++;
      bytes += content.length;
      options.progress?.({ objects, bytes, total: Math.max(bytes, snapshot.bytes) });
      return content;
    } catch (error) {
      if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
      missing.push({ object: name, reason: error.what });
      return undefined;
    }
  };
  const take = async (name: string): Promise<Buffer> => {
    const content = await from.get(name);
    const hash = hashInName(name);
    if (hash !== undefined && (await sha256Aside(content)) !== hash)
      throw new PortcullisError('vault.damaged', `${name} is not what its name says.`);
    await to.put(name, content).catch((error: unknown) => {
      // An attempt that was cut short left something else there, or FORMAT is there already.
      if (!hasCode(error, 'store.exists')) throw error;
      if (name !== FORMAT_NAME)
        throw new PortcullisError('vault.destination', `${name} is there already, and is damaged.`);
    });
    return content;
  };

  await copy(FORMAT_NAME);
  // The whole chain: that a snapshot is in it is what makes it one.
  for (const { name } of chain.records) await copy(name);
  const sessions = new Set([snapshot.session]);
  const packs = new Set<string>();
  for (const id of snapshot.packsets) {
    const content = await copy(`packsets/${id}`);
    for (const pack of content === undefined ? [] : decodePackSet(id, content)) {
      packs.add(pack.name);
      sessions.add(pack.session);
    }
  }
  for await (const { name } of from.list('keys')) if (!name.startsWith('keys/session-')) await copy(name);
  for (const id of sessions) await copy(`keys/session-${id}`);
  await copy(`manifests/${snapshot.manifest.name}`);
  // No index: the packs' footers say the same, and these are here.
  for (const pack of packs) await copy(packName(pack));
  return { objects, bytes, missing };
}

/** The object, where it is there and what its name says. */
async function whole(store: Store, name: string): Promise<Buffer | undefined> {
  const hash = hashInName(name);
  if (hash === undefined || (await store.size(name)) === undefined) return undefined;
  const content = await store.get(name);
  return (await sha256Aside(content)) === hash ? content : undefined;
}
