import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { list } from '../base/shape.ts';
import type { SealingKeys } from './appliance-secrets.ts';
import { sha256Hex } from './crypto.ts';
import { decodeIndex, type IndexContent } from './index-object.ts';
import { hex } from './loose.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import { listBatches } from './staging.ts';

/**
 * What the appliance remembers of the vault, so that sealing can leave out what is there: copies of the indexes and pack
 * sets of shipped batches in `<state>/index` and `<state>/packsets`, and in `<state>/lost.json` the packs that were found missing.
 * All of it can be thrown away: then the next seal writes everything again.
 */
export interface Known {
  /** Indexes of the asked-for epoch. */
  readonly indexes: readonly IndexContent[];
  /** Usable pack sets: no pack in them is lost. */
  readonly packSets: ReadonlyMap<string, readonly ListedPack[]>;
  readonly lost: ReadonlySet<string>;
}

const LOST = 'lost.json';
const HASH = /^[0-9a-f]{64}$/;
const names = list(hex(32), Number.MAX_SAFE_INTEGER);

/** Reads what is known of shipped batches and of those in staging. Damaged memories are forgotten, not trusted. */
export async function readKnown(state: string, staging: string, keys: SealingKeys, epoch: string): Promise<Known> {
  const lost = await readLost(state);
  // Staging first: ship copies a batch's memories to the state directory before it removes the batch.
  const folders = [...(await listBatches(staging)).map(({ batch }) => join(staging, batch)), state];
  const indexes = new Map<string, IndexContent>();
  const packSets = new Map<string, readonly ListedPack[]>();
  for (const folder of folders) {
    for await (const [hash, bytes] of remembered(join(folder, 'index'))) {
      const index = attempt(() => decodeIndex(bytes, keys.vaultId, keys.indexKey.reveal()));
      if (index?.epoch === epoch) indexes.set(hash, index);
    }
    for await (const [hash, packs] of recallPackSets(folder)) {
      if (!packs.some((pack) => lost.has(pack.name))) packSets.set(hash, packs);
    }
  }
  return { indexes: [...indexes.values()], packSets, lost };
}

/** A memory that cannot be read is as good as none: at worst its content is written once more. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

async function* remembered(folder: string): AsyncGenerator<[string, Buffer]> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  // Another process may be writing here: its temporary names are its own.
  for (const hash of files.filter((name) => HASH.test(name))) {
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

/** A pack set from memory, or undefined. */
export async function recallPackSet(folder: string, id: string): Promise<ListedPack[] | undefined> {
  const bytes = await readFile(join(folder, 'packsets', id)).catch(() => undefined);
  return bytes === undefined ? undefined : attempt(() => decodePackSet(id, bytes));
}

export async function readLost(state: string): Promise<Set<string>> {
  const bytes = await readFile(join(state, LOST), 'utf8').catch(() => undefined);
  const packs = bytes === undefined ? undefined : attempt(() => names(JSON.parse(bytes)));
  return new Set(packs);
}

/** Notes packs the vault does not have: seal treats what was in them as new. */
export async function rememberLost(state: string, packs: readonly string[]): Promise<void> {
  const lost = await readLost(state);
  for (const pack of packs) lost.add(pack);
  await makeDirectory(state);
  await writeDurably(join(state, LOST), JSON.stringify([...lost].sort()));
}
