import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical } from '../base/canonical.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import type { Entry } from '../base/entry.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { hostOf, parseAddress, resolveSubmodule } from './git-address.ts';
import { type Git, isRefusal } from './git-tool.ts';
import { redact } from './redact.ts';

/** A submodule as `.gitmodules` of the default branch tells of it. */
export interface Submodule {
  readonly path: string;
  /** As it stands there: relative, or absolute. */
  readonly url: string;
}

/** What of a mirrored repository counts here. */
export interface MirroredModule {
  entries(root: string): AsyncIterable<Entry>;
  readonly submodules: readonly Submodule[];
}

export interface ModulesJob<M extends MirroredModule> {
  /** The working copy's folder. */
  readonly workdir: string;
  /** Of the repository whose submodules are meant, without credentials. */
  readonly address: string;
  readonly submodules: readonly Submodule[];
  readonly signal: AbortSignal;
  /** Mirrors `address` into `folder`, which exists. `trusted`: the origin's credentials may be sent there. */
  readonly mirror: (folder: string, address: string, trusted: boolean) => Promise<M>;
  /** What `folder` held when it was last mirrored. */
  readonly last: (folder: string) => Promise<M | undefined>;
  readonly progress?: (address: string, done: number) => void;
}

export interface Modules {
  /** In the order of their places. */
  readonly repositories: readonly {
    /** Path of the bare repository in the snapshot. */
    readonly place: string;
    /** Without credentials. */
    readonly url: string;
    readonly entries: ((root: string) => AsyncIterable<Entry>) | undefined;
    readonly problem: string | undefined;
    /** No `.gitmodules` names it any more. */
    readonly gone: boolean;
  }[];
}

/** Submodules of submodules, and so on, are followed so deep. */
const MAX_DEPTH = 5;
/** So many repositories are followed in all. */
const MAX_MODULES = 200;
const MAX_LISTED = 1000;

/** The submodules that `.gitmodules` of HEAD names: at most 1,000. */
export async function submodulesOf(git: Git, mirror: string): Promise<Submodule[]> {
  let printed: Buffer;
  try {
    const keys = '^submodule\\..*\\.(path|url)$';
    printed = await git([`--git-dir=${mirror}`, 'config', '-z', '--blob', 'HEAD:.gitmodules', '--get-regexp', keys]);
  } catch (error) {
    // No HEAD, no such file, no such key, or nothing git can read.
    if (isRefusal(error)) return [];
    throw error;
  }
  const found = new Map<string, { path?: string; url?: string }>();
  for (const item of printed.toString('utf8').split('\0')) {
    const end = item.indexOf('\n');
    const [, name = '', key] = /^submodule\.(.*)\.(path|url)$/s.exec(end === -1 ? item : item.slice(0, end)) ?? [];
    if (key === 'path' || key === 'url') found.set(name, { ...found.get(name), [key]: item.slice(end + 1) });
  }
  return [...found.values()]
    .flatMap(({ path, url }) => (path === undefined || url === undefined ? [] : [{ path, url }]))
    .slice(0, MAX_LISTED);
}

/** Where the repository at `address` lies in a snapshot. */
export function placeOfModule(address: string): string {
  const name = /([^/:]+?)(?:\.git)?\/*$/.exec(address)?.[1] ?? 'module';
  const hash = createHash('sha256').update(normal(address)).digest('hex').slice(0, 12);
  return `submodules/${name
    .replace(/[^\w.-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 100)}-${hash}.git`;
}

/** Two ways to write an address that mean the same repository. */
function normal(address: string): string {
  return address.replace(/\/+$/, '').replace(/\.git$/, '');
}

/** The address of a submodule, or why there is none that is followed. */
export function addressOf(base: string, { url }: Submodule): { address: string } | { refused: string } {
  const address = resolveSubmodule(base, url);
  if (address === undefined)
    return { refused: 'its address leads to this machine, out of the origin, or is none that is fetched from' };
  const [from, to] = [parseAddress(base), parseAddress(address)];
  if (to?.kind === 'ssh' && (from?.kind !== 'ssh' || hostOf(from) !== hostOf(to) || from.port !== to.port))
    return { refused: 'it lies on another ssh server than the origin: make it a source of its own' };
  return { address };
}

/** Whether what was given to reach `origin` may be sent to `address` too: the same scheme, host and port. */
export function isTrusted(origin: string, address: string): boolean {
  const [from, to] = [parseAddress(origin), parseAddress(address)];
  if (from?.kind === 'http' && to?.kind === 'http') return from.url.origin === to.url.origin;
  if (from?.kind === 'ssh' && to?.kind === 'ssh') return hostOf(from) === hostOf(to) && from.port === to.port;
  return from?.kind === 'local' && to?.kind === 'local';
}

/**
 * Mirrors what the submodules name, and what theirs name, each repository once. One that cannot be had is a problem, and
 * is as it was before; one that nobody names any more stays.
 */
export async function mirrorModules<M extends MirroredModule>(job: ModulesJob<M>): Promise<Modules> {
  const { workdir, address: root, signal } = job;
  const folder = join(workdir, 'submodules');
  await makeDirectory(folder);
  const known = await readKnown(join(folder, 'known.json'));
  const done = new Map<string, Modules['repositories'][number]>();
  const seen = new Set([normal(root)]);
  const queue = job.submodules.map((submodule) => ({ base: root, submodule, depth: 1 }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    signal.throwIfAborted();
    const { base, submodule, depth } = next;
    const found = addressOf(base, submodule);
    const url = redact('address' in found ? found.address : submodule.url);
    const address = 'address' in found ? found.address : undefined;
    const place = placeOfModule(address ?? `${base}\n${submodule.url}`);
    const refused =
      'refused' in found
        ? found.refused
        : depth > MAX_DEPTH
          ? `it lies ${depth} submodules deep; ${MAX_DEPTH} are followed`
          : done.size >= MAX_MODULES
            ? `there are more than ${MAX_MODULES} submodules; make it a source of its own`
            : undefined;
    if (address !== undefined && seen.has(normal(address))) continue;
    if (address !== undefined) seen.add(normal(address));
    if (refused !== undefined || address === undefined) {
      // So many are named; an origin that lists more of them has been told enough.
      if (done.size < MAX_MODULES + MAX_LISTED)
        done.set(place, { place, url, entries: undefined, problem: `It was not fetched: ${refused}.`, gone: false });
      continue;
    }
    job.progress?.(url, done.size);
    const at = join(folder, place.slice('submodules/'.length, -'.git'.length));
    await makeDirectory(at);
    try {
      const mirrored = await job.mirror(at, address, isTrusted(root, address));
      known.set(place, url);
      await writeDurably(join(folder, 'known.json'), canonical(Object.fromEntries(known)));
      done.set(place, { place, url, entries: mirrored.entries, problem: undefined, gone: false });
      for (const inner of mirrored.submodules) queue.push({ base: address, submodule: inner, depth: depth + 1 });
    } catch (error) {
      signal.throwIfAborted();
      const before = await job.last(at).catch(() => undefined);
      const problem = `It could not be fetched: ${reasonOf(error)}.${before === undefined ? '' : ' It is as it was before.'}`;
      done.set(place, { place, url, entries: before?.entries, problem, gone: false });
    }
  }
  for (const [place, url] of known) {
    if (done.has(place)) continue;
    const before = await job.last(join(folder, place.slice('submodules/'.length, -'.git'.length)));
    const problem = before === undefined ? 'Nobody names it any more, and its working copy is damaged.' : undefined;
    done.set(place, { place, url, entries: before?.entries, problem, gone: true });
  }
  return { repositories: [...done.values()].sort((a, b) => (a.place < b.place ? -1 : 1)) };
}

async function readKnown(file: string): Promise<Map<string, string>> {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return new Map();
    throw error;
  }
}

/** What the submodules' repositories are in the snapshot, below `submodules/`. */
export async function* moduleEntries({ repositories }: Modules): AsyncGenerator<Entry> {
  if (repositories.length === 0) return;
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  yield { kind: 'directory', path: Buffer.from('submodules'), mode: 0o755, mtimeNs: 0n, ...own };
  for (const { place, entries, problem } of repositories) {
    let told = problem;
    for await (const entry of entries?.(place) ?? []) {
      // On the folder itself, as a path may be told only once.
      yield told !== undefined && entry.kind === 'directory' ? { ...entry, problem: told } : entry;
      told = undefined;
    }
    if (told !== undefined) yield { kind: 'problem', path: Buffer.from(place), reason: told };
  }
}
