import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { isRefusal, openGit } from '../sources/git-tool.ts';
import { restoreBare } from './bare.ts';
import type { Rewritten } from './diff.ts';
import { repositoryOf } from './places.ts';
import type { RestoreOptions } from './request.ts';

/**
 * Tells from the repository itself, as `snapshot` has it, whether branches went forward: restores it into a folder below `temporary`
 * for as long as it is asked. A mirror loses no object, so the newer snapshot has what the older one was at.
 */
export function rewrittenIn(
  options: Pick<RestoreOptions, 'vault' | 'snapshot' | 'signal' | 'threads' | 'environment' | 'clock'>,
  temporary: string,
): Rewritten {
  const { environment, signal, clock } = options;
  return async (at, moves) => {
    const place = repositoryOf(at);
    if (place === undefined) return moves.map(() => undefined);
    const folder = await mkdtemp(join(temporary, 'portcullis-diff-'));
    try {
      const { path } = await restoreBare(options, place, folder);
      const git = await openGit({ directory: folder, environment, signal, clock });
      const told: (boolean | undefined)[] = [];
      for (const { before, after } of moves)
        told.push(
          await git([`--git-dir=${path}`, 'merge-base', '--is-ancestor', before, after]).then(
            () => false,
            (error: unknown) => {
              if (!isRefusal(error)) throw error;
              return error.ending.how === 'exited' && error.ending.status === 1 ? true : undefined;
            },
          ),
        );
      return told;
    } catch (error) {
      signal.throwIfAborted();
      // Not whole: then it cannot be told.
      if (error instanceof PortcullisError && error.code === 'restore.partial') return moves.map(() => undefined);
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}
