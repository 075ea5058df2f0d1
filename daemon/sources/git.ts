import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Entry } from '../base/entry.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { sourceError, stopped } from './failure.ts';
import { absolute, askOrigin, filesBelow, type Mirror, readHead, updateMirror } from './git-mirror.ts';
import { type Git, listRefs, openGit, splitCredentials } from './git-tool.ts';
import type { Environment } from './program.ts';
import type { PullContext, Source } from './source.ts';

export interface GitOptions {
  readonly name: string;
  /** Anything git can fetch from over https, http, ssh, its own protocol or the file system. */
  readonly url: string;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
}

/** At most so many refs stand in the facts of a snapshot. All of them stand in its `packed-refs`. */
const MAX_FACTS = 10_000;

/**
 * A git repository, as one bare repository `NAME.git/` that git can use where it is restored. All refs are in
 * `packed-refs`; packs never change, so history rewritten or deleted at the origin stays in later snapshots too.
 *
 * Facts: `head` (a ref's name, or an object id when detached), `refCount`, `refs` (name → object id, at most 10,000),
 * `notes` (what the operator should know; absent when there is nothing).
 */
export function gitSource({ name, url, environment, clock, log }: GitOptions): Source {
  return {
    async pull({ workdir, signal }: PullContext) {
      if (url.startsWith('-'))
        throw new PortcullisError(
          'source.failed',
          `Source ${name}: its URL begins with "-", which git takes for an option.`,
        );
      const mirror = join(workdir, 'mirror.git');
      const { address, credentials } = splitCredentials(url);
      try {
        const git = await openGit({ directory: workdir, environment, signal, clock, credentials });
        const damage = await bringUpToDate({ git, path: mirror, signal }, address, workdir);
        const note = damage === undefined ? undefined : `The mirror was damaged (${damage}) and was fetched afresh.`;
        if (note !== undefined) log.warn(note, { source: name, kept: `${mirror}.damaged` });
        return { entries: entries(mirror, `${name}.git`, signal), facts: await factsOf(git, mirror, note) };
      } catch (error) {
        throw sourceError(`Source ${name}`, error, signal);
      }
    },
  };
}

/**
 * Resolves with what was wrong with a mirror that had to be set aside, or undefined. The damaged one is kept, one at a
 * time, for whoever wants to look; what it held is in earlier snapshots.
 */
async function bringUpToDate(mirror: Mirror, address: string, workdir: string): Promise<string | undefined> {
  const origin = await askOrigin(mirror.git, address, workdir);
  const damage = await updateMirror(mirror, address, origin);
  if (damage === undefined) return undefined;
  if (origin.format === undefined)
    throw new Error(`the mirror ${mirror.path} is damaged (${damage}) and the origin has nothing to start over from`);
  await rm(`${mirror.path}.damaged`, { recursive: true, force: true });
  await rename(mirror.path, `${mirror.path}.damaged`);
  const again = await updateMirror(mirror, address, origin);
  if (again !== undefined) throw new Error(`a fresh copy of the origin is damaged as well: ${again}`);
  return damage;
}

async function factsOf(git: Git, mirror: string, note: string | undefined) {
  const refs = [...(await listRefs(git, mirror))];
  return {
    head: (await readHead(mirror)).replace(/^ref: /, ''),
    refCount: refs.length,
    refs: Object.fromEntries(
      refs.slice(0, MAX_FACTS).map(([ref, id]) => [Buffer.from(ref, 'latin1').toString('utf8'), id]),
    ),
    ...(note === undefined ? {} : { notes: [note] }),
  };
}

const FOLDERS = ['', '/objects', '/objects/info', '/objects/pack', '/refs'];
const PACKED = /^objects\/pack\/pack-[0-9a-f]+\.(pack|idx|rev)$/;
const PLAIN = /^(HEAD|config|packed-refs|shallow)$/;

/** The parts of the mirror that make a repository, with modes and times that change only when their content does. */
async function* entries(mirror: string, root: string, signal: AbortSignal): AsyncGenerator<Entry> {
  const files = (await filesBelow(mirror)).filter((file) => PACKED.test(file) || PLAIN.test(file)).sort();
  const found = await Promise.all(
    files.map(async (file) => ({ file, stats: await lstat(absolute(mirror, file), { bigint: true }) })),
  );
  const { uid, gid } = await lstat(mirror);
  const newest = found.map(({ stats }) => stats.mtimeNs).sort((a, b) => Number(b - a))[0] ?? 0n;
  const folders: Entry[] = FOLDERS.map((folder) => ({
    kind: 'directory',
    path: Buffer.from(root + folder),
    mode: 0o755,
    mtimeNs: newest,
    uid,
    gid,
  }));
  const contents: Entry[] = found.map(({ file, stats }) => ({
    kind: 'file',
    path: Buffer.from(`${root}/${file}`),
    mode: PACKED.test(file) ? 0o444 : 0o644,
    mtimeNs: stats.mtimeNs,
    uid,
    gid,
    content: { from: 'path', path: absolute(mirror, file), size: Number(stats.size), identity: stats },
  }));
  for (const entry of [...folders, ...contents].sort((a, b) => Buffer.compare(a.path, b.path))) {
    if (signal.aborted) throw stopped(root);
    yield entry;
  }
}
