import { compress, decompress } from 'zstd-napi';
import binding from 'zstd-napi/binding.js';

/** The level that keeps up with the network of a small board. */
export const DEFAULT_LEVEL = 3;

export function deflate(plain: Uint8Array): Buffer {
  return compress(plain, { compressionLevel: DEFAULT_LEVEL });
}

/** Compresses one content after the other in memory of its own. */
export class Deflater {
  readonly #level: number;
  readonly #context = new binding.CCtx();
  #room = Buffer.allocUnsafe(0);

  /** `level` is zstd's, from 1 to 19. */
  constructor(level: number) {
    this.#level = level;
  }

  /** One zstd frame that states its content's size, valid until the next call. */
  deflate(plain: Uint8Array): Buffer {
    const bound = binding.compressBound(plain.length);
    if (this.#room.length < bound) this.#room = Buffer.allocUnsafeSlow(bound);
    return this.#room.subarray(0, this.#context.compress(this.#room, plain, this.#level));
  }
}

let inflater: InstanceType<typeof binding.DCtx> | undefined;

/** The content of one zstd frame. Throws when it is none, or not of `length` bytes where that is known. */
export function inflate(frame: Uint8Array, length?: number): Buffer {
  if (length === undefined) return decompress(frame);
  inflater ??= new binding.DCtx();
  // Never more than was asked for, whatever the frame says.
  const plain = Buffer.allocUnsafe(length);
  const found = inflater.decompress(plain, frame);
  if (found !== length) throw new Error(`decompresses to ${found} bytes instead of ${length}`);
  return plain;
}
