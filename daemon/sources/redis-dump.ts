import { Crc64, JONES } from './crc64.ts';

/** Bytes of the mark behind a dump that the server wrote straight to the connection. */
const MARK = 40;
/** The last opcode and the checksum. */
const END = 9;

/**
 * A dump of Redis out of what `redis-cli --rdb -` prints: begins with `REDIS` and its version, ends with opcode 255 and a CRC-64 (Jones) of all before
 * it, little-endian, which is 0 where the server has `rdbchecksum no`. A server that replicates without a disk sends 40 hexadecimal digits after it,
 * which redis-cli cuts off a file but cannot cut off a pipe; they are cut off here. Rejects unless the dump is whole.
 * Source: rdb.c and replication.c of Redis.
 */
export async function* redisDump(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const crc = new Crc64(JONES, false);
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (head.length < END) head = Buffer.concat([head, chunk.subarray(0, END - head.length)]);
    const all = Buffer.concat([tail, chunk]);
    const passed = all.subarray(0, Math.max(0, all.length - END - MARK));
    // A copy: a slice would keep its whole chunk.
    tail = Buffer.from(all.subarray(passed.length));
    crc.add(passed);
    if (passed.length > 0) yield passed;
  }
  if (!/^REDIS\d{4}$/.test(head.toString('latin1'))) throw new Error('what came is no dump of Redis');
  if (tail.length === END + MARK && /^[0-9a-f]{40}$/.test(tail.toString('latin1', END)) && ends(tail, 0, crc)) {
    yield tail.subarray(0, END);
    return;
  }
  if (!ends(tail, tail.length - END, crc))
    throw new Error('the dump does not end as one of Redis does: it was cut short or damaged');
  yield tail;
}

/** Whether the last opcode stands at `at`, and the checksum after it. `crc` has seen what is before `tail`. */
function ends(tail: Buffer, at: number, crc: Crc64): boolean {
  if (at < 0 || tail[at] !== 0xff) return false;
  const sum = crc.copy();
  sum.add(tail.subarray(0, at + 1));
  const written = tail.readBigUInt64LE(at + 1);
  return written === 0n || written === sum.value;
}
