import { chmod, link, lstat, mkdir, open, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { loadPosix, type Posix } from '../files/posix.ts';
import { holdsBytes, writeBytes } from './file-bytes.ts';
import type { Listed, ListedFile } from './file-list.ts';
import { AttributeSetter } from './restore-attributes.ts';
import { OWN, refuseOwn } from './restore-file.ts';
import type { Flaw, RestoreTarget } from './restore-target.ts';

export interface DirectoryTargetOptions {
  /** A folder that is empty or does not exist, or one in which the same restore was begun. */
  readonly to: string;
  /** Goes on with a restore that was cut off. What is finished is compared, and written again only where it differs. */
  readonly resume: boolean;
  /** What is restored: only the same may be gone on with. */
  readonly what: string;
  /** Reads back each file and compares it with what was to be written. */
  readonly check: boolean;
}

type Late = Extract<Listed, { type: 'directory' | 'symlink' }>;

/**
 * A directory to restore to. Nothing is written outside it: it begins empty, and symbolic links are made last. A file is written under a
 * name of this program and then renamed, with everything that belongs to it. Rejects with `vault.destination`.
 */
export async function directoryTarget(options: DirectoryTargetOptions): Promise<RestoreTarget> {
  const target = new DirectoryTarget(options, await loadPosix());
  await target.prepare();
  return target;
}

class DirectoryTarget implements RestoreTarget {
  readonly #options: DirectoryTargetOptions;
  readonly #posix: Posix | undefined;
  readonly #root: Buffer;
  readonly #part: Buffer;
  readonly #late: Late[] = [];
  /** Files of this run, where those of an earlier one may lie beside them. */
  readonly #done = new Set<string>();
  readonly #attributes: AttributeSetter;

  constructor(options: DirectoryTargetOptions, posix: Posix | undefined) {
    this.#options = options;
    this.#posix = posix;
    this.#attributes = new AttributeSetter(posix);
    this.#root = Buffer.from(options.to);
    this.#part = this.#at(Buffer.concat([OWN, Buffer.from('/part')]));
  }

  get notes(): Set<string> {
    return this.#attributes.notes;
  }

  get folder(): RestoreTarget['folder'] {
    const { resume, check } = this.#options;
    return resume || check ? undefined : { root: this.#root, note: (text) => this.notes.add(text) };
  }

  async prepare(): Promise<void> {
    const { to, resume, what } = this.#options;
    const own = this.#at(OWN);
    const note = Buffer.concat([own, Buffer.from('/what')]);
    let found: string[];
    let begun: string | undefined;
    try {
      await mkdir(to, { recursive: true, mode: 0o700 });
      found = await readdir(to);
      begun = await readFile(note, 'utf8').catch(() => undefined);
    } catch (error) {
      throw this.#refused(reasonOf(error), error);
    }
    const unfinished = found.includes(OWN.toString());
    // Killed before it had said what it is of, it has written nothing else.
    const barely = unfinished && found.length === 1 && begun === undefined;
    if (resume && found.length > 0 && !barely) {
      if (begun === undefined) throw this.#refused('it holds no unfinished restore');
      if (begun !== what) throw this.#refused('the unfinished restore in it is of something else');
      await this.#withoutLinks(this.#root);
      await rm(this.#part, { force: true });
      return;
    }
    if (unfinished && !barely) throw this.#refused('it holds an unfinished restore, with which --resume goes on');
    if (found.length > 0 && !barely) throw this.#refused('it is not empty');
    try {
      await mkdir(own, { recursive: true, mode: 0o700 });
      // Whole or not there: a torn one would be of something else.
      await writeFile(this.#part, what, { mode: 0o600 });
      await rename(this.#part, note);
    } catch (error) {
      throw this.#refused(reasonOf(error), error);
    }
  }

  async directory(entry: Late): Promise<Flaw> {
    refuseOwn(entry.path);
    await this.#makeFolder(this.#at(entry.path));
    this.#late.push(entry);
    return undefined;
  }

  async symlink(entry: Late): Promise<Flaw> {
    refuseOwn(entry.path);
    this.#late.push(entry);
    return undefined;
  }

  async file(entry: ListedFile, content: () => AsyncIterable<Buffer>): Promise<Flaw> {
    const path = this.#at(entry.path);
    if (await this.#isDone(entry, path, content)) return this.#attributes.set(entry, path);
    await this.#makeFolder(parentOf(path));
    const file = await open(this.#part, 'wx+', 0o600);
    try {
      try {
        await writeBytes(file, entry, content());
        if (this.#options.check) {
          await file.datasync();
          this.#posix?.forget(file.fd);
          if (!(await holdsBytes(file, entry, content))) throw new Error('read back, it is not what was written');
        }
      } finally {
        await file.close();
      }
      const flaw = this.#attributes.set(entry, this.#part);
      await rename(this.#part, path);
      return flaw;
    } catch (error) {
      await rm(this.#part, { force: true });
      throw error;
    }
  }

  async link(entry: ListedFile, first: Buffer): Promise<Flaw> {
    refuseOwn(entry.path);
    const path = this.#at(entry.path);
    await this.#makeFolder(parentOf(path));
    const name = () => link(this.#at(first), path);
    await name().catch(async (error: unknown) => {
      if (errnoOf(error) !== 'EEXIST' || this.#done.has(keyOf(entry.path))) throw error;
      if (await isSame(this.#at(first), path)) return;
      // An earlier run's name of a file that was written again.
      if (!this.#options.resume || !(await lstat(path)).isFile()) throw error;
      await rm(path);
      await name();
    });
    if (this.#options.resume) this.#done.add(keyOf(entry.path));
    return undefined;
  }

  async finish(fail: (path: Buffer, error: unknown) => void): Promise<void> {
    // Links last, and all folders before the first of them, so that nothing is ever written through one; folders' attributes
    // after what is in them, whose writing touches them.
    const links = this.#late.filter((one) => one.type === 'symlink');
    for (const { path } of links) await this.#makeFolder(parentOf(this.#at(path))).catch((error) => fail(path, error));
    await rm(this.#part, { force: true });
    for (const entry of links) {
      try {
        await symlink(entry.target, this.#at(entry.path));
        await this.#setLate(entry, fail);
      } catch (error) {
        fail(entry.path, error);
      }
    }
    for (const entry of this.#late.filter((one) => one.type === 'directory').reverse()) {
      await this.#setLate(entry, fail).catch((error) => fail(entry.path, error));
    }
    await rm(this.#at(OWN), { recursive: true, force: true });
  }

  /** Whether an earlier run wrote this file, and it is still whole. What is not is removed. Throws where this run wrote one. */
  async #isDone(entry: ListedFile, path: Buffer, content: () => AsyncIterable<Buffer>): Promise<boolean> {
    refuseOwn(entry.path);
    const stats = await lstat(path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    const key = keyOf(entry.path);
    if (stats !== undefined && (!this.#options.resume || this.#done.has(key) || !stats.isFile())) {
      throw Object.assign(new Error('EEXIST: the list has this path twice'), { code: 'EEXIST' });
    }
    if (this.#options.resume) this.#done.add(key);
    if (stats === undefined) return false;
    // Another name of a file has no say in what the first one is.
    const file = await open(path, 'r');
    try {
      if (stats.size === entry.size && (await holdsBytes(file, entry, content))) return true;
    } finally {
      await file.close();
    }
    await rm(path);
    return false;
  }

  /** Removes the symbolic links of an earlier run, so that nothing is written through them, and opens its folders again. */
  async #withoutLinks(folder: Buffer): Promise<void> {
    await chmod(folder, 0o700);
    for (const name of await readdir(folder, { encoding: 'buffer' })) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      const stats = await lstat(path);
      if (stats.isSymbolicLink()) await rm(path);
      else if (stats.isDirectory()) await this.#withoutLinks(path);
    }
  }

  async #setLate(entry: Late, fail: (path: Buffer, error: unknown) => void): Promise<void> {
    const flaw = this.#attributes.set(entry, this.#at(entry.path));
    if (flaw !== undefined) fail(entry.path, new Error(flaw));
  }

  async #makeFolder(path: Buffer): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }

  #at(path: Buffer): Buffer {
    return Buffer.concat([this.#root, Buffer.from('/'), path]);
  }

  #refused(why: string, cause?: unknown): PortcullisError {
    return new PortcullisError('vault.destination', `Cannot restore to ${this.#options.to}: ${why}.`, { cause });
  }
}

function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf('/'));
}

function keyOf(path: Buffer): string {
  return path.toString('latin1');
}

async function isSame(one: Buffer, other: Buffer): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one), lstat(other)]);
  return a.ino === b.ino && a.dev === b.dev;
}
