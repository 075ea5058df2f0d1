import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** How a program opens what it was handed as descriptor 3. */
export const HANDED = '/dev/fd/3';

/** In memory, where Linux has it: what is written there never reaches a disk. */
const MEMORY = '/dev/shm';

/**
 * A file that holds `text` and has no name: a program that inherits it can read it, as a regular file of mode 0600 that is this user's, and
 * nobody finds it in a directory, an argument or an environment, however this process ends. It lost its name before
 * anything was written. To be closed by the caller.
 */
export async function handedFile(text: string, fallback: string): Promise<FileHandle> {
  const name = `.portcullis-${randomBytes(12).toString('hex')}`;
  const file = await create(join(MEMORY, name)).catch(() => create(join(fallback, name)));
  try {
    await file.writeFile(text);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function create(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
