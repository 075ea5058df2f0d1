import { lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errnoOf, PortcullisError } from '../base/errors.ts';
import { sourceError } from './failure.ts';
import { fetchInto, type Git, initBare, isRefusal, listRefs, openGit } from './git-tool.ts';
import type { Environment } from './program.ts';

/** A branch or tag by its short name, for example `main` or `feature/x`. */
export interface RefName {
  readonly kind: 'branch' | 'tag';
  readonly name: string;
}

/** As what a repository is written: bare, a git bundle, or a working clone. */
export type RepositoryForm = 'bare' | 'bundle' | 'clone';

export interface RefRequest {
  /** A bare repository, as restored from a snapshot of a git source. */
  readonly repository: string;
  readonly ref: RefName;
  /** Where it goes. Must not exist. */
  readonly dest: string;
  /** Absent: a bundle when `dest` ends in `.bundle`, else bare. */
  readonly as?: RepositoryForm;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export function fullName({ kind, name }: RefName): string {
  return kind === 'branch' ? `refs/heads/${name}` : `refs/tags/${name}`;
}

/**
 * Writes one branch or tag with its history to `dest`, so that `git clone DEST` checks it out. Resolves with its commit id.
 * `dest` appears whole or not at all. Rejects with `branch.missing` (naming some that exist), `usage.wrong` when `dest`
 * exists, `source.failed` with what git said, `source.stopped`.
 */
export async function extractRef(request: RefRequest): Promise<{ commit: string }> {
  const { repository, ref, environment, signal, clock } = request;
  const dest = resolve(request.dest);
  const as = request.as ?? (dest.endsWith('.bundle') ? 'bundle' : 'bare');
  if (await exists(dest)) throw new PortcullisError('usage.wrong', `${dest} exists already.`);
  const staging = await mkdtemp(join(dirname(dest), '.portcullis-branch-')).catch((error: unknown) => {
    throw new PortcullisError('usage.wrong', `${dirname(dest)} cannot be written (${errnoOf(error)}).`, {
      cause: error,
    });
  });
  try {
    const git = await openGit({ directory: staging, environment, signal, clock });
    const commit = await commitOf(git, repository, ref);
    const full = fullName(ref);
    const alone = join(staging, 'alone.git');
    await initBare(
      git,
      alone,
      commit.length === 64 ? 'sha256' : 'sha1',
      ref.kind === 'branch' ? full : 'refs/heads/main',
    );
    await fetchInto(git, alone, resolve(repository), [`${full}:${full}`]);
    // A tag is no branch to be on: HEAD is then the commit itself.
    if (ref.kind === 'tag') await git([`--git-dir=${alone}`, 'update-ref', '--no-deref', 'HEAD', commit]);
    await rename(await writeForm(git, alone, as, ['HEAD', full]), dest);
    return { commit };
  } catch (error) {
    throw sourceError(wordsOf(ref), error, signal);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * The bare repository at `path`, which is ours to change, in another form: resolves with where that lies, beside it. A bundle holds
 * `refs` (`--all` for all). A clone has every ref the repository has, and is checked out where HEAD names a commit.
 */
export async function writeForm(git: Git, path: string, as: RepositoryForm, refs: readonly string[]): Promise<string> {
  switch (as) {
    case 'bare':
      return path;
    case 'bundle':
      await git([`--git-dir=${path}`, 'bundle', 'create', '--quiet', `${path}.bundle`, ...refs]);
      return `${path}.bundle`;
    case 'clone': {
      const clone = `${path}.clone`;
      await mkdir(clone);
      await rename(path, join(clone, '.git'));
      const at = [`--git-dir=${join(clone, '.git')}`, `--work-tree=${clone}`];
      await git([...at, 'config', 'core.bare', 'false']);
      const born = await git([...at, 'rev-parse', '--quiet', '--verify', 'HEAD^{commit}']).then(
        () => true,
        (error: unknown) => {
          if (isRefusal(error)) return false;
          throw error;
        },
      );
      if (born) await git([...at, 'reset', '--hard', '--quiet', 'HEAD']);
      return clone;
    }
    default:
      return as satisfies never;
  }
}

/** The commit a branch or tag of the bare repository at `path` is at. Rejects with `branch.missing`, naming some that exist. */
export async function commitOf(git: Git, path: string, ref: RefName): Promise<string> {
  const full = fullName(ref);
  const refs = await listRefs(git, path, ref.kind === 'branch' ? 'refs/heads/' : 'refs/tags/');
  if (!refs.has(Buffer.from(full).toString('latin1'))) throw missing(ref, [...refs.keys()]);
  const printed = await git([`--git-dir=${path}`, 'rev-parse', '--verify', `${full}^{commit}`]);
  return printed.toString('latin1').trim();
}

function wordsOf({ kind, name }: RefName): string {
  return `${kind === 'branch' ? 'Branch' : 'Tag'} ${name}`;
}

function missing({ kind, name }: RefName, refs: readonly string[]): PortcullisError {
  const prefix = fullName({ kind, name: '' });
  const names = refs.map((ref) => Buffer.from(ref.slice(prefix.length), 'latin1').toString('utf8'));
  const some = names.slice(0, 10).join(', ');
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : '';
  const there = names.length === 0 ? 'It has none.' : `It has ${some}${rest}.`;
  return new PortcullisError('branch.missing', `The repository has no ${kind} ${name}. ${there}`);
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
