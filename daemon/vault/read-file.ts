import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FileIdentity } from '../base/entry.ts';
import { reasonOf } from '../base/errors.ts';
import type { Posix } from '../files/posix.ts';
import { type Hole, MAX_HOLES } from './extras.ts';
import type { Cutter } from './gear.ts';

const CHUNK = 1 << 20;
const ZEROS = Buffer.alloc(CHUNK);
/** Not blocking: a pipe that took the file's place must not hold the seal for ever. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One file could not be read: that file's problem, not the seal's. */
export class UnreadableFile extends Error {}

export interface FileRead {
  /** It is not what it was at the beginning. */
  readonly changed: boolean;
  /** What it was all the while it was read; undefined when anything of it changed. */
  readonly identity: FileIdentity | undefined;
  /** The largest of its holes, in order, where they were looked for. */
  readonly holes?: readonly Hole[];
}

/**
 * The bytes of the regular file at `path`, which is not followed when it is a symbolic link. Holes are given as zeros and not read, where
 * `posix` can find them. `done` is called at the end. Throws UnreadableFile. A chunk is valid, and not to be written to, until the next one is
 * asked for.
 */
export async function* readFileBytes(
  path: Buffer,
  posix: Pick<Posix, 'nextData'> | undefined,
  done: (read: FileRead) => void,
): AsyncGenerator<Buffer> {
  const file = await unlessUnreadable(open(path, FLAGS));
  try {
    const before = regular(await statOf(file));
    const buffer = Buffer.allocUnsafe(Number(before.size < CHUNK ? before.size + 1n : CHUNK));
    const size = Number(before.size);
    const sparse = before.blocks * 512n < before.size ? posix : undefined;
    const holes: Hole[] = [];
    let at = 0;
    while (sparse !== undefined && at < size) {
      const data = readable(() => sparse.nextData(file.fd, at));
      const from = Math.min(data?.from ?? size, size);
      if (from > at) holes.push([at, from - at]);
      for (; at < from; at += Math.min(CHUNK, from - at)) yield ZEROS.subarray(0, Math.min(CHUNK, from - at));
      const to = Math.min(data?.to ?? size, size);
      while (at < to) {
        const { bytesRead } = await unlessUnreadable(file.read(buffer, 0, Math.min(buffer.length, to - at), at));
        if (bytesRead === 0) break;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      // It was cut short meanwhile: what follows is what is there now.
      if (at < to) break;
    }
    for (;;) {
      const { bytesRead } = await unlessUnreadable(file.read(buffer, 0, buffer.length, at));
      if (bytesRead === 0) break;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    const read = compare(before, await statOf(file));
    done(holes.length === 0 ? read : { ...read, holes: largest(holes) });
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

function largest(holes: Hole[]): Hole[] {
  if (holes.length <= MAX_HOLES) return holes;
  const kept = [...holes].sort(([, a], [, b]) => b - a).slice(0, MAX_HOLES);
  return kept.sort(([a], [b]) => a - b);
}

function compare(before: BigIntStats, after: BigIntStats): FileRead {
  const { size, mtimeNs, ctimeNs, ino, dev } = before;
  // The change of status too: whoever writes may set the time of modification back.
  const changed = after.size !== size || after.mtimeNs !== mtimeNs || after.ctimeNs !== ctimeNs;
  return { changed, identity: changed ? undefined : { size, mtimeNs, ctimeNs, ino, dev } };
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
