import { type FileHandle, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, hasCode } from '../base/errors.ts';
import type { SealingKeys } from './appliance-secrets.ts';
import { encodeBlobTable } from './blob-table.ts';
import { sha256Hex } from './crypto.ts';
import type { TabledPack } from './index-object.ts';
import { OpenBatch } from './open-batch.ts';
import { readPackTable } from './pack.ts';
import { packsFolder, removeBatch, stagedPath, stagingError, unfinishedBatches } from './staging.ts';

export interface Left {
  /** Packs of killed seals that will be shipped and built on, as parts. */
  readonly adopted: number;
  /** Batches of which nothing could be used. */
  readonly removed: readonly string[];
}

const SESSION = /^session-([0-9a-f]{64})$/;
const PACK = /^[0-9a-f]{64}$/;

/**
 * Makes a part of what each killed seal left in staging, so that the next one does not do that work again: every pack whose bytes are
 * what its name says and whose footer is this appliance's. What is of another epoch, or without the object that holds its session key, is
 * removed. Only while no seal runs. Rejects with `vault.staging`.
 */
export async function adoptLeft(
  staging: string,
  keys: SealingKeys,
  epoch: string,
  source: { readonly name: string; readonly kind: string },
): Promise<Left> {
  let adopted = 0;
  const removed: string[] = [];
  for (const batch of await unfinishedBatches(staging)) {
    const packs = await adopt(staging, batch, keys, epoch, source).catch((error: unknown) => {
      // No room for an index, most of all: then what was left only takes more of it.
      if (!hasCode(error, 'vault.staging')) throw error;
      return 0;
    });
    adopted += packs;
    if (packs > 0) continue;
    await removeBatch(staging, batch);
    removed.push(batch);
  }
  return { adopted, removed };
}

async function adopt(
  staging: string,
  batch: string,
  keys: SealingKeys,
  epoch: string,
  source: { readonly name: string; readonly kind: string },
): Promise<number> {
  const folder = join(staging, batch);
  const session = await readSessionOf(join(folder, 'keys'), epoch);
  if (session === undefined) return 0;
  const indexKey = keys.indexKey.reveal();
  const open = new OpenBatch({ staging, vaultId: keys.vaultId, indexKey, epoch, source }, batch);
  open.has(`keys/session-${session.id}`, session.size);
  for (const name of await filesIn(packsFolder(staging, batch))) {
    const path = stagedPath(staging, batch, `packs/${name}`);
    const pack = PACK.test(name) ? await readPack(path, name, keys.vaultId, indexKey) : undefined;
    if (pack !== undefined && pack.session === session.id) open.hasPack(pack);
    else await rm(path, { force: true });
  }
  const { packs } = open;
  if (packs > 0) await open.finish();
  return packs;
}

async function readSessionOf(folder: string, epoch: string): Promise<{ id: string; size: number } | undefined> {
  for (const name of await filesIn(folder)) {
    const id = SESSION.exec(name)?.[1];
    if (id === undefined) continue;
    const bytes = await readFile(join(folder, name));
    if (sha256Hex(bytes) !== id) continue;
    const content: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof content === 'object' && content !== null && 'epoch' in content && content.epoch === epoch) {
      return { id, size: bytes.length };
    }
  }
  return undefined;
}

/** The pack at `path`, durable, or undefined when it is torn, or not this appliance's. */
async function readPack(
  path: string,
  hash: string,
  vaultId: Buffer,
  indexKey: Uint8Array,
): Promise<(TabledPack & { readonly session: string }) | undefined> {
  let file: FileHandle | undefined;
  let bytes: Buffer;
  try {
    file = await open(path, 'r');
    bytes = await file.readFile();
    await file.datasync();
  } catch (error) {
    throw stagingError(path, error);
  } finally {
    await file?.close();
  }
  if (sha256Hex(bytes) !== hash) return undefined;
  try {
    const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
    const { header, blobs } = await readPackTable(read, bytes.length, vaultId, indexKey);
    const table = encodeBlobTable(blobs);
    return { hash, size: bytes.length, header: header.bytes, table, session: header.session.toString('hex') };
  } catch {
    return undefined;
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw stagingError(folder, error);
  }
}
