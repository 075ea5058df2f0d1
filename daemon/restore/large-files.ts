import { copyFile, lstat, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { placeOf } from '../sources/lfs-download.ts';
import { MAX_POINTER, parsePointer } from '../sources/lfs-pointer.ts';

/**
 * Puts large files (Git LFS) in the places of their pointers, at `path` and below, out of the bare repository `repository`. Resolves
 * with the paths of pointers whose object the repository does not have: these stay as they are.
 */
export async function resolvePointers(path: string, repository: string, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    const missing: string[] = [];
    for (const name of await readdir(path))
      missing.push(...(await resolvePointers(join(path, name), repository, signal)));
    return missing;
  }
  if (!stats.isFile() || stats.size > MAX_POINTER) return [];
  const pointer = parsePointer(await readFile(path));
  if (pointer === undefined) return [];
  const whole = `${path}.portcullis-part`;
  try {
    await copyFile(join(repository, 'lfs/objects', placeOf(pointer.oid)), whole);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [path];
    throw error;
  }
  await rename(whole, path);
  return [];
}
