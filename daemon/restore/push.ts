import { reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { ForgeError } from '../forges/forge.ts';
import type { Push, PushedRef } from '../forges/recreate.ts';
import { mayHaveToken } from '../sources/forge.ts';
import { credentialsFor, type Git, isRefusal, listRefs, openGit } from '../sources/git-tool.ts';
import type { RestoreOptions } from './request.ts';

/** Refs in one push: a command line has room for as many. */
const AT_ONCE = 400;
/** After so many refusals, one ref after the other, the rest is not tried. */
const REFUSALS = 20;

export interface PushOptions extends Pick<RestoreOptions, 'environment' | 'clock'> {
  /** An existing folder for git's configuration. */
  readonly folder: string;
  /** Path of the bare repository. Asked for once there is something to push. */
  readonly repository: () => Promise<string>;
  readonly token: Secret;
  /** Address of the forge the token is of. */
  readonly url: string;
}

/**
 * Pushes refs as they are in a restored repository. A ref that is there is left as it is, whatever it is at: nothing is forced, moved
 * or deleted. The token is in neither the process list nor a file.
 */
export function pushFrom({ environment, clock, folder, repository, token, url }: PushOptions): Push {
  return async (refs, { cloneUrl }, { signal }) => {
    // What the forge answers must not send the token elsewhere.
    const credentials = mayHaveToken(url, cloneUrl) ? credentialsFor(cloneUrl, 'x-access-token', token) : undefined;
    const git = await openGit({ directory: folder, environment, signal, clock, credentials });
    const path = await repository();
    const ours = await listRefs(git, path);
    const told = new Map<string, PushedRef>();
    const missing: string[] = [];
    const before = await refsThere(git, cloneUrl);
    for (const ref of refs) {
      const is = before.get(ref);
      const wanted = ours.get(Buffer.from(ref).toString('latin1'));
      if (wanted === undefined) told.set(ref, refused(ref, 'the snapshot does not have it'));
      else if (is === undefined) missing.push(ref);
      else if (is === wanted) told.set(ref, { ref, outcome: 'there' });
      else told.set(ref, refused(ref, `it is there at ${is}, and in the snapshot at ${wanted}: left as it is`));
    }
    for (let at = 0; at < missing.length; at += AT_ONCE)
      for (const one of await pushSome(git, path, cloneUrl, missing.slice(at, at + AT_ONCE))) told.set(one.ref, one);
    return refs.flatMap((ref) => told.get(ref) ?? []);
  };
}

/** All at once; where that is refused, each alone, to learn which and why. */
async function pushSome(git: Git, path: string, url: string, refs: readonly string[]): Promise<PushedRef[]> {
  const push = (some: readonly string[]) =>
    git([`--git-dir=${path}`, 'push', '--quiet', '--', url, ...some.map((ref) => `${ref}:${ref}`)]);
  const whole = await push(refs).then(
    () => true,
    (error: unknown) => {
      if (isRefusal(error)) return false;
      throw error;
    },
  );
  if (whole) return refs.map((ref) => ({ ref, outcome: 'made' }));
  const arrived = await refsThere(git, url);
  const results: PushedRef[] = [];
  let refusals = 0;
  for (const ref of refs) {
    if (arrived.has(ref)) results.push({ ref, outcome: 'made' });
    else if (refusals >= REFUSALS) results.push(refused(ref, `not tried after ${REFUSALS} refusals`));
    else
      results.push(
        await push([ref]).then(
          (): PushedRef => ({ ref, outcome: 'made' }),
          (error: unknown) => {
            if (!isRefusal(error)) throw error;
            refusals += 1;
            return refused(ref, error.said === '' ? reasonOf(error) : error.said);
          },
        ),
      );
  }
  return results;
}

async function refsThere(git: Git, url: string): Promise<ReadonlyMap<string, string>> {
  try {
    const printed = (await git(['ls-remote', '--refs', '--', url])).toString('utf8');
    const found = new Map<string, string>();
    for (const line of printed.split('\n')) {
      const [id, ref] = line.split('\t');
      if (id !== undefined && ref !== undefined) found.set(ref, id);
    }
    return found;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new ForgeError({ kind: 'failed' }, `git cannot reach the repository: ${error.said || reasonOf(error)}`);
  }
}

function refused(ref: string, reason: string): PushedRef {
  return { ref, outcome: 'refused', reason };
}
