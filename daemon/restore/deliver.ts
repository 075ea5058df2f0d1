import { createReadStream } from 'node:fs';
import { lstat, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { appearing } from './place.ts';
import type { Destination } from './request.ts';

/** Makes one file or folder in a folder of its own and brings it to its destination: whole or not at all. */
export async function deliver<T>(
  to: Destination,
  make: (folder: string) => Promise<{ readonly made: string; readonly result: T }>,
): Promise<T> {
  switch (to.kind) {
    case 'place':
      return appearing(to.path, make);
    case 'stream': {
      const folder = await mkdtemp(join(to.temporary, 'portcullis-restore-'));
      try {
        const { made, result } = await make(folder);
        if (!(await lstat(made)).isFile())
          throw new PortcullisError('vault.destination', 'Only one file goes to standard output as it is.');
        for await (const chunk of createReadStream(made)) await to.write(chunk as Buffer);
        return result;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    case 'folder':
    case 'archive':
    case 'archive stream':
      throw new PortcullisError(
        'usage.wrong',
        'This goes to a new place or to standard output: without --tar, --resume and --check.',
      );
    default:
      return to satisfies never;
  }
}
