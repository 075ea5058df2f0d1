import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { alignedBuffer, BLOCK, isNotDirect } from './aligned.ts';

/** A pack in one write, nearly always. */
const BUFFER = 9 << 20;
/** Shorter ones are not worth it. */
const LEAST = 1 << 16;
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const MODE = 0o400;

/**
 * Writes new files past the page cache (O_DIRECT) where the file system lets it, one at a time: what is written once and read back from
 * the disk has no use for memory, and filling it takes longer than the disk.
 */
export class DirectWriter {
  #buffer: Uint8Array | undefined;
  #direct = true;
  #last: Promise<unknown> = Promise.resolve();

  /** Makes the file at `path`, its bytes durable. Rejects as `open` and `write` do; then what is there is not whole. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#direct && bytes.length >= LEAST) {
      // One after the other: they share the buffer.
      const written = this.#last.then(() => this.#writeDirectly(path, bytes));
      this.#last = written.catch(() => {});
      if (await written) return;
      this.#direct = false;
      await rm(path, { force: true });
    }
    await inFile(await open(path, NEW, MODE), (file) => writeAll(file, bytes, bytes.length, 0));
  }

  /** False where it cannot be done. */
  async #writeDirectly(path: string, bytes: Uint8Array): Promise<boolean> {
    try {
      this.#buffer ??= alignedBuffer(BUFFER);
      const buffer = this.#buffer;
      await inFile(await open(path, NEW | constants.O_DIRECT, MODE), async (file) => {
        for (let at = 0; at < bytes.length; at += buffer.length) {
          const part = bytes.subarray(at, at + buffer.length);
          buffer.set(part);
          await writeAll(file, buffer, Math.ceil(part.length / BLOCK) * BLOCK, at);
        }
        await file.truncate(bytes.length);
      });
      return true;
    } catch (error) {
      if (isNotDirect(error)) return false;
      throw error;
    }
  }
}

async function inFile(file: FileHandle, write: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await write(file);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** The first `length` of `bytes`, in one call nearly always: `writeFile` takes sixteen turns for a pack. */
async function writeAll(file: FileHandle, bytes: Uint8Array, length: number, position: number): Promise<void> {
  for (let at = 0; at < length; ) at += (await file.write(bytes, at, length - at, position + at)).bytesWritten;
}
