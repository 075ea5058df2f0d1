import { lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncDirectory } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';

/**
 * Makes something that appears at `dest` whole or not at all: `make` is given a folder beside it, and resolves with what in it is to
 * become `dest`. Rejects with `vault.destination` where `dest` is there already or cannot be written, or as `make` does.
 */
export async function appearing<T>(
  dest: string,
  make: (folder: string) => Promise<{ readonly made: string; readonly result: T }>,
): Promise<T> {
  const at = resolve(dest);
  await refuseExisting(at);
  const beside = dirname(at);
  const folder = await mkdir(beside, { recursive: true })
    .then(() => mkdtemp(join(beside, '.portcullis-restore-')))
    .catch((error: unknown) => {
      throw new PortcullisError('vault.destination', `Nothing can be made in ${beside}: ${reasonOf(error)}.`);
    });
  try {
    const { made, result } = await make(folder);
    await refuseExisting(at);
    await rename(made, at);
    await syncDirectory(beside);
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw new PortcullisError('vault.destination', `${path} cannot be made: ${reasonOf(error)}.`);
  }
  throw new PortcullisError('vault.destination', `${path} exists already; nothing was changed.`);
}
