import { randomBytes } from 'node:crypto';
import { BUNDLE_TARGET } from './format.ts';
import type { ReferenceList } from './reference.ts';

/** Most contents in one bundle: files wait in memory for the bundle they are in. */
const MAX_CONTENTS = 1000;

/** A bundle in the making: docs/vault-format.md section 3.4. */
export class Bundle {
  readonly #parts: Buffer[] = [randomBytes(32)];
  readonly #waiting: { list: ReferenceList; index: number }[] = [];
  #length = 32;

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  get full(): boolean {
    return this.#length >= BUNDLE_TARGET || this.#waiting.length >= MAX_CONTENTS;
  }

  /** Takes a copy of `content` and appends a reference to it, without its blob id, to `list`. */
  add(content: Uint8Array, list: ReferenceList): void {
    this.#waiting.push({ list, index: list.length });
    list.push({ blob: Buffer.alloc(32), offset: this.#length, length: content.length });
    this.#parts.push(Buffer.from(content));
    this.#length += content.length;
  }

  get plain(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** Tells every reference which blob the bundle became. */
  resolve(blob: Buffer): void {
    for (const { list, index } of this.#waiting) list.resolve(index, blob);
  }
}
