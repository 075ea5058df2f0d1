import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, syncDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { integer, list, type Of, object, oneOf, optional, text } from '../base/shape.ts';
import { PACK_SETS_READ } from './format.ts';
import { hex } from './loose.ts';
import type { SnapshotStatus } from './record.ts';

/**
 * Staging: one folder a batch, `<order>-<random>`, laid out like the vault but for packs, which lie in one folder; ciphertext only. Its
 * `draft.json` is written last and makes it a batch; without one it is what is being sealed, or what a killed seal left.
 */

const draftShape = object({
  version: integer(1, 1),
  vaultId: hex(16),
  /** For the keeper: the record carries only an opaque id. */
  source: object({ name: text(), kind: text() }),
  files: integer(),
  bytes: integer(),
  newBytes: integer(),
  problems: integer(),
  /** Names of the batch's objects in the order they are shipped. */
  objects: list(text(200), Number.MAX_SAFE_INTEGER),
  /** The record's fields; ship adds its place in the chain. Absent in a part, of which no record comes. */
  body: optional(
    object({
      time: text(40),
      source: hex(32),
      status: oneOf<SnapshotStatus>('complete', 'partial', 'suspicious'),
      session: hex(32),
      manifest: object({ name: hex(32), size: integer() }),
      packsets: list(hex(32), PACK_SETS_READ),
      packs: integer(),
      bytes: integer(),
    }),
  ),
});

export type Draft = Of<typeof draftShape>;

/** A finished batch waiting to be shipped. */
export interface Batch {
  readonly batch: string;
  readonly draft: Draft;
}

const BATCH = /^\d{10}-[0-9a-f]{8}$/;
const DRAFT = 'draft.json';

async function folders(staging: string): Promise<string[]> {
  try {
    return (await readdir(staging)).filter((name) => BATCH.test(name)).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw stagingError(staging, error);
  }
}

async function readDraft(staging: string, batch: string): Promise<Draft | undefined> {
  const path = join(staging, batch, DRAFT);
  let bytes: string;
  try {
    bytes = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw stagingError(path, error);
  }
  try {
    return draftShape(JSON.parse(bytes));
  } catch (error) {
    throw stagingError(path, error);
  }
}

/** Batches with a draft, in the order they were sealed and have to be shipped. Rejects with `vault.staging`. */
export async function listBatches(staging: string): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (const batch of await folders(staging)) {
    const draft = await readDraft(staging, batch);
    if (draft !== undefined) batches.push({ batch, draft });
  }
  return batches;
}

/** Folders without a draft, oldest first: what killed seals left, as long as none runs. */
export async function unfinishedBatches(staging: string): Promise<string[]> {
  const unfinished: string[] = [];
  for (const batch of await folders(staging)) {
    if ((await readDraft(staging, batch)) === undefined) unfinished.push(batch);
  }
  return unfinished;
}

/** A new batch's folder. */
export async function createBatch(staging: string): Promise<string> {
  const batch = await nextBatch(staging);
  await stage(async () => makeDirectory(join(staging, batch)), staging);
  return batch;
}

async function nextBatch(staging: string): Promise<string> {
  const newest = (await folders(staging)).at(-1);
  const order = newest === undefined ? 1 : Number(newest.slice(0, 10)) + 1;
  return `${String(order).padStart(10, '0')}-${randomBytes(4).toString('hex')}`;
}

/** Stages one object as a part of its own, whole from its first moment: a seal that runs takes it for nobody's leavings. Rejects with `vault.staging`. */
export async function stagePart(
  staging: string,
  part: Pick<Draft, 'vaultId' | 'source'>,
  name: string,
  bytes: Uint8Array,
): Promise<string> {
  const making = '.part';
  await stage(async () => {
    await makeDirectory(staging);
    await rm(join(staging, making), { recursive: true, force: true });
  }, staging);
  await stageObject(staging, making, name, bytes);
  const figures = { files: 0, bytes: 0, problems: 0, newBytes: bytes.length };
  await stageDraft(staging, making, { version: 1, ...part, ...figures, objects: [name] });
  const batch = await nextBatch(staging);
  await stage(async () => {
    await rename(join(staging, making), join(staging, batch));
    await syncDirectory(staging);
  }, staging);
  return batch;
}

/** Where an object of a batch lies. */
export function stagedPath(staging: string, batch: string, name: string): string {
  return join(staging, batch, name.replace(/^packs\/[0-9a-f]{2}\//, 'packs/'));
}

/** Stages one object, durably. */
export async function stageObject(staging: string, batch: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = stagedPath(staging, batch, name);
  await stage(async () => {
    await makeDirectory(dirname(path));
    await writeDurably(path, bytes);
  }, path);
}

/** The folder of a batch's packs. */
export function packsFolder(staging: string, batch: string): string {
  return join(staging, batch, 'packs');
}

/** Turns what was staged into a batch. The bytes of its packs have to be durable, their names become so here. */
export async function stageDraft(staging: string, batch: string, draft: Draft): Promise<void> {
  const path = join(staging, batch, DRAFT);
  await stage(async () => {
    if (draft.objects.some((name) => name.startsWith('packs/'))) await syncDirectory(packsFolder(staging, batch));
    await writeDurably(path, JSON.stringify(draft));
  }, path);
}

/** Bytes of a staged object; undefined when it is not there. Rejects with `vault.staging`. */
export async function readStaged(staging: string, batch: string, name: string): Promise<Buffer | undefined> {
  const path = stagedPath(staging, batch, name);
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    // Not `readFile`, which takes sixteen turns for a pack.
    const bytes = Buffer.allocUnsafe((await file.stat()).size);
    let filled = 0;
    for (let more = -1; more !== 0 && filled < bytes.length; filled += more) {
      more = (await file.read(bytes, filled, bytes.length - filled, filled)).bytesRead;
    }
    return bytes.subarray(0, filled);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw stagingError(path, error);
  } finally {
    await file?.close();
  }
}

/** Removes a batch, its draft first, so that a removal cut short leaves no batch with objects missing. */
export async function removeBatch(staging: string, batch: string): Promise<void> {
  const folder = join(staging, batch);
  await stage(async () => {
    await rm(join(folder, DRAFT), { force: true });
    // Ship and the next seal's sweep may remove the same batch at once.
    await syncDirectory(folder).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
    await rm(folder, { recursive: true, force: true });
    await syncDirectory(staging);
  }, folder);
}

async function stage(action: () => Promise<void>, path: string): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw stagingError(path, error);
  }
}

/** What went wrong at `path`, as `vault.staging`. */
export function stagingError(path: string, error: unknown): PortcullisError {
  return new PortcullisError('vault.staging', `Staging failed at ${path}: ${reasonOf(error)}.`, { cause: error });
}
