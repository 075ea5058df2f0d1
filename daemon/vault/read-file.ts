import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FileIdentity } from '../base/entry.ts';
import { reasonOf } from '../base/errors.ts';
import type { Cutter } from './gear.ts';

const CHUNK = 1 << 20;
/** Not blocking: a pipe that took the file's place must not hold the seal for ever. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One file could not be read: that file's problem, not the seal's. */
export class UnreadableFile extends Error {}

export interface FileRead {
  /** It is not what it was at the beginning. */
  readonly changed: boolean;
  /** What it was all the while it was read; undefined when anything of it changed. */
  readonly identity: FileIdentity | undefined;
}

/**
 * The bytes of the regular file at `path`, which is not followed when it is a symbolic link. `done` is called at the end. Throws
 * UnreadableFile. A chunk is valid until the next one is asked for.
 */
export async function* readFileBytes(path: Buffer, done: (read: FileRead) => void): AsyncGenerator<Buffer> {
  const file = await unlessUnreadable(open(path, FLAGS));
  try {
    const before = regular(await statOf(file));
    const buffer = Buffer.allocUnsafe(Number(before.size < CHUNK ? before.size + 1n : CHUNK));
    for (;;) {
      const { bytesRead } = await unlessUnreadable(file.read(buffer, 0, buffer.length));
      if (bytesRead === 0) break;
      yield buffer.subarray(0, bytesRead);
    }
    done(compare(before, await statOf(file)));
  } finally {
    await file.close();
  }
}

/** As `readFileBytes`, at once, cut into pieces that are each valid until `piece` returns. What `piece` throws comes through as it is. */
export function readFilePieces(path: Buffer, cutter: Cutter, piece: (bytes: Buffer) => void): FileRead {
  cutter.restart();
  const file = readable(() => openSync(path, FLAGS));
  try {
    const before = regular(readable(() => fstatSync(file, { bigint: true })));
    for (;;) {
      const { room } = cutter;
      const length = readable(() => readSync(file, room, 0, room.length, null));
      cutter.filled(length);
      for (let next = cutter.next(length === 0); next !== undefined; next = cutter.next(length === 0)) piece(next);
      if (length === 0) break;
    }
    return compare(
      before,
      readable(() => fstatSync(file, { bigint: true })),
    );
  } finally {
    closeSync(file);
  }
}

function compare(before: BigIntStats, after: BigIntStats): FileRead {
  const changed = after.size !== before.size || after.mtimeNs !== before.mtimeNs;
  const { size, mtimeNs, ctimeNs, ino, dev } = before;
  const steady = !changed && after.ctimeNs === ctimeNs;
  return { changed, identity: steady ? { size, mtimeNs, ctimeNs, ino, dev } : undefined };
}

function regular(stats: BigIntStats): BigIntStats {
  if (!stats.isFile()) throw new UnreadableFile('it is no regular file any more');
  return stats;
}

function statOf(file: FileHandle): Promise<BigIntStats> {
  return unlessUnreadable(file.stat({ bigint: true }));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UnreadableFile(reasonOf(error), { cause: error });
  }
}

async function unlessUnreadable<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new UnreadableFile(reasonOf(error), { cause: error });
  }
}
