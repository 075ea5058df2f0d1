import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { canonical, type Json } from '../base/canonical.ts';
import { makeDirectory, syncDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { type Asset, type CollectionName, type Document, ForgeError, type ReadContext } from '../forges/forge.ts';
import { fileNameOf, type StoredDocument } from '../forges/layout.ts';

/** How many files are made durable at a time. */
const AT_ONCE = 16;

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

  /** Takes a page of documents in. Rejects with `ForgeError` when a file that belongs to one cannot be had. */
  async put(documents: readonly Document[], context: ReadContext): Promise<void> {
    await makeDirectory(this.#path);
    let changed = false;
    for (let at = 0; at < documents.length; at += AT_ONCE) {
      const written = await Promise.all(
        documents
          .slice(at, at + AT_ONCE)
          .map(({ key, object }) => this.#write({ collection: this.#collection, key, object })),
      );
      changed ||= written.includes(true);
    }
    if (changed) await syncDirectory(this.#path);
    for (const { key, assets = [] } of documents) for (const asset of assets) await this.#fetch(key, asset, context);
  }

  /** Flags what is not among `keys` as gone since `time`; resolves with how many documents have gone in all. Nothing is removed. */
  async keepOnly(keys: ReadonlySet<string>, time: string): Promise<number> {
    const names = new Set([...keys].map(fileNameOf));
    let gone = 0;
    for (const name of await documentsIn(this.#path)) {
      if (names.has(name)) continue;
      gone += 1;
      const document = JSON.parse(await readFile(join(this.#path, `${name}.json`), 'utf8')) as StoredDocument;
      if (document.gone === undefined) await this.#write({ ...document, gone: time });
    }
    return gone;
  }

  async #write(document: StoredDocument): Promise<boolean> {
    return writeDocument(join(this.#path, `${fileNameOf(document.key)}.json`), document);
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
      throw new ForgeError({ kind: 'failed' }, `${asset.name} of ${key}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    await rename(part, path);
    await writeDurably(mark, asset.version);
  }
}

/** Writes a document unless it is there as it is; resolves with whether it was written. */
export async function writeDocument(path: string, document: StoredDocument): Promise<boolean> {
  const bytes = Buffer.from(`${canonical(wellFormed(document as unknown as Json))}\n`);
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(bytes)) return false;
  await writeDurably(path, bytes);
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
