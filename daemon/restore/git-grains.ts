import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { commitOf, extractRef, type RefName, type RepositoryForm, writeForm } from '../sources/branch.ts';
import { sourceError } from '../sources/failure.ts';
import { isRefusal, listRefs, openGit } from '../sources/git-tool.ts';
import { expectRef, locate, notesOn, restoreBare } from './bare.ts';
import { deliver } from './deliver.ts';
import { goneOf } from './gone.ts';
import { resolvePointers } from './large-files.ts';
import type { RepositoryPlace } from './places.ts';
import type { RestoreOptions, RestoreReport, RestoreRequest } from './request.ts';

type Request<Grain> = Extract<RestoreRequest, { grain: Grain }>;

/** A repository with every ref it had. */
export async function restoreRepository(
  { repository, as }: Request<'repository'>,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const place = await locate(options, repository);
  const gone = await goneOf(options, place.documents);
  return deliver(options.to, async (folder) => {
    const { path, files, bytes, failures } = await restoreBare(options, place, folder);
    const notes = notesOn(path, as !== 'bundle');
    const made = await inForm(options, place.name, folder, path, as);
    return { made, result: { files, bytes, gone, failures, notes } };
  });
}

async function inForm(
  { environment, signal, clock }: RestoreOptions,
  name: string,
  folder: string,
  path: string,
  as: RepositoryForm,
): Promise<string> {
  try {
    const git = await openGit({ directory: folder, environment, signal, clock });
    if (as === 'bundle' && (await listRefs(git, path)).size === 0)
      throw new PortcullisError('usage.wrong', `Repository ${name} is empty, which no bundle can hold: take it bare.`);
    return await writeForm(git, path, as, ['HEAD', '--all']);
  } catch (error) {
    throw sourceError(`Repository ${name}`, error, signal);
  }
}

/** One branch or tag with its history. */
export async function restoreRef(request: Request<'ref'>, options: RestoreOptions): Promise<RestoreReport> {
  const { ref, as } = request;
  const { environment, signal, clock } = options;
  const place = await locate(options, request.repository);
  await expectRef(options, place, ref);
  const gone = await goneOf(options, place.documents);
  return deliver(options.to, async (folder) => {
    const { path, files, bytes, failures } = await restoreBare(options, place, folder);
    const made = join(folder, 'made');
    const { commit } = await extractRef({ repository: path, ref, dest: made, as, environment, signal, clock });
    return {
      made,
      result: { files, bytes, commit, gone, failures: stale(failures, place), notes: notesOn(path, false) },
    };
  });
}

/** One file or folder as it is at a branch or tag, as a checkout would write it. */
export async function restoreGitFile(request: Request<'file'>, options: RestoreOptions): Promise<RestoreReport> {
  const { ref, path: wanted } = request;
  const { environment, signal, clock } = options;
  const place = await locate(options, request.repository);
  await expectRef(options, place, ref);
  return deliver(options.to, async (folder) => {
    const { path, files, bytes, failures } = await restoreBare(options, place, folder);
    const tree = join(folder, 'tree');
    await mkdir(tree);
    try {
      const git = await openGit({ directory: folder, environment, signal, clock });
      const commit = await commitOf(git, path, ref);
      const at = ['--literal-pathspecs', `--git-dir=${path}`];
      await git([...at, 'cat-file', '-e', `${commit}:${wanted}`]).catch((error: unknown) => {
        if (isRefusal(error)) throw noFile(wanted, ref, place.name, commit);
        throw error;
      });
      await git(
        [...at, '-c', 'core.bare=false', `--work-tree=${tree}`, 'checkout', '--quiet', '--force', commit, '--', wanted],
        {
          GIT_INDEX_FILE: join(folder, 'index'),
        },
      );
      const made = join(tree, wanted);
      const missing = await resolvePointers(made, path, signal);
      const lost = missing.map((one) => ({
        path: relative(tree, one),
        reason: 'it is a pointer to a large file (Git LFS) that the snapshot does not have',
      }));
      return {
        made,
        result: { files, bytes, commit, gone: [], failures: [...stale(failures, place), ...lost], notes: [] },
      };
    } catch (error) {
      throw sourceError(`${wanted} of ${wordsOf(ref)}`, error, signal);
    }
  });
}

/** Of what the repository lacks, what bears on a part of it: that it is older than the snapshot. */
function stale(failures: RestoreReport['failures'], place: RepositoryPlace): RestoreReport['failures'] {
  return failures.filter(({ path }) => path === place.git);
}

function wordsOf({ kind, name }: RefName): string {
  return `${kind} ${name}`;
}

function noFile(path: string, ref: RefName, repository: string, commit: string): PortcullisError {
  return new PortcullisError(
    'restore.absent',
    `Repository ${repository} has no ${path} at ${wordsOf(ref)} (${commit}).`,
  );
}
