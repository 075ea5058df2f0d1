import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { canonical, type Json } from '../base/canonical.ts';
import { makeDirectory, syncDirectory, writeDurably, writeWhole } from '../base/durable.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { type Asset, type CollectionName, type Document, ForgeError, type ReadContext } from '../forges/forge.ts';
import { fileNameOf, type StoredDocument } from '../forges/layout.ts';

/** How many files are made durable at a time. */
const AT_ONCE = 16;
/** Faults of our own disk, for which no forge is to blame. */
const OWN_FAULTS = new Set(['EACCES', 'EDQUOT', 'EIO', 'EMFILE', 'ENOSPC', 'EROFS']);

/**
 * One collection in the working copy: a folder of documents. What is here is on disk before anything says that it was read.
 * A document that is what it was keeps its file, and with it its times.
 */
export class CollectionFolder {
  readonly #path: string;
  readonly #collection: CollectionName;

  constructor(path: string, collection: CollectionName) {
    this.#path = path;
    this.#collection = collection;
  }

  /**
   * Takes a page of documents in. Resolves with what could not be had of files that belong to them, in words: those that are
   * here already stay as they are. Rejects with `ForgeError` only when the token is not valid.
   */
  async put(documents: readonly Document[], context: ReadContext): Promise<string[]> {
    await makeDirectory(this.#path);
    // A list that moves while it is read may name one twice.
    const last = new Map(documents.map((document) => [document.key, document]));
    await this.#writeAll([...last.values()].map(({ key, object }) => ({ collection: this.#collection, key, object })));
    const lost: string[] = [];
    for (const { key, assets = [] } of last.values())
      for (const asset of assets)
        await this.#fetch(key, asset, context).catch((error: unknown) => {
          context.signal.throwIfAborted();
          if (!(error instanceof ForgeError) || error.refusal.kind === 'unauthenticated') throw error;
          lost.push(`${asset.name} of ${key}: ${error.message}.`);
        });
    return lost;
  }

  /**
   * Flags what is not among `keys` as gone since `time`; nothing is removed. Resolves with what is wrong with documents that
   * are here and were not given again.
   */
  async keepOnly(keys: ReadonlySet<string>, time: string): Promise<string[]> {
    const names = new Set([...keys].map(fileNameOf));
    const faults: string[] = [];
    const gone: StoredDocument[] = [];
    for (const name of await documentsIn(this.#path)) {
      if (names.has(name)) continue;
      const path = join(this.#path, `${name}.json`);
      try {
        const document = JSON.parse(await readFile(path, 'utf8')) as StoredDocument;
        if (document.gone === undefined) gone.push({ ...document, gone: time });
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        faults.push(`${path} in the working copy is damaged, and the forge does not have it any more: remove it.`);
      }
    }
    await this.#writeAll(gone);
    return faults;
  }

  /** Durable when it resolves. What is as it was keeps its file. */
  async #writeAll(documents: readonly StoredDocument[]): Promise<void> {
    let changed = false;
    for (let at = 0; at < documents.length; at += AT_ONCE) {
      const written = await Promise.all(
        documents.slice(at, at + AT_ONCE).map((document) => {
          const path = join(this.#path, `${fileNameOf(document.key)}.json`);
          return writeChanged(path, document, writeWhole);
        }),
      );
      changed ||= written.includes(true);
    }
    if (changed) await syncDirectory(this.#path);
  }

  /** A file of a document, once for each version of it. */
  async #fetch(key: string, asset: Asset, context: ReadContext): Promise<void> {
    const folder = join(this.#path, `${fileNameOf(key)}.assets`);
    const path = join(folder, fileNameOf(asset.name));
    // Hidden, so that it is no entry: which version the file beside it is.
    const mark = join(folder, `.${createHash('sha256').update(asset.name).digest('hex').slice(0, 32)}`);
    if ((await textOf(mark)) === asset.version && (await textOf(path, true)) !== undefined) return;
    await makeDirectory(folder);
    const part = `${mark}.part`;
    try {
      let size = 0;
      const count = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          if (asset.size !== undefined && size > asset.size) done(new Error(`it is larger than ${asset.size} bytes`));
          else done(null, chunk);
        },
      });
      await pipeline(Readable.from(asset.open(context)), count, createWriteStream(part, { mode: 0o600, flush: true }), {
        signal: context.signal,
      });
      if (asset.size !== undefined && size !== asset.size) throw new Error(`${size} bytes of ${asset.size} came`);
    } catch (error) {
      await rm(part, { force: true });
      if (error instanceof ForgeError || context.signal.aborted) throw error;
      if (OWN_FAULTS.has(errnoOf(error) ?? '')) throw error;
      throw new ForgeError({ kind: 'failed' }, reasonOf(error), { cause: error });
    }
    await rename(part, path);
    await writeDurably(mark, asset.version);
  }
}

/** Writes a document durably unless it is there as it is; resolves with whether it was written. */
export async function writeDocument(path: string, document: StoredDocument): Promise<boolean> {
  return writeChanged(path, document, writeDurably);
}

async function writeChanged(path: string, document: StoredDocument, write: typeof writeDurably): Promise<boolean> {
  const bytes = Buffer.from(`${canonical(wellFormed(document as unknown as Json))}\n`);
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(bytes)) return false;
  await write(path, bytes);
  return true;
}

/** Names without `.json` of the documents in a folder, which need not exist. */
export async function documentsIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .map((name) => name.slice(0, -'.json'.length));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Text may hold half a character that canonical JSON cannot say; a forge that sent one has lost the other half. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), wellFormed(one as Json)]));
  return value;
}

async function textOf(path: string, onlyWhether = false): Promise<string | undefined> {
  try {
    return onlyWhether ? String((await stat(path)).size) : await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
