import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Hole } from './extras.ts';
import type { ListedFile } from './file-list.ts';

const ZEROS = Buffer.alloc(1 << 16);
const LOOK = 1 << 20;

/** Writes `content` to an empty file. What `entry` says was a hole becomes one where `content` is zero there, and only there. */
export async function writeBytes(
  file: FileHandle,
  entry: Pick<ListedFile, 'holes'>,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const holes = entry.holes ?? [];
  let at = 0;
  for await (const bytes of content) {
    for (const [from, to, hole] of spans(holes, at, at + bytes.length)) {
      const part = bytes.subarray(from - at, to - at);
      if (!hole || !isZero(part)) await writeAll(file, part, from);
    }
    at += bytes.length;
  }
  await file.truncate(at);
}

/** Whether `file` holds what `entry` says: by its hash, or where it has none, by its content. */
export async function holdsBytes(
  file: FileHandle,
  entry: Pick<ListedFile, 'sha256'>,
  content: () => AsyncIterable<Buffer>,
): Promise<boolean> {
  const found = createHash('sha256');
  const buffer = Buffer.allocUnsafe(LOOK);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, LOOK, at);
    if (bytesRead === 0) break;
    found.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  let expected = entry.sha256;
  if (expected === undefined) {
    const hash = createHash('sha256');
    for await (const bytes of content()) hash.update(bytes);
    expected = hash.digest('hex');
  }
  return found.digest('hex') === expected;
}

/** The range from `from` to `to`, cut where holes begin and end: [from, to, whether it is one]. */
function* spans(holes: readonly Hole[], from: number, to: number): Generator<[number, number, boolean]> {
  let at = from;
  for (const [offset, length] of holes) {
    const end = Math.min(offset + length, to);
    if (end <= at) continue;
    if (offset >= to) break;
    if (offset > at) yield [at, offset, false];
    yield [Math.max(at, offset), end, true];
    at = end;
  }
  if (at < to) yield [at, to, false];
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (!part.equals(ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}

/** All of it: a full disk takes a part first and says so only when asked again. */
async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
