import { constants } from 'node:fs';
import { type FileHandle, open, readFile, statfs } from 'node:fs/promises';
import { alignedBuffer, BLOCK, isNotDirect } from './aligned.ts';

/** A pack in one read, nearly always. */
const BUFFER = 9 << 20;
/** ZFS takes O_DIRECT, may answer from its own cache, and counts that as read from the disk. */
const COUNTS_CACHE_HITS = new Set([0x2fc12fc1]);

/**
 * Reads whole files past the page cache (O_DIRECT) where the file system lets it, one file at a time. Whether it did is not taken
 * from the flag, which some file systems accept and do not heed, but measured: the kernel counts what this process had fetched.
 */
export class DirectReader {
  readonly #bufferBytes: number;
  #buffer: Uint8Array | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** `bufferBytes`, read at once, is a multiple of 64 KiB. */
  constructor(bufferBytes = BUFFER) {
    this.#bufferBytes = bufferBytes;
  }

  /**
   * The bytes of the file at `path`; `direct` is true when at least as many were fetched from where the file lies meanwhile, and never for an
   * empty file. What else this process reads at the same time blurs the measure: read nothing large beside it. Rejects as `readFile`.
   */
  read(path: string): Promise<{ bytes: Buffer; direct: boolean }> {
    // One after the other: they share the buffer, and the count.
    const result = this.#last.then(() => this.#read(path));
    this.#last = result.catch(() => {});
    return result;
  }

  async #read(path: string): Promise<{ bytes: Buffer; direct: boolean }> {
    const before = await bytesFetched();
    const bytes = await this.#readDirectly(path);
    if (bytes === undefined) return { bytes: await readFile(path), direct: false };
    const after = await bytesFetched();
    if (before === undefined || after === undefined || bytes.length === 0) return { bytes, direct: false };
    return { bytes, direct: after - before >= bytes.length && !COUNTS_CACHE_HITS.has((await statfs(path)).type) };
  }

  /** Undefined where it cannot be done. */
  async #readDirectly(path: string): Promise<Buffer | undefined> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
      const { size } = await file.stat();
      this.#buffer ??= alignedBuffer(this.#bufferBytes);
      const handle = file;
      return await readAligned(
        async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
        size,
        this.#buffer,
      );
    } catch (error) {
      if (isNotDirect(error)) return undefined;
      throw error;
    } finally {
      await file?.close();
    }
  }
}

/**
 * `size` bytes by reads that each begin at a block and fill `buffer` as far as they like. Undefined when they end before `size`: the
 * file changed, or its reads stop inside a block, from where no direct read goes on.
 */
export async function readAligned(
  read: (buffer: Uint8Array, position: number) => Promise<number>,
  size: number,
  buffer: Uint8Array,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(size);
  for (let filled = 0; filled < size; ) {
    // A short read may have ended anywhere.
    const from = filled - (filled % BLOCK);
    const end = Math.min(size, from + (await read(buffer, from)));
    if (end <= filled) return undefined;
    bytes.set(buffer.subarray(filled - from, end - from), filled);
    filled = end;
  }
  return bytes;
}

/** Bytes that the storage layer has been made to fetch for this process so far; undefined where the kernel does not count. */
async function bytesFetched(): Promise<number | undefined> {
  const counts = await readFile('/proc/self/io', 'utf8').catch(() => '');
  const [, fetched] = /^read_bytes: (\d+)$/m.exec(counts) ?? [];
  return fetched === undefined ? undefined : Number(fetched);
}
