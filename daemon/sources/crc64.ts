/** A reflected 64-bit cyclic redundancy check, fed piece by piece. Two 32-bit halves: BigInt is a hundred times slower. */
export class Crc64 {
  readonly #polynomial: bigint;
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #flip: number;
  #l: number;
  #h: number;

  /** `polynomial` with its bits reversed; `inverted`: begins as and ends by inverting all bits. */
  constructor(polynomial: bigint, inverted: boolean) {
    this.#polynomial = polynomial;
    [this.#low, this.#high] = tables(polynomial);
    this.#flip = inverted ? 0xffffffff : 0;
    this.#l = this.#flip;
    this.#h = this.#flip;
  }

  add(bytes: Uint8Array): void {
    const low = this.#low;
    const high = this.#high;
    let l = this.#l;
    let h = this.#h;
    for (let at = 0; at < bytes.length; at++) {
      const index = (l ^ (bytes[at] as number)) & 0xff;
      l = ((l >>> 8) | (h << 24)) ^ (low[index] as number);
      h = (h >>> 8) ^ (high[index] as number);
    }
    this.#l = l;
    this.#h = h;
  }

  /** Another one that has seen the same. */
  copy(): Crc64 {
    const copy = new Crc64(this.#polynomial, this.#flip !== 0);
    copy.#l = this.#l;
    copy.#h = this.#h;
    return copy;
  }

  get value(): bigint {
    const half = (bits: number) => BigInt((bits ^ this.#flip) >>> 0);
    return (half(this.#h) << 32n) | half(this.#l);
  }
}

/** The polynomial of Redis (Jones), and that of Go's `crc64.ECMA`, both reversed. */
export const JONES = 0x95ac9329ac4bc9b5n;
export const ECMA = 0xc96c5795d7870f42n;

function tables(polynomial: bigint): [Uint32Array, Uint32Array] {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    low[byte] = Number(value & 0xffffffffn);
    high[byte] = Number(value >> 32n);
  }
  return [low, high];
}
