import type { Readable } from 'node:stream';

/** What became of a request's body. `size` is how many bytes of it arrived. */
export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer; readonly size: number }
  /** Larger than what is kept; `complete` when it was read to its end all the same. */
  | { readonly kind: 'oversize'; readonly complete: boolean; readonly size: number }
  /** The connection ended before the body did. */
  | { readonly kind: 'cut'; readonly size: number };

export interface BodyLimits {
  /** Most bytes that are kept. */
  readonly keep: number;
  /** Most bytes that are read; at least `keep`. */
  readonly read: number;
}

/**
 * Reads `stream`, handing each chunk to `see`, and stops as soon as the limit is passed, or at once when `declared`
 * (Content-Length) says it will be. Never rejects.
 */
export function readBody(
  stream: Readable,
  declared: number,
  limits: BodyLimits,
  see: (chunk: Buffer) => void = () => {},
): Promise<Body> {
  return new Promise((resolve) => {
    let kept = Buffer.alloc(0);
    let size = 0;
    const finish = (body: Body) => {
      stream.off('data', take).off('end', end).off('close', cut);
      // What still comes flows on into nothing: many senders read no answer before they have sent everything.
      stream.resume();
      resolve(body);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.read) return finish({ kind: 'oversize', complete: false, size });
      see(chunk);
      kept = size > limits.keep ? Buffer.alloc(0) : append(kept, size, chunk, limits.keep);
    };
    const end = () =>
      finish(
        size > limits.keep
          ? { kind: 'oversize', complete: true, size }
          : { kind: 'whole', bytes: kept.subarray(0, size), size },
      );
    const cut = () => finish({ kind: 'cut', size });
    // A request that is torn down emits an error; 'close' follows it and says all there is to know.
    stream.on('error', () => {});
    if (declared > limits.read) return finish({ kind: 'oversize', complete: false, size });
    if (stream.destroyed) return cut();
    stream.on('data', take).on('end', end).on('close', cut);
  });
}

/**
 * `buffer` with `chunk` behind what it holds of `size` bytes, grown by doubling. Chunks are copied because a body sent
 * byte by byte would otherwise cost a hundred times its size, before anybody knows who sent it.
 */
function append(buffer: Buffer<ArrayBuffer>, size: number, chunk: Buffer, maximum: number): Buffer<ArrayBuffer> {
  let target = buffer;
  if (size > buffer.length) {
    target = Buffer.allocUnsafeSlow(Math.min(maximum, Math.max(size, buffer.length * 2, 4096)));
    buffer.copy(target);
  }
  chunk.copy(target, size - chunk.length);
  return target;
}
