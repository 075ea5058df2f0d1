import { ID_LENGTH, MAX_BLOB } from './format.ts';

/** So many bytes of one blob's plaintext. */
export interface Reference {
  readonly blob: Buffer;
  readonly offset: number;
  readonly length: number;
}

export type ReferenceJson = readonly [string, number, number];

export function referenceToJson(reference: Reference): ReferenceJson {
  return [reference.blob.toString('hex'), reference.offset, reference.length];
}

export function referenceFromJson(value: unknown, at = 'reference'): Reference {
  if (Array.isArray(value) && value.length >= 3) {
    const [id, offset, length] = value as unknown[];
    if (
      typeof id === 'string' &&
      /^[0-9a-f]{64}$/.test(id) &&
      isLength(offset) &&
      isLength(length) &&
      offset + length <= MAX_BLOB
    ) {
      return { blob: Buffer.from(id, 'hex'), offset, length };
    }
  }
  throw new Error(`${at}: expected a reference`);
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Bytes of a packed reference, kept small for files of a million pieces: id, offset, length. */
export const PACKED_REFERENCE = ID_LENGTH + 8;

/** The references of one file, in order. */
export class ReferenceList {
  #bytes: Buffer;
  length: number;

  constructor(bytes: Buffer = Buffer.alloc(4 * PACKED_REFERENCE), length = 0) {
    this.#bytes = bytes;
    this.length = length;
  }

  /** The references in `packed`, which is kept. */
  static from(packed: Uint8Array): ReferenceList {
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    return new ReferenceList(bytes, packed.length / PACKED_REFERENCE);
  }

  /** All of them as bytes, one after the other. */
  get packed(): Buffer {
    return this.#bytes.subarray(0, this.length * PACKED_REFERENCE);
  }

  push(reference: Reference): void {
    const at = this.length * PACKED_REFERENCE;
    if (at >= this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(Math.max(at, PACKED_REFERENCE))]);
    reference.blob.copy(this.#bytes, at);
    this.#bytes.writeUInt32BE(reference.offset, at + ID_LENGTH);
    this.#bytes.writeUInt32BE(reference.length, at + ID_LENGTH + 4);
    this.length++;
  }

  /** Says which blob reference `index` is to: a bundle has no id before it is full. */
  resolve(index: number, blob: Buffer): void {
    blob.copy(this.#bytes, index * PACKED_REFERENCE);
  }

  /** References `from` (inclusive) to `to` (exclusive). */
  toJson(from: number, to: number): ReferenceJson[] {
    const result: ReferenceJson[] = [];
    const end = Math.min(to, this.length) * PACKED_REFERENCE;
    for (let at = from * PACKED_REFERENCE; at < end; at += PACKED_REFERENCE) {
      const blob = this.#bytes.toString('hex', at, at + ID_LENGTH);
      result.push([blob, this.#bytes.readUInt32BE(at + ID_LENGTH), this.#bytes.readUInt32BE(at + ID_LENGTH + 4)]);
    }
    return result;
  }
}
