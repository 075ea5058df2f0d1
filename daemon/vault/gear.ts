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
  for (let at = 0; at < line.length; at++) {
    hash = (Math.imul(hash, 0x01000193) + (table[line[at] as number] as number)) | 0;
  }
  return hash >>> 24 === 0;
}

/** Cuts one stream after the other into pieces, in memory of its own. A piece is a view that is valid until more bytes are filled in. */
export class Cutter {
  readonly #table: Uint32Array;
  readonly #window = Buffer.allocUnsafeSlow(2 * DATA_CUT.maximum);
  #start = 0;
  #end = 0;

  constructor(table: Uint32Array) {
    this.#table = table;
  }

  /** Begins a new stream, whatever was left of the one before. */
  restart(): void {
    this.#start = 0;
    this.#end = 0;
  }

  /** Where the next bytes of the stream go: never empty while `next` is asked after each filling. */
  get room(): Buffer {
    if (this.#end === this.#window.length) {
      this.#window.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#window.subarray(this.#end);
  }

  /** Says how many bytes were put into `room`. */
  filled(length: number): void {
    this.#end += length;
  }

  /** The next piece; undefined when it takes more bytes to tell, or, after the `last` of them, when there is none. */
  next(last: boolean): Buffer | undefined {
    const left = this.#end - this.#start;
    if (left === 0 || (left < DATA_CUT.maximum && !last)) return undefined;
    const length = cut(this.#table, this.#window.subarray(this.#start, this.#end));
    const piece = this.#window.subarray(this.#start, this.#start + length);
    this.#start += length;
    return piece;
  }
}

/** Cuts `content` into pieces, each valid until the next one is asked for. */
export async function* pieces(cutter: Cutter, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  cutter.restart();
  for await (let chunk of content) {
    while (chunk.length > 0) {
      const taken = chunk.copy(cutter.room);
      cutter.filled(taken);
      chunk = chunk.subarray(taken);
      for (let piece = cutter.next(false); piece !== undefined; piece = cutter.next(false)) yield piece;
    }
  }
  for (let piece = cutter.next(true); piece !== undefined; piece = cutter.next(true)) yield piece;
}
