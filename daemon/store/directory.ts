import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../base/durable.ts';
import { type ErrorCode, errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Remover, Store } from '../vault/store.ts';
import { DirectReader } from './direct-read.ts';
import { DirectWriter } from './direct-write.ts';
import { requireName } from './name.ts';

/** The object that makes a directory a vault. Without it nothing else is written: an empty mount point is not the disk. */
const MARK = 'FORMAT';
const TEMPORARY = 'tmp';

/**
 * A store in the directory `root`, for one writer at a time, which may put several objects at once. An object is written to `tmp/`, synced, linked to its name,
 * and its directories are synced, once for all that were put soon. `root` has to exist; all objects but FORMAT need FORMAT to be there first.
 */
export class DirectoryStore implements Store, Remover {
  readonly #root: string;
  readonly #reader = new DirectReader();
  readonly #writer = new DirectWriter();
  /** Directories that are there, or are being made. */
  readonly #directories = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  /** Directories in which there are names that may not be durable, and the temporary ones that say so. */
  #unsynced = new Set<string>();
  #temporaries: string[] = [];
  #syncing: Promise<void> = Promise.resolve();
  #settling: Promise<void> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.putSoon(name, bytes);
    try {
      await this.#syncNames();
    } catch (error) {
      throw await this.#failure(error, `Writing ${name} failed`);
    }
  }

  async putSoon(name: string, bytes: Uint8Array): Promise<void> {
    try {
      const path = this.#path(name);
      if (name !== MARK) await this.#requireMark();
      await this.#settleOnce();
      const linked = this.#link(join(this.#root, TEMPORARY, randomBytes(8).toString('hex')), path, bytes);
      this.#underWay.add(linked);
      await linked.finally(() => this.#underWay.delete(linked));
    } catch (error) {
      throw await this.#failure(error, `Writing ${name} failed`);
    }
  }

  async settle(): Promise<void> {
    try {
      await this.#requireMark();
      await this.#syncNames();
    } catch (error) {
      throw await this.#failure(error, 'Settling failed');
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

  async readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    try {
      return await this.#reader.read(this.#path(name));
    } catch (error) {
      throw await this.#failure(error, `Reading back ${name} failed`);
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

  async remove(name: string): Promise<'gone' | 'held'> {
    try {
      const path = this.#path(name);
      await this.#requireMark();
      try {
        await unlink(path);
      } catch (error) {
        // An immutable file, or one in a directory that only takes more.
        if (errnoOf(error) === 'EPERM') return 'held';
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      // Also when it was gone: who unlinked it may have been killed before this.
      if (await exists(dirname(path))) await syncDirectory(dirname(path));
      await this.#requireMark();
      return 'gone';
    } catch (error) {
      throw await this.#failure(error, `Removing ${name} failed`);
    }
  }

  #path(name: string): string {
    requireName(name);
    return join(this.#root, name);
  }

  /**
   * Directories are made one by one, never the root itself: where the disk was must not become a directory. Several puts may want the
   * same one at once.
   */
  #makeDirectories(path: string): Promise<void> {
    if (path === this.#root) return Promise.resolve();
    let made = this.#directories.get(path);
    if (made === undefined) {
      made = this.#makeDirectory(path).catch((error: unknown) => {
        this.#directories.delete(path);
        throw error;
      });
      this.#directories.set(path, made);
    }
    return made;
  }

  async #makeDirectory(path: string): Promise<void> {
    await this.#makeDirectories(dirname(path));
    if (await exists(path)) return;
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    this.#unsynced.add(dirname(path));
  }

  /** Gives durable `bytes` the name `path`. That becomes durable when names are synced. */
  async #link(temporary: string, path: string, bytes: Uint8Array): Promise<void> {
    let written = false;
    try {
      await this.#writer.write(temporary, bytes);
      written = true;
      await this.#makeDirectories(dirname(path));
      await link(temporary, path);
      this.#unsynced.add(dirname(path));
      this.#temporaries.push(temporary);
    } catch (error) {
      if (written && errnoOf(error) !== 'EEXIST') this.#forget();
      else await unlink(temporary).catch(() => {});
      throw error;
    }
  }

  /**
   * Makes the names given so far durable. The temporary ones go last: as long as a name may be visible and not durable, something is in
   * `tmp/`. One after the other: who comes second may want what the first is about.
   */
  #syncNames(): Promise<void> {
    const syncing = this.#syncing.then(async () => {
      // Where the one before failed.
      await this.#settleOnce();
      const directories = [...this.#unsynced];
      const temporaries = this.#temporaries;
      this.#unsynced = new Set();
      this.#temporaries = [];
      try {
        await Promise.all(directories.map((directory) => syncDirectory(directory)));
      } catch (error) {
        this.#forget();
        throw error;
      }
      await Promise.all(temporaries.map((temporary) => unlink(temporary).catch(() => {})));
    });
    this.#syncing = syncing.catch(() => {});
    return syncing;
  }

  /** What is durable is to be found out anew. */
  #forget(): void {
    this.#settling = undefined;
    this.#directories.clear();
  }

  /**
   * What is in `tmp/` was left by a writer that was killed or failed. Names it gave may be visible and not durable: a power
   * cut would take them back, after a record was built on them.
   */
  #settleOnce(): Promise<void> {
    if (this.#settling === undefined) {
      const settling = this.#settle().catch((error: unknown) => {
        if (this.#settling === settling) this.#settling = undefined;
        throw error;
      });
      this.#settling = settling;
    }
    return this.#settling;
  }

  async #settle(): Promise<void> {
    // What puts of our own have there is not left.
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    const folder = join(this.#root, TEMPORARY);
    await this.#makeDirectories(folder);
    const left = await readdir(folder);
    if (left.length > 0) await syncDirectories(this.#root);
    for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
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

async function syncDirectories(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncDirectories(join(path, entry.name));
  }
  await syncDirectory(path);
}

async function* filesBelow(path: string, name: string): AsyncGenerator<{ name: string; size: number }> {
  const entries: Dirent[] = await readdir(path, { withFileTypes: true });
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(below, `${name}/${entry.name}`);
    else if (entry.isFile()) yield { name: `${name}/${entry.name}`, size: (await stat(below)).size };
  }
}
