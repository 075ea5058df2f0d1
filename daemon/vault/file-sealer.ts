import { createHash } from 'node:crypto';
import { reasonOf } from '../base/errors.ts';
import type { BlobWriter } from './blob-writer.ts';
import { Bundle } from './bundle.ts';
import { beginsAsNamed } from './file-types.ts';
import { BUNDLE_BELOW, TYPE } from './format.ts';
import { Cutter } from './gear.ts';
import { type FileRead, readFilePieces, UnreadableFile } from './read-file.ts';
import { ReferenceList } from './reference.ts';

/** What came of files, in the order in which they were given. It goes from thread to thread. */
export interface SealedFiles {
  readonly files: readonly SealedFile[];
  /** The references of all of them, packed (`ReferenceList`). */
  readonly references: Uint8Array;
}

export type SealedFile =
  | (FileRead & {
      readonly size: number;
      /** How many of the references are this file's. */
      readonly pieces: number;
      /** Absent when all of it is in bundles. */
      readonly sha256: string | undefined;
      /** Whether it begins as its name says (`file-types.ts`). */
      readonly asNamed: boolean | undefined;
    })
  | { readonly unreadable: string };

/** Reads files of this machine and seals what is in them, one thread's share of the work. */
export class FileSealer {
  readonly #blobs: BlobWriter;
  readonly #cutter: Cutter;

  constructor(gear: Uint32Array, blobs: BlobWriter) {
    this.#blobs = blobs;
    this.#cutter = new Cutter(gear);
  }

  /** Seals files of less than a few MiB. One that cannot be read is told. Throws as staging a pack does. */
  seal(paths: readonly Buffer[]): SealedFiles {
    let bundle = new Bundle();
    const flush = () => {
      if (bundle.empty) return;
      bundle.resolve(this.#blobs.put(TYPE.data, bundle.plain));
      bundle = new Bundle();
    };
    const lists: ReferenceList[] = [];
    const files = paths.map((path): SealedFile => {
      const references = new ReferenceList();
      const hash = createHash('sha256');
      let size = 0;
      let bundled = true;
      let asNamed: boolean | undefined;
      try {
        const read = readFilePieces(path, this.#cutter, (piece) => {
          if (size === 0) asNamed = beginsAsNamed(path, piece);
          size += piece.length;
          hash.update(piece);
          if (piece.length < BUNDLE_BELOW) {
            bundle.add(piece, references);
            if (bundle.full) flush();
          } else {
            bundled = false;
            references.push({ blob: this.#blobs.put(TYPE.data, piece), offset: 0, length: piece.length });
          }
        });
        lists.push(references);
        return { ...read, size, pieces: references.length, sha256: bundled ? undefined : hash.digest('hex'), asNamed };
      } catch (error) {
        if (!(error instanceof UnreadableFile)) throw error;
        return { unreadable: reasonOf(error) };
      }
    });
    flush();
    return { files, references: Buffer.concat(lists.map((list) => list.packed)) };
  }
}
