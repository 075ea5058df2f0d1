import { existsSync } from 'node:fs';
import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Entry } from '../base/entry.ts';
import type { Log } from '../base/log.ts';
import { Secret } from '../base/secret.ts';
import { sourceError, stopped } from './failure.ts';
import { parseAddress } from './git-address.ts';
import { absolute, askOrigin, faultOf, filesBelow, type Mirror, readHead, updateMirror } from './git-mirror.ts';
import {
  addressOf,
  type Modules,
  mirrorModules,
  moduleEntries,
  placeOfModule,
  type Submodule,
  submodulesOf,
} from './git-submodules.ts';
import { credentialsFor, type Git, listRefs, openGit, type SshAccess, splitCredentials } from './git-tool.ts';
import { type LargeFiles, largeFiles } from './lfs.ts';
import type { Environment } from './program.ts';
import { redact } from './redact.ts';
import type { PullContext, Source } from './source.ts';

/** What is needed to fetch from anywhere. */
export interface GitAccess {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  /** For the host of the origin only. Without a user name git takes `x-access-token`, as forges do with tokens. */
  readonly username?: string | undefined;
  readonly token?: Secret | undefined;
  readonly ssh?: SshAccess | undefined;
  readonly signal: AbortSignal;
  /** Told of large files as they come. */
  readonly progress?: ((what: string, done: number, total: number) => void) | undefined;
}

export interface GitOptions extends Omit<GitAccess, 'signal' | 'progress'> {
  readonly name: string;
  /** Anything git can fetch from over https, http, ssh, its own protocol or the file system. */
  readonly url: string;
  /** Mirrors the repositories its submodules name, too. */
  readonly submodules?: boolean | undefined;
}

/** A repository as it lies in the working copy. */
export interface MirroredRepository {
  /** Its entries as a bare repository whose folder is `root`. */
  entries(root: string): AsyncIterable<Entry>;
  /** Where HEAD is: a ref's name, or an object id when detached. */
  readonly head: string;
  /** By the bytes of their names, read as latin-1. */
  readonly refs: ReadonlyMap<string, string>;
  readonly lfs: LargeFiles;
  /** As the default branch names them. */
  readonly submodules: readonly Submodule[];
  /** What the operator should know. */
  readonly note?: string;
}

const MIRROR = 'mirror.git';
/** At most so many refs stand in the facts of a snapshot. All of them stand in its `packed-refs`. */
const MAX_FACTS = 10_000;

/**
 * A git repository, as one bare repository `NAME.git/` that git can use where it is restored. All refs are in
 * `packed-refs`; packs never change, so history rewritten or deleted at the origin stays in later snapshots too.
 *
 * Facts: `head` (a ref's name, or an object id when detached), `refCount`, `refs` (name → object id, at most 10,000),
 * `lfs` (how many large files are here, their bytes, how many are missing; absent without any), `submodules` (path and URL of
 * each that the default branch names, and where its repository is in the snapshot; absent without any), `notes` (what the
 * operator should know; absent when there is nothing).
 */
export function gitSource(options: GitOptions): Source {
  const { name, url } = options;
  return {
    async pull({ workdir, signal, progress }: PullContext) {
      progress?.({ what: 'the origin', done: 0 });
      try {
        const tell = (what: string, done: number, total: number) => progress?.({ what, done, total });
        const mirrored = await mirrorRepository({ ...options, signal, progress: tell }, workdir, url);
        if (mirrored.note !== undefined) options.log.warn(mirrored.note, { source: name });
        const own = mirrored.entries(`${name}.git`);
        if (options.submodules !== true) return { entries: own, facts: factsOf(mirrored, url) };
        const modules = await mirrorModules({
          ...modulesJob({ ...options, signal, progress: tell }, url),
          workdir,
          submodules: mirrored.submodules,
          progress: (module, done) => progress?.({ what: `submodule ${module}`, done }),
        });
        const gone = modules.repositories.flatMap((module) => (module.gone ? [module.place] : []));
        const note = gone.length === 0 ? [] : [`Named by no .gitmodules any more and kept: ${gone.join(', ')}.`];
        const first = Buffer.compare(Buffer.from(`${name}.git`), Buffer.from('submodules')) < 0;
        return {
          entries: first ? both(own, moduleEntries(modules)) : both(moduleEntries(modules), own),
          facts: factsOf({ ...mirrored, ...noteOf([mirrored.note ?? [], note].flat()) }, url, modules),
        };
      } catch (error) {
        throw sourceError(`Source ${name}`, error, signal);
      }
    },
  };
}

/**
 * Brings the mirror in `folder`, which exists, up to date with `url`, large files included: one that cannot be had is a
 * problem among the entries. Rejects when nothing trustworthy can be had.
 */
export async function mirrorRepository(access: GitAccess, folder: string, url: string): Promise<MirroredRepository> {
  const { environment, clock, signal, token, username = 'x-access-token', ssh } = access;
  const path = join(folder, MIRROR);
  const { address, credentials } = splitCredentials(url);
  if (parseAddress(address) === undefined)
    throw new Error(
      'its URL is none that is fetched from: it begins with "-", runs a program or holds control characters',
    );
  const given = credentials ?? (token && credentialsFor(address, username, token));
  const git = await openGit({ directory: folder, environment, signal, clock, credentials: given, ssh });
  const { notes, refs } = await bringUpToDate({ git, path, signal, clock }, address, folder);
  const origin = { address, credentials: given, ssh };
  const lfs = await largeFiles({
    git,
    mirror: path,
    folder,
    environment,
    signal,
    clock,
    origin,
    progress: (done, total) => access.progress?.('large files', done, total),
  });
  const mirrored = await describeMirror(git, path, signal, lfs, refs);
  return { ...mirrored, ...noteOf(notes) };
}

function noteOf(notes: readonly string[]): { note?: string } {
  return notes.length === 0 ? {} : { note: notes.join(' ') };
}

/** How the submodules of the repository at `url` are mirrored: with its credentials where they belong, else with none. */
function modulesJob(access: GitAccess, url: string) {
  const { address, credentials } = splitCredentials(url);
  const trusted = {
    ...access,
    ...(credentials && { username: credentials.username, token: Secret.fromText(credentials.password) }),
  };
  const stranger = { ...access, username: undefined, token: undefined, ssh: undefined };
  return {
    address,
    signal: access.signal,
    mirror: (folder: string, to: string, isTrusted: boolean) =>
      mirrorRepository(isTrusted ? trusted : stranger, folder, to),
    last: async (folder: string) => {
      const last = await lastMirror(access, folder);
      return last === undefined || 'damage' in last ? undefined : last;
    },
  };
}

async function* both<T>(first: AsyncIterable<T>, second: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* second;
}

/** What the mirror in `folder` held when it was last brought up to date, or what is wrong with it; undefined where there is none. */
export async function lastMirror(
  access: GitAccess,
  folder: string,
): Promise<MirroredRepository | { readonly damage: string } | undefined> {
  const { environment, clock, signal } = access;
  const path = join(folder, MIRROR);
  if (!existsSync(path)) return undefined;
  const git = await openGit({ directory: folder, environment, signal, clock });
  const damage = await faultOf({ git, path, signal, clock });
  if (damage !== undefined) return { damage };
  const lfs = await largeFiles({ git, mirror: path, folder, environment, signal, clock });
  return describeMirror(git, path, signal, lfs, await listRefs(git, path));
}

async function describeMirror(
  git: Git,
  path: string,
  signal: AbortSignal,
  lfs: LargeFiles,
  refs: ReadonlyMap<string, string>,
): Promise<MirroredRepository> {
  return {
    entries: (root) => entries(path, root, lfs, signal),
    lfs,
    head: (await readHead(path)).replace(/^ref: /, ''),
    refs,
    submodules: await submodulesOf(git, path),
  };
}

/**
 * Resolves with what the operator should know. A damaged mirror is set aside and kept, one at a time, for whoever wants to
 * look; what it held is in earlier snapshots.
 */
async function bringUpToDate(
  mirror: Mirror,
  address: string,
  workdir: string,
): Promise<{ notes: string[]; refs: ReadonlyMap<string, string> }> {
  const origin = await askOrigin(mirror.git, address, workdir);
  const first = await updateMirror(mirror, address, origin);
  if (first.whole) return { notes: faultsNote(first.oldFaults), refs: first.refs };
  if (origin.format === undefined)
    throw new Error(
      `the mirror ${mirror.path} is damaged (${first.damage}) and the origin has nothing to start over from`,
    );
  await rm(`${mirror.path}.damaged`, { recursive: true, force: true });
  await rename(mirror.path, `${mirror.path}.damaged`);
  const second = await updateMirror(mirror, address, origin);
  if (!second.whole) throw new Error(`a fresh copy of the origin is damaged as well: ${second.damage}`);
  const note = `The mirror was damaged (${first.damage}) and was fetched afresh; the old one is ${mirror.path}.damaged.`;
  return { notes: [note, ...faultsNote(second.oldFaults)], refs: second.refs };
}

function faultsNote(faults: readonly string[]): string[] {
  if (faults.length === 0) return [];
  return [`The origin has objects of an old, wrong form, which are kept as they are: ${faults.join('; ')}.`];
}

function factsOf({ head, refs, note, lfs, submodules }: MirroredRepository, url: string, modules?: Modules) {
  const { address } = splitCredentials(url);
  const held = new Set(modules?.repositories.map(({ place }) => place));
  return {
    head,
    refCount: refs.size,
    refs: Object.fromEntries(
      [...refs].slice(0, MAX_FACTS).map(([ref, id]) => [Buffer.from(ref, 'latin1').toString('utf8'), id]),
    ),
    ...(lfs.count + lfs.lost.size === 0
      ? {}
      : { lfs: { objects: lfs.count, bytes: lfs.bytes, missing: lfs.lost.size } }),
    ...(submodules.length === 0
      ? {}
      : {
          submodules: submodules.map((submodule) => {
            const found = addressOf(address, submodule);
            const place = 'address' in found ? placeOfModule(found.address) : undefined;
            const at = place !== undefined && held.has(place) ? { repository: place } : {};
            return { path: submodule.path, url: redact(submodule.url), ...at };
          }),
        }),
    ...(note === undefined ? {} : { notes: [note] }),
  };
}

const FOLDERS = ['', '/objects', '/objects/info', '/objects/pack', '/refs'];
const PACKED = /^objects\/pack\/pack-[0-9a-f]+\.(pack|idx|rev)$/;
const PLAIN = /^(HEAD|config|packed-refs|shallow)$/;

/** The parts of the mirror that make a repository, with modes and times that change only when their content does. */
async function* entries(mirror: string, root: string, lfs: LargeFiles, signal: AbortSignal): AsyncGenerator<Entry> {
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
  for (const entry of [...folders, ...contents, ...lfs.entries(root)].sort((a, b) => Buffer.compare(a.path, b.path))) {
    if (signal.aborted) throw stopped(root);
    yield entry;
  }
}
