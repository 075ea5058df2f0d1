import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../base/durable.ts';
import { type ErrorCode, errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Store } from '../vault/store.ts';

const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
/** The object that makes a directory a vault. Without it nothing else is written: an empty mount point is not the disk. */
const MARK = 'FORMAT';
const TEMPORARY = 'tmp';

/**
 * A store in the directory `root`, for one writer at a time. An object is written to `tmp/`, synced, linked to its name,
 * and its directories are synced. `root` has to exist; all objects but FORMAT need FORMAT to be there first.
 */
export class DirectoryStore implements Store {
  readonly #root: string;
  #swept = false;

  constructor(root: string) {
    this.#root = root;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    try {
      const path = this.#path(name);
      if (name !== MARK) await this.#requireMark();
      await this.#makeDirectories(join(this.#root, TEMPORARY));
      await this.#sweep();
      const temporary = join(this.#root, TEMPORARY, randomBytes(8).toString('hex'));
      try {
        await writeSynced(temporary, bytes);
        await this.#makeDirectories(dirname(path));
        await link(temporary, path);
      } finally {
        await unlink(temporary).catch(() => {});
      }
      await syncDirectory(dirname(path));
    } catch (error) {
      throw await this.#failure(error, `Writing ${name} failed`);
    }
  }

  async get(name: string, range?: { offset: number; length: number }): Promise<Buffer> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path(name), 'r');
      if (range === undefined) return await file.readFile();
      const buffer = Buffer.alloc(range.length);
      let filled = 0;
      for (let more = -1; more !== 0 && filled < range.length; filled += more) {
        more = (await file.read(buffer, filled, range.length - filled, range.offset + filled)).bytesRead;
      }
      return buffer.subarray(0, filled);
    } catch (error) {
      throw await this.#failure(error, `Reading ${name} failed`);
    } finally {
      await file?.close();
    }
  }

  async size(name: string): Promise<number | undefined> {
    try {
      const stats = await stat(this.#path(name));
      return stats.isFile() ? stats.size : undefined;
    } catch (error) {
      const told = await this.#failure(error, `Looking for ${name} failed`);
      if (told.code !== 'store.missing') throw told;
      await this.#requireMark();
      return undefined;
    }
  }

  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    try {
      yield* filesBelow(this.#path(prefix), prefix);
    } catch (error) {
      const told = await this.#failure(error, `Listing ${prefix} failed`);
      if (told.code !== 'store.missing') throw told;
    }
    // A disk that went away in the middle looks like an empty directory. It must not pass for one.
    await this.#requireMark();
  }

  #path(name: string): string {
    if (!NAME.test(name) || name.split('/').some((part) => part === '.' || part === '..')) {
      throw new PortcullisError('store.failed', `"${name}" is no name for an object.`);
    }
    return join(this.#root, name);
  }

  /** Directories are made one by one, never the root itself: where the disk was must not become a directory. */
  async #makeDirectories(path: string): Promise<void> {
    if (path === this.#root || (await exists(path))) return;
    await this.#makeDirectories(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    await syncDirectory(dirname(path));
  }

  /** Removes what an earlier writer left unfinished. */
  async #sweep(): Promise<void> {
    if (this.#swept) return;
    const folder = join(this.#root, TEMPORARY);
    for (const name of await readdir(folder)) await unlink(join(folder, name));
    this.#swept = true;
  }

  async #requireMark(): Promise<void> {
    if (await exists(join(this.#root, MARK))) return;
    throw new PortcullisError('store.gone', `There is no vault at ${this.#root}.`);
  }

  async #failure(error: unknown, what: string): Promise<PortcullisError> {
    if (error instanceof PortcullisError) return error;
    const code = errnoOf(error);
    const fail = (kind: ErrorCode, why: string) => new PortcullisError(kind, `${what}: ${why}.`, { cause: error });
    if (code === 'EEXIST') return fail('store.exists', 'it is there already');
    if (code === 'ENOSPC' || code === 'EDQUOT') return fail('store.full', `${this.#root} is full`);
    if (!(await exists(this.#root))) return fail('store.gone', `${this.#root} is not there`);
    if (code === 'ENOENT') return fail('store.missing', `it is not in ${this.#root}`);
    if (code === 'EPERM' || code === 'ENOTSUP') {
      return fail('store.failed', `${reasonOf(error)}; a file system without links, such as FAT, cannot hold a vault`);
    }
    return fail('store.failed', reasonOf(error));
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o400);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function* filesBelow(path: string, name: string): AsyncGenerator<{ name: string; size: number }> {
  const entries: Dirent[] = await readdir(path, { withFileTypes: true });
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(below, `${name}/${entry.name}`);
    else if (entry.isFile()) yield { name: `${name}/${entry.name}`, size: (await stat(below)).size };
  }
}
