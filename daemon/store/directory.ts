import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Store } from '../vault/store.ts';

const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
/** The object that makes a directory a vault. Without it nothing else is written: an empty mount point is not the disk. */
const MARK = 'FORMAT';
const TEMPORARY = 'tmp';

/**
 * A store in the directory `root`, for one writer at a time. An object is written to `tmp/`, synced, linked to its name, and its
 * directories are synced. `root` has to exist; all objects but FORMAT need FORMAT to be there first.
 */
export function directoryStore(root: string): Store {
  let swept = false;

  const pathOf = (name: string): string => {
    if (!NAME.test(name) || name.split('/').some((part) => part === '.' || part === '..')) {
      throw new PortcullisError('store.failed', `"${name}" is no name for an object.`);
    }
    return join(root, name);
  };

  const exists = (path: string) => access(path).then(() => true, () => false);

  /** Directories are made one by one, never `root` itself: where the disk was must not become a directory. */
  const makeDirectories = async (path: string): Promise<void> => {
    if (path === root || (await exists(path))) return;
    await makeDirectories(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    await syncDirectory(dirname(path));
  };

  const sweep = async (): Promise<void> => {
    if (swept) return;
    for (const name of await readdir(join(root, TEMPORARY))) await unlink(join(root, TEMPORARY, name));
    swept = true;
  };

  const failure = async (error: unknown, what: string): Promise<PortcullisError> => {
    if (error instanceof PortcullisError) return error;
    const code = errnoOf(error);
    const fail = (kind: 'store.exists' | 'store.full' | 'store.gone' | 'store.missing' | 'store.failed', why: string) =>
      new PortcullisError(kind, `${what}: ${why}.`, { cause: error });
    if (code === 'EEXIST') return fail('store.exists', 'it is there already');
    if (code === 'ENOSPC' || code === 'EDQUOT') return fail('store.full', `${root} is full`);
    if (!(await exists(root))) return fail('store.gone', `${root} is not there`);
    if (code === 'ENOENT') return fail('store.missing', `not in ${root}`);
    if (code === 'EPERM' || code === 'ENOTSUP') {
      return fail('store.failed', `${reasonOf(error)}; a file system without links, such as FAT, cannot hold a vault`);
    }
    return fail('store.failed', reasonOf(error));
  };

  const requireMark = async (): Promise<void> => {
    if (await exists(join(root, MARK))) return;
    throw new PortcullisError('store.gone', `There is no vault at ${root}.`);
  };

  return {
    async put(name, bytes) {
      try {
        const path = pathOf(name);
        if (name !== MARK) await requireMark();
        await makeDirectories(join(root, TEMPORARY));
        await sweep();
        const temporary = join(root, TEMPORARY, randomBytes(8).toString('hex'));
        await writeSynced(temporary, bytes);
        try {
          await makeDirectories(dirname(path));
          await link(temporary, path);
        } finally {
          await unlink(temporary);
        }
        await syncDirectory(dirname(path));
      } catch (error) {
        throw await failure(error, `Writing ${name} failed`);
      }
    },

    async get(name, range) {
      let file: FileHandle | undefined;
      try {
        if (range === undefined) return await readFile(pathOf(name));
        file = await open(pathOf(name), 'r');
        const buffer = Buffer.alloc(range.length);
        const { bytesRead } = await file.read(buffer, 0, range.length, range.offset);
        return buffer.subarray(0, bytesRead);
      } catch (error) {
        throw await failure(error, `Reading ${name} failed`);
      } finally {
        await file?.close();
      }
    },

    async size(name) {
      try {
        const stats = await stat(pathOf(name));
        return stats.isFile() ? stats.size : undefined;
      } catch (error) {
        const told = await failure(error, `Looking for ${name} failed`);
        if (told.code !== 'store.missing') throw told;
        await requireMark();
        return undefined;
      }
    },

    async *list(prefix) {
      try {
        yield* filesBelow(pathOf(prefix), prefix);
      } catch (error) {
        const told = await failure(error, `Listing ${prefix} failed`);
        if (told.code !== 'store.missing') throw told;
      }
      // A disk that went away in the middle looks like an empty directory. It must not pass for one.
      await requireMark();
    },
  };
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
