import { compress, decompress } from 'zstd-napi';

/** zstd at the level that keeps up with the network of a small board. */
export function deflate(plain: Uint8Array): Buffer {
  return compress(plain, { compressionLevel: 3 });
}

/** The content of one zstd frame. Throws when it is none, or not of `length` bytes where that is known. */
export function inflate(frame: Uint8Array, length?: number): Buffer {
  const plain = decompress(frame);
  if (length !== undefined && plain.length !== length) {
    throw new Error(`decompresses to ${plain.length} bytes instead of ${length}`);
  }
  return plain;
}
