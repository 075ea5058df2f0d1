import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import type { SealingKeys } from './appliance-secrets.ts';
import { readAvoided } from './avoided-packs.ts';
import { blobIds, plainBytes } from './blob-table.ts';
import { sha256Hex } from './crypto.ts';
import { ID_LENGTH, parseRecordName } from './format.ts';
import { sessionIn } from './header.ts';
import { openIndex } from './index-object.ts';
import { KnownBlobs, type SharedBlobs, shareBlobs } from './known-blobs.ts';
import { readLost } from './lost-packs.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import { PackTable } from './pack-table.ts';
import { listBatches } from './staging.ts';
import type { Store } from './store.ts';
import { attempt } from './vault-error.ts';

/**
 * What the appliance remembers of the vault, so that sealing can leave out what is there: copies of the indexes and pack
 * sets of shipped batches in `<state>/index` and `<state>/packsets`, beside the list of lost packs (`lost-packs.ts`).
 * All of it can be thrown away together: then the next seal writes everything again.
 */
export interface Known {
  /** Blobs of the asked-for epoch, each in the pack of that number. */
  readonly blobs: SharedBlobs;
  readonly packs: PackTable;
  /** Usable pack sets: no pack in them is lost. */
  readonly packSets: ReadonlyMap<string, readonly ListedPack[]>;
}

const HASH = /^[0-9a-f]{64}$/;

/**
 * Reads what is known of shipped batches and of those in staging, but nothing of what is in the packs `sparse`. Damaged memories are forgotten, not
 * trusted.
 */
export async function readKnown(
  state: string,
  staging: string,
  keys: SealingKeys,
  epoch: string,
  sparse: ReadonlySet<string> = new Set(),
): Promise<Known> {
  const lost = new Set((await readLost(state)).keys());
  /** What a killed seal staged and nobody will ship is in no draft: what built on it would come to nothing. */
  const drafted = new Set<string>();
  // Staging first: ship copies a batch's memories to the state directory before it removes the batch.
  const folders: string[] = [];
  for (const { batch, draft } of await listBatches(staging)) {
    const folder = join(staging, batch);
    if (await isDoomed(draft.body?.packsets ?? [], [folder, state], lost)) {
      // Ship will drop it: what builds on its packs would be dropped with it.
      for (const name of draft.objects) if (name.startsWith('packs/')) lost.add(name.slice(-64));
    } else {
      folders.push(folder);
      for (const name of draft.objects) if (/^(index|packsets)\//.test(name)) drafted.add(name);
    }
  }
  folders.push(state);
  // Only now: a batch that was sealed before a pack was to be avoided is as good as it was.
  for (const pack of await readAvoided(state)) lost.add(pack);
  const blobs = shareBlobs(await countBlobs(folders));
  const map = new KnownBlobs(blobs);
  const packs = new PackTable();
  const packSets = new Map<string, readonly ListedPack[]>();
  for (const folder of folders) {
    const counts = (name: string) => folder === state || drafted.has(name);
    for await (const [hash, bytes] of remembered(join(folder, 'index'))) {
      if (!counts(`index/${hash}`)) continue;
      const index = attempt(() => openIndex(bytes, keys.vaultId, keys.indexKey.reveal()));
      if (index?.epoch !== epoch) continue;
      for (const { hash, size, header, table } of index.packs) {
        if (lost.has(hash) || sparse.has(hash)) continue;
        const number = map.newPack();
        packs.set(number, { name: hash, size, session: sessionIn(header) }, plainBytes(table));
        for (const id of blobIds(table)) map.claim(id, number);
      }
    }
    for await (const [hash, listed] of recallPackSets(folder)) {
      if (counts(`packsets/${hash}`) && !listed.some((pack) => lost.has(pack.name))) packSets.set(hash, listed);
    }
  }
  return { blobs, packs, packSets };
}

/** At most so many blobs are in the indexes of these folders: ids do not compress. */
async function countBlobs(folders: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const folder of folders) {
    for (const file of await filesIn(join(folder, 'index'))) {
      bytes += await stat(join(folder, 'index', file)).then(
        ({ size }) => size,
        () => 0,
      );
    }
  }
  return Math.ceil(bytes / ID_LENGTH);
}

/** Whether one of these pack sets lists a lost pack. */
async function isDoomed(
  ids: readonly string[],
  folders: readonly string[],
  lost: ReadonlySet<string>,
): Promise<boolean> {
  for (const id of lost.size === 0 ? [] : ids) {
    for (const folder of folders) {
      if ((await recallPackSet(folder, id))?.some(({ name }) => lost.has(name))) return true;
    }
  }
  return false;
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    // Another process may be writing here: its temporary names are its own.
    return (await readdir(folder)).filter((name) => HASH.test(name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function* remembered(folder: string): AsyncGenerator<[string, Buffer]> {
  for (const hash of await filesIn(folder)) {
    const bytes = await readFile(join(folder, hash)).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
    if (bytes === undefined) continue;
    if (sha256Hex(bytes) === hash) yield [hash, bytes];
    else await rm(join(folder, hash), { force: true });
  }
}

/** Keeps a shipped index or pack set (`name` as in the vault). */
export async function remember(state: string, name: string, bytes: Uint8Array): Promise<void> {
  const [folder = '', hash = ''] = name.split('/');
  await makeDirectory(join(state, folder));
  await writeDurably(join(state, folder, hash), bytes);
}

/** Forgets an index or pack set that the vault holds damaged: nothing may name it again. */
export async function forget(state: string, name: string): Promise<void> {
  await rm(join(state, name), { force: true });
}

/** Every pack set in memory. */
export async function* recallPackSets(folder: string): AsyncGenerator<[string, readonly ListedPack[]]> {
  for await (const [hash, bytes] of remembered(join(folder, 'packsets'))) {
    const packs = attempt(() => decodePackSet(hash, bytes));
    if (packs !== undefined) yield [hash, packs];
  }
}

/**
 * The chain's records as they were when they were first read: each is read from the vault once. Another one under its name would not have
 * the name's hash, and `list` is always the vault's.
 */
export function recallingRecords(store: Pick<Store, 'get' | 'list'>, state: string): Pick<Store, 'get' | 'list'> {
  return {
    list: (prefix) => store.list(prefix),
    async get(name) {
      const hash = parseRecordName(name)?.hash;
      const path = join(state, name);
      const known = hash === undefined ? undefined : await readFile(path).catch(() => undefined);
      if (known !== undefined && sha256Hex(known) === hash) return known;
      const bytes = await store.get(name);
      if (sha256Hex(bytes) === hash) await remember(state, name, bytes);
      return bytes;
    },
  };
}

/** A pack set from memory, or undefined. */
export async function recallPackSet(folder: string, id: string): Promise<ListedPack[] | undefined> {
  const bytes = await readFile(join(folder, 'packsets', id)).catch(() => undefined);
  return bytes === undefined ? undefined : attempt(() => decodePackSet(id, bytes));
}
