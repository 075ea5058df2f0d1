import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errnoOf, PortcullisError } from '../base/errors.ts';
import { sourceError } from './failure.ts';
import { isRefusal, openGit } from './git-tool.ts';
import { placeOf } from './lfs-download.ts';
import { MAX_POINTER, parsePointer } from './lfs-pointer.ts';
import type { Environment } from './program.ts';

export interface FileRequest {
  /** A bare repository, as restored from a snapshot of a git source. */
  readonly repository: string;
  /** A ref's full name such as `refs/heads/main`, or an object id. */
  readonly at: string;
  /** Path in the tree, `/`-separated. */
  readonly path: string;
  /** An existing folder for git's configuration file. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export type ExtractedFile =
  /** As it stands in the tree. */
  | { readonly kind: 'file' | 'link'; readonly executable: boolean; readonly bytes: AsyncIterable<Buffer> }
  /** A pointer stands in the tree; these are the bytes it means. */
  | { readonly kind: 'large file'; readonly executable: boolean; readonly bytes: AsyncIterable<Buffer> };

/**
 * One file as it was at a ref or commit, a large file (LFS) as the content its pointer means. Rejects with `source.failed`
 * when there is no such ref or file, when it is a folder or a submodule, and when a large file is not in the repository.
 */
export async function extractFile(request: FileRequest): Promise<ExtractedFile> {
  const { repository, at, path, folder, environment, signal, clock } = request;
  try {
    if (!/^(?:refs\/[^\s:^~?*[\\]+|[0-9a-f]{40}|[0-9a-f]{64})$/.test(at))
      throw new Error(`${at} is no ref and no commit`);
    const git = await openGit({ directory: folder, environment, signal, clock });
    const from = `--git-dir=${repository}`;
    const listed = (await git(['--literal-pathspecs', from, 'ls-tree', '-z', '--full-tree', at, '--', path])).toString(
      'latin1',
    );
    const [, mode, type, id] = /^(\d+) (\w+) ([0-9a-f]+)\t/.exec(listed) ?? [];
    if (type !== 'blob' || id === undefined)
      throw new Error(
        type === undefined
          ? `there is no ${path} at ${at}`
          : `${path} is a ${type === 'tree' ? 'folder' : 'submodule'} at ${at}`,
      );
    const kind = mode === '120000' ? 'link' : 'file';
    const executable = mode === '100755';
    const size = Number((await git([from, 'cat-file', '-s', id])).toString('latin1'));
    const pointer =
      kind === 'file' && size < MAX_POINTER ? parsePointer(await git([from, 'cat-file', 'blob', id])) : undefined;
    if (pointer === undefined) return { kind, executable, bytes: git.stream([from, 'cat-file', 'blob', id]) };
    const object = join(repository, 'lfs/objects', placeOf(pointer.oid));
    const here = await lstat(object).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT')
        throw new Error(`${path} is a large file (LFS) whose object ${pointer.oid} is not here`);
      throw error;
    });
    if (!here.isFile() || here.size !== pointer.size)
      throw new Error(`the object ${pointer.oid} of ${path} is damaged`);
    return { kind: 'large file', executable, bytes: createReadStream(object, { signal }) };
  } catch (error) {
    if (isRefusal(error) && /Not a valid object name/i.test(error.said))
      throw new PortcullisError('source.failed', `The repository has no ${at}.`, { cause: error });
    throw sourceError(`File ${path}`, error, signal);
  }
}
