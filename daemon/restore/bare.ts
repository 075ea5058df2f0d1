import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import type { RefName } from '../sources/branch.ts';
import { fullName } from '../sources/branch.ts';
import { restore } from '../vault/restore.ts';
import { directoryTarget } from '../vault/restore-directory.ts';
import type { Snapshot } from '../vault/vault.ts';
import { absent } from './absent.ts';
import { holds } from './contents.ts';
import { refsAt } from './git-state.ts';
import { kindOf, placeOf, type RepositoryPlace } from './places.ts';
import type { RestoreOptions, RestoreReport } from './request.ts';

type Where = Pick<RestoreOptions, 'vault' | 'snapshot' | 'signal' | 'threads' | 'progress'>;

/**
 * Where the repository that is meant stands in the snapshot. Rejects with `restore.absent` where it holds none of that name, and
 * with `usage.wrong` where a source has no repositories.
 */
export async function locate(where: Where, name: string | undefined): Promise<RepositoryPlace> {
  const { snapshot, vault } = where;
  const place = placeOf(snapshot, name);
  if (place === undefined) {
    const source = snapshot.source?.name ?? 'a source whose name is lost';
    throw new PortcullisError(
      'usage.wrong',
      kindOf(snapshot) === 'forge'
        ? `${source} holds more than one repository: name one with --repo.`
        : `${source} is a ${snapshot.source?.kind ?? 'source of unknown kind'} source: it holds no repositories. --path takes what lies below a path.`,
    );
  }
  if (await holds(vault, snapshot, place.git)) return place;
  throw await absent(where, `repository ${place.name}`, (other) => holds(vault, other, place.git));
}

/**
 * Restores the bare repository at `place` into `folder`, with a name of its own, and nothing else of the snapshot. Rejects with
 * `restore.partial` unless git has all of it. Resolves with its path, and with what else it lacks: large files, or what came after it was
 * last fetched.
 */
export async function restoreBare(
  where: Where,
  place: RepositoryPlace,
  folder: string,
): Promise<{ path: string; files: number; bytes: number; failures: RestoreReport['failures'] }> {
  const { vault, snapshot, signal, threads, progress } = where;
  const to = join(folder, 'snapshot');
  const { files, bytes, failures } = await restore({
    vault,
    snapshot,
    target: await directoryTarget({ to, resume: false, what: snapshot.name, check: false }),
    prefix: Buffer.from(place.git),
    threads,
    signal,
    ...(progress === undefined ? {} : { progress }),
  });
  // Of the folder itself is told that the origin could not be fetched: it is as it was before, and whole.
  const isGits = ({ path }: { readonly path: string }) => path !== place.git && !path.startsWith(`${place.git}/lfs/`);
  const [first] = failures.filter(isGits);
  if (first !== undefined)
    throw new PortcullisError(
      'restore.partial',
      `Repository ${place.name} is not whole (${failures.length} paths, first ${first.path}: ${first.reason}).`,
    );
  return { path: join(to, place.git), files, bytes, failures };
}

/** Rejects with `restore.absent` where the snapshot's repository has no such branch or tag, but another snapshot has. */
export async function expectRef(where: Where, place: RepositoryPlace, ref: RefName): Promise<void> {
  const { vault, snapshot, signal } = where;
  const has = async (one: Snapshot) => (await refsAt(vault, one, place.git, signal))?.has(fullName(ref)) ?? false;
  if (await has(snapshot)) return;
  throw await absent(where, `${ref.kind} ${ref.name} in repository ${place.name}`, has);
}

/** What somebody should know who has restored the repository at `path`; `whole`: with its large files. */
export function notesOn(path: string, whole: boolean): string[] {
  if (!existsSync(join(path, 'lfs/objects'))) return [];
  return [
    whole
      ? 'The repository has large files (Git LFS) in lfs/objects: in a clone, `git lfs checkout` puts them in their places.'
      : 'The repository has large files (Git LFS), which are not in this: --as bare or --as clone of the whole repository has them.',
  ];
}
