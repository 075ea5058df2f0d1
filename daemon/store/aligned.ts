import { errnoOf } from '../base/errors.ts';

/** Direct reads and writes (O_DIRECT) have to begin at a multiple of this, and writes to end at one: no disk has larger blocks. */
export const BLOCK = 4096;

/** Of a WebAssembly.Memory, the one thing in Node whose memory begins at a page, as the kernel wants it. */
const WASM_PAGE = 1 << 16;
/** Node has it, its types have not. */
const { WebAssembly: Wasm } = globalThis as unknown as {
  WebAssembly: { Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };
};

/** Memory for direct reads and writes: `bytes` of it, a multiple of 64 KiB. Throws RangeError where there is none to be had. */
export function alignedBuffer(bytes: number): Uint8Array {
  return new Uint8Array(new Wasm.Memory({ initial: bytes / WASM_PAGE }).buffer);
}

/** Whether `error` says that a file cannot be read or written directly here. */
export function isNotDirect(error: unknown): boolean {
  return error instanceof RangeError || ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '');
}
