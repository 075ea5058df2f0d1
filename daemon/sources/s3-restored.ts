import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { keyOfPath } from './s3-keys.ts';
import type { RestorableObject } from './s3-restore.ts';

/** The objects of a snapshot of a bucket that was restored into `folder`, by the order of their paths. */
export async function* restoredObjects(folder: string, below = ''): AsyncGenerator<RestorableObject> {
  const entries = await readdir(join(folder, 'objects', below), { withFileTypes: true });
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* restoredObjects(folder, path);
    else if (entry.isFile()) {
      const at = join(folder, 'objects', path);
      const { size } = await stat(at);
      const metadata = await textOf(join(folder, 'metadata', path));
      yield { key: keyOfPath(path), size, metadata, open: () => createReadStream(at) };
    }
  }
}

/** Undefined for what the snapshot does not have. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
