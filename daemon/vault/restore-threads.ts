import { isOwn, startThread } from '../base/thread.ts';
import { ThreadPool, YOUNG } from '../base/thread-pool.ts';
import type { Place } from './blob-reader.ts';
import type { ListedFile } from './file-list.ts';
import { packName } from './format.ts';
import type { Reference } from './reference.ts';
import type { Flaw, RestoreTarget } from './restore-target.ts';
import type { GivenBlob, RestoreAnswer, RestoreRequest, RestoreThreadSetup } from './restore-thread.ts';
import type { Vault } from './vault.ts';

/** Files go to a thread together, up to so many, and as many as are in so many bytes of blobs. */
const BATCH_FILES = 512;
const BATCH_BYTES = 4 << 20;
/** Longer files are written by the thread that reads the list, their blobs opened ahead by others. */
export const SHORT = BATCH_BYTES;
/** Parts of packs that are fetched at once. */
const FETCHED = 8;

type Keyed = Place & { readonly key: Buffer };
type Written = (flaw: Flaw | typeof NOT_WRITTEN) => void;

/** The threads could not: it has to be restored another way, which also tells why. */
export const NOT_WRITTEN = Symbol('not written');

/**
 * Threads that open blobs and write short files. The ciphertext is fetched here, for a store belongs to one thread.
 *
 * Memory: each thread has at most two batches, and this one makes a third: BATCH_BYTES of ciphertext and, while a thread works on it, of
 * content, or one blob where that is larger (8 MiB).
 */
export class RestoreThreads {
  readonly #vault: Vault;
  readonly #folder: RestoreTarget['folder'];
  readonly #pool: ThreadPool<RestoreRequest, RestoreAnswer>;
  #files: { readonly line: Buffer; readonly written: Written }[] = [];
  #blobs = new Map<string, Keyed>();
  #bytes = 0;
  #used = false;

  constructor(count: number, vault: Vault, folder: RestoreTarget['folder']) {
    this.#vault = vault;
    this.#folder = folder;
    const workerData: RestoreThreadSetup = {
      vaultId: vault.keys.vaultId,
      blobIdKey: vault.keys.blobIdKey.reveal(),
      root: folder?.root,
    };
    const start = () => startThread(import.meta.url, 'restore-thread', { workerData, resourceLimits: YOUNG });
    this.#pool = new ThreadPool(count, start);
  }

  /** Whether it can write this file. */
  takes({ line, link, holes, size }: ListedFile): boolean {
    return (
      this.#folder !== undefined && line !== undefined && link === undefined && holes === undefined && size <= SHORT
    );
  }

  /** Writes a file, some time later. Rejects when a thread has failed, or `written` has thrown. */
  async write({ line, content }: ListedFile, written: Written): Promise<void> {
    for (const { blob } of content) {
      const id = blob.toString('hex');
      if (this.#blobs.has(id)) continue;
      const keyed = await this.#vault.blobs.keyed(blob).catch(() => undefined);
      if (keyed === undefined) return written(NOT_WRITTEN);
      this.#blobs.set(id, keyed);
      this.#bytes += keyed.blob.plainLength;
    }
    if (line !== undefined) this.#files.push({ line, written });
    if (this.#files.length >= BATCH_FILES || this.#bytes >= BATCH_BYTES) await this.#give();
  }

  /** Resolves when every file has been written, or not. Rejects as `write`. */
  async settle(): Promise<void> {
    // Starting a thread takes longer than writing what is not even one batch.
    if (this.#used) await this.#give();
    else for (const { written } of this.#take().files) written(NOT_WRITTEN);
    await this.#pool.answered();
  }

  /** The bytes of a reference, opened by a thread. Rejects as `BlobReader.read`. */
  async read(reference: Reference): Promise<Buffer> {
    const keyed = await this.#vault.blobs.keyed(reference.blob);
    const content = keyed && (await this.#open(keyed));
    if (content === undefined) return this.#vault.blobs.read(reference);
    const bytes = content.subarray(reference.offset, reference.offset + reference.length);
    return bytes.length === reference.length ? bytes : this.#vault.blobs.read(reference);
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  async #open(keyed: Keyed): Promise<Buffer | undefined> {
    const request = await this.#request([keyed], undefined);
    await this.#pool.ready();
    return new Promise((resolve) => {
      const done = ({ content }: RestoreAnswer) =>
        resolve(content && Buffer.from(content.buffer, content.byteOffset, content.byteLength));
      this.#pool.ask(request, done, transferable(request.parts));
    });
  }

  /** The batch in the making; the next one is begun. */
  #take() {
    const batch = { files: this.#files, blobs: [...this.#blobs.values()] };
    this.#files = [];
    this.#blobs = new Map();
    this.#bytes = 0;
    return batch;
  }

  async #give(): Promise<void> {
    const { files, blobs } = this.#take();
    if (files.length === 0) return;
    this.#used = true;
    const request = await this.#request(blobs, Buffer.concat(files.map(({ line }) => line)));
    await this.#pool.ready();
    this.#pool.ask(
      request,
      ({ files: results = [], notes }) => {
        for (const note of notes) this.#folder?.note(note);
        for (const [index, { written }] of files.entries()) {
          const result = index < results.length ? results[index] : false;
          written(result === false ? NOT_WRITTEN : result);
        }
      },
      transferable(request.parts),
    );
  }

  /** Fetches what blobs are in. What cannot be fetched is left out. */
  async #request(blobs: readonly Keyed[], files: Uint8Array | undefined): Promise<RestoreRequest> {
    const packs = [...new Set(blobs.map(({ pack }) => pack))];
    const spans = spansOf(blobs);
    const parts: Uint8Array[] = [];
    const given: GivenBlob[] = [];
    for (let from = 0; from < spans.length; from += FETCHED) {
      const fetch = async ({ pack, offset, length, blobs }: Span) => {
        const part = await this.#vault.store.get(packName(pack.hash), { offset, length });
        for (const { blob } of blobs) {
          const { id, index, compressed, storedLength, plainLength } = blob;
          given.push({
            ...{ id: id.toString('hex'), index, compressed, storedLength, plainLength },
            ...{ pack: packs.indexOf(pack), part: parts.length, offset: blob.offset - offset },
          });
        }
        parts.push(part);
      };
      await Promise.allSettled(spans.slice(from, from + FETCHED).map(fetch));
    }
    const keys = new Map(blobs.map(({ pack, key }) => [pack, key]));
    return {
      files,
      blobs: given,
      // Copies: the headers are views of an index, the keys of a pool, which would go along whole.
      packs: packs.map((pack) => ({
        header: Uint8Array.from(pack.header.bytes),
        key: Uint8Array.from(keys.get(pack) ?? []),
      })),
      parts,
    };
  }
}

/** Blobs of one pack that lie one after the other. */
interface Span {
  readonly pack: Place['pack'];
  readonly offset: number;
  length: number;
  readonly blobs: Keyed[];
}

function spansOf(blobs: readonly Keyed[]): Span[] {
  const ordered = [...blobs].sort((a, b) =>
    a.pack === b.pack ? a.blob.offset - b.blob.offset : a.pack.hash < b.pack.hash ? -1 : 1,
  );
  const spans: Span[] = [];
  for (const one of ordered) {
    const { pack, blob } = one;
    const last = spans.at(-1);
    if (last !== undefined && last.pack === pack && last.offset + last.length === blob.offset) {
      last.length += blob.storedLength;
      last.blobs.push(one);
    } else spans.push({ pack, offset: blob.offset, length: blob.storedLength, blobs: [one] });
  }
  return spans;
}

function transferable(parts: readonly Uint8Array[]): ArrayBuffer[] {
  return parts.filter(isOwn).map(({ buffer }) => buffer);
}
