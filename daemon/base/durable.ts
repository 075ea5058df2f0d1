import { closeSync, fdatasync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces `path` by `bytes` so that after a power cut it holds either the old content or the new one, whole:
 * temporary name, fsync, rename, fsync of the directory. Resolves when durable. Not for two writers of one path.
 */
export async function writeDurably(path: string, bytes: string | Uint8Array, mode = 0o600): Promise<void> {
  await writeWhole(path, bytes, mode);
  await syncDirectory(dirname(path));
}

/** The same, but that it may be the old content still after a power cut until its directory has been synced: for many files of one. */
export async function writeWhole(path: string, bytes: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await file.close();
  await rename(temporary, path);
}

/**
 * Makes a new file of `bytes` without waiting for the disk: it is whole under its name when this returns, and may be gone after a power cut
 * until the function that is returned has been called, once, and has resolved, and its directory has been synced. Until then a descriptor
 * is open. Throws where the file cannot be written.
 */
export function writeSoon(path: string, bytes: Uint8Array, mode = 0o600): () => Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  const file = openSync(temporary, 'w', mode);
  try {
    writeFileSync(file, bytes);
    renameSync(temporary, path);
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
  return () =>
    new Promise((resolve, reject) => {
      fdatasync(file, (error) => {
        closeSync(file);
        if (error === null) resolve();
        else reject(error);
      });
    });
}

/** fsync of a directory: makes renames, links and unlinks in it durable. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } finally {
    await directory?.close();
  }
}

/** Creates `path` and its missing parents, each durable in its parent. */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncDirectory(dirname(at));
}
