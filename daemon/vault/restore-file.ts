import { closeSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { ListedFile } from './file-list.ts';
import { isUnder } from './paths.ts';
import type { AttributeSetter } from './restore-attributes.ts';

/** In the folder to restore to: where an unfinished restore keeps what it is of, and what it is writing. Gone when it is finished. */
export const OWN = Buffer.from('.portcullis-restore');

export function refuseOwn(path: Buffer): void {
  if (isUnder(path, OWN)) throw new Error(`has the name of this program's own folder, ${OWN.toString()}`);
}

/** Writes short files into a folder, at once, each under a name of its own first: one thread's. */
export class FileWriter {
  readonly #root: Buffer;
  readonly #part: Buffer;
  readonly #attributes: AttributeSetter;
  #parent: Buffer = Buffer.alloc(0);

  /** `part` tells writers in the same folder apart. */
  constructor(root: Buffer, part: string, attributes: AttributeSetter) {
    this.#root = root;
    this.#part = this.#at(Buffer.concat([OWN, Buffer.from(`/part-${part}`)]));
    this.#attributes = attributes;
  }

  /** Writes a file that is not there yet. Says what of it could not be set. Throws, and then it is not there. */
  write(entry: ListedFile, content: readonly Buffer[]): string | undefined {
    refuseOwn(entry.path);
    const path = this.#at(entry.path);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw new Error('is there already');
    this.#makeFolder(path.subarray(0, path.lastIndexOf('/')));
    try {
      const file = openSync(this.#part, 'wx', 0o600);
      let flaw: string | undefined;
      try {
        for (const bytes of content) writeAll(file, bytes);
        flaw = this.#attributes.set(entry, this.#part, file);
      } finally {
        closeSync(file);
      }
      renameSync(this.#part, path);
      return flaw;
    } catch (error) {
      rmSync(this.#part, { force: true });
      throw error;
    }
  }

  #makeFolder(path: Buffer): void {
    if (path.equals(this.#parent)) return;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#parent = path;
  }

  #at(path: Buffer): Buffer {
    return Buffer.concat([this.#root, Buffer.from('/'), path]);
  }
}

/** All of it: a full disk takes a part first and says so only when asked again. */
function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
