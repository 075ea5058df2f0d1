import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FileIdentity } from '../base/entry.ts';
import { derive, gcmOpen, gcmSeal } from './crypto.ts';
import { comparePaths } from './paths.ts';
import { PACKED_REFERENCE } from './reference.ts';

/**
 * What a source's files were when they were sealed last, so that those that are still the same need not be read: where each one's content
 * lies, in the order of the list. A memory and no more: whoever uses it makes sure that the blobs are still known. What of it is lost, torn
 * or foreign costs time. It holds names of files in a file on the appliance, encrypted and authenticated under the sealing secret.
 *
 * A salt, when it was written (milliseconds since the epoch, 8 bytes), then blocks: length of the ciphertext (4 bytes), AES-256-GCM under a key of this file alone, nonce counted from 0,
 * additional data vault id and time. A block is
 * whole records. No block says that it is the last: a file cut short is only less.
 */

export interface Remembered {
  readonly path: Buffer;
  readonly identity: Omit<FileIdentity, 'dev'>;
  /**
   * A change from now on would show in the identity. False where the file was read so soon after its last change, by a clock that may not
   * be the file system's, that another change could have left the same times.
   */
  readonly settled: boolean;
  readonly sha256: string | undefined;
  /** Packed (`ReferenceList`). */
  readonly references: Uint8Array;
}

/** As it was found in a memory, with its own bytes. */
export interface Found extends Remembered {
  readonly bytes: Buffer;
}

const SALT = 32;
const HEAD = SALT + 8;
const BLOCK = 256 << 10;
const MAX_BLOCK = 1 << 30;
/** Length of path, 4 numbers of 8 bytes, flags, number of references. */
const FIXED = 2 + 32 + 1 + 4;
const SETTLED = 1;
const HASHED = 2;

function unlock(secret: Uint8Array, vaultId: Buffer, head: Buffer): { key: Buffer; aad: Buffer } {
  const key = derive(secret, vaultId, 'unchanged', head.subarray(0, SALT));
  return { key, aad: Buffer.concat([vaultId, head.subarray(SALT)]) };
}

/** Reads a memory beside the walk through a source that comes in the same order. Holds one block. */
export class UnchangedReader {
  /** When it was written, milliseconds since the epoch. */
  readonly wall: number = 0;
  readonly #lock: ReturnType<typeof unlock> | undefined;
  #file: number | undefined;
  #counter = 0;
  #block: Buffer = Buffer.alloc(0);
  /** Of the block: it reads long numbers several times as fast. */
  #numbers = viewOf(this.#block);
  #at = 0;
  #next: Found | undefined;

  constructor(path: string, secret: Uint8Array, vaultId: Buffer) {
    try {
      this.#file = openSync(path, 'r');
      const head = this.#read(HEAD);
      this.wall = head.readDoubleBE(SALT);
      this.#lock = unlock(secret, vaultId, head);
      this.#next = this.#record();
    } catch {
      this.close();
    }
  }

  /** What is remembered of `path`, if paths are asked for in tree order. */
  find(path: Buffer): Found | undefined {
    while (this.#next !== undefined) {
      const order = comparePaths(this.#next.path, path);
      if (order > 0) return undefined;
      const found = this.#next;
      try {
        this.#next = this.#record();
      } catch {
        // Torn or damaged: what comes after it is not known any more.
        this.close();
      }
      if (order === 0) return found;
    }
    return undefined;
  }

  close(): void {
    this.#next = undefined;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #record(): Found | undefined {
    if (this.#at === this.#block.length) {
      const length = this.#read(4, true).readUInt32BE();
      if (length === 0) return undefined;
      if (length > MAX_BLOCK) throw new RangeError(`a block of ${length} bytes`);
      if (this.#lock === undefined) return undefined;
      this.#block = gcmOpen(this.#lock.key, this.#counter++, this.#lock.aad, this.#read(length));
      this.#numbers = viewOf(this.#block);
      this.#at = 0;
    }
    const block = this.#block;
    const numbers = this.#numbers;
    const from = this.#at;
    const pathLength = numbers.getUint16(from);
    const identity = {
      size: numbers.getBigUint64(from + 2),
      mtimeNs: numbers.getBigInt64(from + 10),
      ctimeNs: numbers.getBigInt64(from + 18),
      ino: numbers.getBigUint64(from + 26),
    };
    const flags = numbers.getUint8(from + 34);
    const references = numbers.getUint32(from + 35) * PACKED_REFERENCE;
    let at = from + FIXED;
    const path = block.subarray(at, at + pathLength);
    at += pathLength;
    let sha256: string | undefined;
    if ((flags & HASHED) !== 0) {
      sha256 = block.toString('hex', at, at + 32);
      at += 32;
    }
    this.#at = at + references;
    return {
      path,
      identity,
      settled: (flags & SETTLED) !== 0,
      sha256,
      references: block.subarray(at, this.#at),
      bytes: block.subarray(from, this.#at),
    };
  }

  /** So many bytes of the file; zeros at its end where `orEnd`. */
  #read(length: number, orEnd = false): Buffer {
    const bytes = Buffer.alloc(length);
    const got = this.#file === undefined ? 0 : readSync(this.#file, bytes, 0, length, null);
    if (got < length && !(orEnd && got === 0)) throw new Error('is cut short');
    return bytes;
  }
}

/** Writes a memory anew. It takes the old one's place when it is finished. What cannot be written is not remembered. */
export class UnchangedWriter {
  readonly #path: string;
  readonly #lock: ReturnType<typeof unlock>;
  #file: number | undefined;
  #block = Buffer.allocUnsafeSlow(BLOCK + (BLOCK >> 2));
  #numbers = viewOf(this.#block);
  #length = 0;
  #counter = 0;

  /** `wall` is now, milliseconds since the epoch. */
  constructor(path: string, secret: Uint8Array, vaultId: Buffer, wall: number) {
    this.#path = path;
    const head = Buffer.alloc(HEAD);
    randomFillSync(head, 0, SALT);
    head.writeDoubleBE(wall, SALT);
    this.#lock = unlock(secret, vaultId, head);
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      this.#file = openSync(`${path}.tmp`, 'w', 0o600);
      writeFileSync(this.#file, head);
    } catch {
      this.abandon();
    }
  }

  /** Remembers a file, in tree order. */
  add({ path, identity, settled, sha256, references }: Remembered): void {
    if (this.#file === undefined || path.length > 0xffff) return;
    const hash = sha256 === undefined ? NOTHING : Buffer.from(sha256, 'hex');
    let at = this.#room(FIXED + path.length + hash.length + references.length);
    const numbers = this.#numbers;
    numbers.setUint16(at, path.length);
    numbers.setBigUint64(at + 2, identity.size);
    numbers.setBigInt64(at + 10, identity.mtimeNs);
    numbers.setBigInt64(at + 18, identity.ctimeNs);
    numbers.setBigUint64(at + 26, identity.ino);
    numbers.setUint8(at + 34, (settled ? SETTLED : 0) | (sha256 === undefined ? 0 : HASHED));
    numbers.setUint32(at + 35, references.length / PACKED_REFERENCE);
    at += FIXED;
    for (const part of [path, hash, references]) {
      this.#block.set(part, at);
      at += part.length;
    }
  }

  /** Remembers a file as it was found in the old memory, in tree order. */
  keep({ bytes }: Found): void {
    if (this.#file === undefined) return;
    const at = this.#room(bytes.length);
    this.#block.set(bytes, at);
  }

  finish(): void {
    this.#flush();
    if (this.#file === undefined) return;
    try {
      fsyncSync(this.#file);
      renameSync(`${this.#path}.tmp`, this.#path);
      closeSync(this.#file);
      this.#file = undefined;
    } catch {
      this.abandon();
    }
  }

  /** Ends here, unfinished, under the name of a memory that is being written. */
  leave(): void {
    this.#flush();
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
  }

  /** Leaves the old memory as it is. Does nothing after `finish`. */
  abandon(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    rmSync(`${this.#path}.tmp`, { force: true });
  }

  /** Where in the block the next `length` bytes go. */
  #room(length: number): number {
    if (this.#length >= BLOCK) this.#flush();
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#block.length) {
      const larger = Buffer.allocUnsafeSlow(this.#length);
      this.#block.copy(larger, 0, 0, at);
      this.#block = larger;
      this.#numbers = viewOf(larger);
    }
    return at;
  }

  #flush(): void {
    if (this.#file === undefined || this.#length === 0) return;
    try {
      const plain = this.#block.subarray(0, this.#length);
      const sealed = gcmSeal(this.#lock.key, this.#counter++, this.#lock.aad, plain);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(sealed.length);
      writeFileSync(this.#file, length);
      writeFileSync(this.#file, sealed);
    } catch {
      this.abandon();
    }
    this.#length = 0;
  }
}

const NOTHING = Buffer.alloc(0);

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
