import { randomBytes } from 'node:crypto';
import type { BlobWriter } from './blob-writer.ts';
import { BUNDLE_BELOW, TYPE } from './format.ts';
import { cutsAfter } from './gear.ts';
import { comparePaths } from './paths.ts';
import type { Reference } from './reference.ts';

const MINIMUM = 16 << 10;
const MAXIMUM = 256 << 10;

/** Gathers the lines of the file list into pieces: docs/vault-format.md section 3.9. */
export class ListWriter {
  readonly #blobs: BlobWriter;
  readonly #gear: Uint32Array;
  readonly #pieces: { first: Buffer; at: Reference }[] = [];
  #lines: Buffer[] = [];
  #length = 0;
  #first: Buffer | undefined;
  #previous: Buffer | undefined;
  #ordered = true;

  constructor(blobs: BlobWriter, gear: Uint32Array) {
    this.#blobs = blobs;
    this.#gear = gear;
  }

  /** True while every path came after the one before in tree order. */
  get ordered(): boolean {
    return this.#ordered;
  }

  /** Adds the lines of one path. */
  add(path: Buffer, lines: readonly Buffer[]): void {
    if (this.#previous !== undefined && comparePaths(this.#previous, path) >= 0) this.#ordered = false;
    this.#previous = path;
    for (const line of lines) {
      this.#first ??= path;
      this.#lines.push(line);
      this.#length += line.length;
      if (this.#length >= MAXIMUM || (this.#length >= MINIMUM && cutsAfter(this.#gear, line))) this.#cut();
    }
  }

  finish(): readonly { readonly first: Buffer; readonly at: Reference }[] {
    this.#cut();
    return this.#pieces;
  }

  #cut(): void {
    if (this.#first === undefined) return;
    // A short piece is guessed as easily as a short file: it gets a bundle of its own.
    const salt = this.#length < BUNDLE_BELOW ? [randomBytes(32)] : [];
    const plain = Buffer.concat([...salt, ...this.#lines]);
    const blob = this.#blobs.put(TYPE.metadata, plain);
    this.#pieces.push({ first: this.#first, at: { blob, offset: plain.length - this.#length, length: this.#length } });
    this.#lines = [];
    this.#length = 0;
    this.#first = undefined;
  }
}
