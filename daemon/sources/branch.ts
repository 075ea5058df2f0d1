import { lstat, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errnoOf, PortcullisError } from '../base/errors.ts';
import { sourceError } from './failure.ts';
import { fetchInto, initBare, listRefs, openGit } from './git-tool.ts';
import type { Environment } from './program.ts';

export interface BranchRequest {
  /** A bare repository, as restored from a snapshot of a git source. */
  readonly repository: string;
  /** The branch's short name, for example `main` or `feature/x`. */
  readonly branch: string;
  /** Where the branch goes: a git bundle when it ends in `.bundle`, else a new bare repository. Must not exist. */
  readonly dest: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * Writes one branch with its history to `dest`, so that `git clone DEST` checks it out. Resolves with its commit id.
 * `dest` appears whole or not at all. Rejects with `branch.missing` (naming some that exist), `usage.wrong` when `dest`
 * exists, `source.failed` with what git said, `source.stopped`.
 */
export async function extractBranch(request: BranchRequest): Promise<{ commit: string }> {
  const { repository, branch, environment, signal, clock } = request;
  const dest = resolve(request.dest);
  if (await exists(dest)) throw new PortcullisError('usage.wrong', `${dest} exists already.`);
  const staging = await mkdtemp(join(dirname(dest), '.portcullis-branch-')).catch((error: unknown) => {
    throw new PortcullisError('usage.wrong', `${dirname(dest)} cannot be written (${errnoOf(error)}).`, {
      cause: error,
    });
  });
  try {
    const git = await openGit({ directory: staging, environment, signal, clock });
    const ref = `refs/heads/${branch}`;
    const branches = await listRefs(git, repository, 'refs/heads/');
    const commit = branches.get(Buffer.from(ref).toString('latin1'));
    if (commit === undefined) throw missing(branch, [...branches.keys()]);
    const alone = join(staging, 'branch.git');
    await initBare(git, alone, commit.length === 64 ? 'sha256' : 'sha1', ref);
    await fetchInto(git, alone, resolve(repository), [`${ref}:${ref}`]);
    if (dest.endsWith('.bundle')) {
      const bundle = join(staging, 'branch.bundle');
      await git([`--git-dir=${alone}`, 'bundle', 'create', '--quiet', bundle, 'HEAD', ref]);
      await rename(bundle, dest);
    } else await rename(alone, dest);
    return { commit };
  } catch (error) {
    throw sourceError(`Branch ${branch}`, error, signal);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function missing(branch: string, refs: readonly string[]): PortcullisError {
  const names = refs.map((ref) => Buffer.from(ref.slice('refs/heads/'.length), 'latin1').toString('utf8'));
  const some = names.slice(0, 10).join(', ');
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : '';
  const there = names.length === 0 ? 'It has none.' : `It has ${some}${rest}.`;
  return new PortcullisError('branch.missing', `The repository has no branch ${branch}. ${there}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
