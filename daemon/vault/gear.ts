import { derive } from './crypto.ts';

/** Content-defined cutting: docs/vault-format.md section 3.5. */

export const DATA_CUT = { minimum: 256 << 10, average: 1 << 20, maximum: 4 << 20 } as const;

/** The secret table of the gear hash. */
export function gearTable(sealingSecret: Uint8Array, vaultId: Uint8Array): Uint32Array {
  const bytes = derive(sealingSecret, vaultId, 'gear', undefined, 1024);
  return Uint32Array.from({ length: 256 }, (_, index) => bytes.readUInt32BE(index * 4));
}

/**
 * Length of the first piece of `bytes` (at most DATA_CUT.maximum of them are looked at), when no more than `bytes` follows
 * or `bytes` is at least DATA_CUT.maximum long.
 */
export function cut(table: Uint32Array, bytes: Uint8Array): number {
  const end = Math.min(bytes.length, DATA_CUT.maximum);
  const middle = Math.min(end, DATA_CUT.average);
  let hash = 0;
  let at = DATA_CUT.minimum;
  // Two masks: hard to meet before the average, easy after it, so that lengths gather around it.
  for (; at < middle; at++) {
    hash = ((hash << 1) + (table[bytes[at] as number] as number)) | 0;
    if (hash >>> 10 === 0) return at + 1;
  }
  for (; at < end; at++) {
    hash = ((hash << 1) + (table[bytes[at] as number] as number)) | 0;
    if (hash >>> 14 === 0) return at + 1;
  }
  return end;
}

/** Whether the file list is cut after `line`: one line in 256, so that the same lines give the same pieces. */
export function cutsAfter(table: Uint32Array, line: Uint8Array): boolean {
  let hash = 0;
  // Not the shift of `cut`: it forgets all but the last 32 bytes, and the ends of lines are alike.
  for (const byte of line) hash = (Math.imul(hash, 0x01000193) + (table[byte] as number)) | 0;
  return hash >>> 24 === 0;
}

/** Room for `pieces` to work in. One stream at a time. */
export function cutWindow(): Buffer {
  return Buffer.allocUnsafe(2 * DATA_CUT.maximum);
}

/** Cuts a stream into pieces. A piece is a view of `window` that is valid until the next one is asked for. */
export async function* pieces(
  table: Uint32Array,
  window: Buffer,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  let start = 0;
  let end = 0;
  for await (let chunk of content) {
    while (chunk.length > 0) {
      if (end === window.length) {
        window.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const taken = Math.min(chunk.length, window.length - end);
      chunk.copy(window, end, 0, taken);
      end += taken;
      chunk = chunk.subarray(taken);
      while (end - start >= DATA_CUT.maximum) {
        const length = cut(table, window.subarray(start, end));
        yield window.subarray(start, start + length);
        start += length;
      }
    }
  }
  while (end > start) {
    const length = cut(table, window.subarray(start, end));
    yield window.subarray(start, start + length);
    start += length;
  }
}
