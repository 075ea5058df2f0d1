import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { reasonOf } from '../base/errors.ts';

const CHUNK = 1 << 20;

/** One file could not be read: that file's problem, not the seal's. */
export class UnreadableFile extends Error {}

/**
 * The bytes of the regular file at `path`, which is not followed when it is a symbolic link. `changed` is called at the end
 * when the file is not what it was at the beginning. Throws UnreadableFile. A chunk is valid until the next one is asked for.
 */
export async function* readFileBytes(path: Buffer, changed: () => void): AsyncGenerator<Buffer> {
  // Not blocking: a pipe that took the file's place must not hold the seal for ever.
  const file = await readable(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  try {
    const before = await statOf(file);
    if (!before.isFile()) throw new UnreadableFile('it is no regular file any more');
    const buffer = Buffer.allocUnsafe(Number(before.size < CHUNK ? before.size + 1n : CHUNK));
    for (;;) {
      const { bytesRead } = await readable(file.read(buffer, 0, buffer.length));
      if (bytesRead === 0) break;
      yield buffer.subarray(0, bytesRead);
    }
    const after = await statOf(file);
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs) changed();
  } finally {
    await file.close();
  }
}

function statOf(file: FileHandle): Promise<BigIntStats> {
  return readable(file.stat({ bigint: true }));
}

async function readable<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new UnreadableFile(reasonOf(error), { cause: error });
  }
}
