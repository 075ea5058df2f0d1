import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream, existsSync } from 'node:fs';
import { lstat, open, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errnoOf } from '../base/errors.ts';
import { Checked, replace } from './checked.ts';
import { fetchFromOrigin } from './git-fetch.ts';
import { type Git, initBare, isRefusal, listRefs, type ObjectFormat } from './git-tool.ts';

/** What the origin says about itself before anything is fetched. */
export interface Origin {
  /** Undefined while the origin is empty. */
  readonly format: ObjectFormat | undefined;
  /** `ref: refs/heads/…`, an object id when detached, undefined when HEAD names nothing that exists. */
  readonly head: string | undefined;
  /** By the bytes of their names, read as latin-1. */
  readonly refs: ReadonlyMap<string, string>;
}

/**
 * Asks the repository at `address` what it is. Rejects with `ProgramFailed` when it does not answer as one, and with
 * Error when it claims to be empty and that is not to be believed. `workdir` is for a temporary file.
 */
export async function askOrigin(git: Git, address: string, workdir: string): Promise<Origin> {
  const printed = (await git.bounded(['ls-remote', '--symref', '--', address])).toString('latin1');
  const symbolic = /^(ref: [^\t\n]+)\tHEAD$/m.exec(printed)?.[1];
  const detached = /^([0-9a-f]{40,64})\tHEAD$/m.exec(printed)?.[1];
  const lines = [...printed.matchAll(/^([0-9a-f]{40,64})\t(.*)$/gm)];
  const id = lines[0]?.[1];
  const named = lines.flatMap(([, at = '', name = '']): [string, string][] =>
    name.startsWith('refs/') && !name.endsWith('^{}') ? [[name, at]] : [],
  );
  if (id === undefined && /^https?:/i.test(address)) await insistOnProtocol(git, address, join(workdir, 'trace'));
  return {
    format: id === undefined ? undefined : id.length === 64 ? 'sha256' : 'sha1',
    head: symbolic ?? detached,
    refs: new Map(named),
  };
}

/**
 * To git, a web page or an empty answer from any web server is an empty repository of the "dumb" protocol. Only one that
 * speaks git's own protocol is believed.
 */
async function insistOnProtocol(git: Git, address: string, trace: string): Promise<void> {
  await writeFile(trace, '');
  await git.bounded(['ls-remote', '--', address], { GIT_TRACE_PACKET: trace });
  const packets = await readFile(trace, 'latin1');
  await unlink(trace);
  if (!/git< /.test(packets)) throw new Error('the server answers, but not as a git server does');
}

export interface Mirror {
  readonly git: Git;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** How a mirror is after it was brought up to date. */
export type Updated =
  /** `oldFaults`: what git says of the form of objects that came, and takes all the same. */
  | { readonly whole: true; readonly oldFaults: readonly string[]; readonly refs: ReadonlyMap<string, string> }
  /** It must not be sealed, and a fresh one may help. */
  | { readonly whole: false; readonly damage: string };

/**
 * Makes the bare mirror hold every ref the origin has now, and every object it ever held: refs are pruned,
 * objects never, and each fetch adds one pack that no later run touches. Rejects when the origin is to blame, also when it
 * has lost all its refs: a source that vanishes never becomes an empty snapshot.
 */
export async function updateMirror(mirror: Mirror, address: string, origin: Origin): Promise<Updated> {
  const { git, path, clock } = mirror;
  let format = await formatOf(git, path);
  if (format === 'none') {
    format = origin.format ?? 'sha1';
    // Through another name: a kill half way leaves nothing that looks like a mirror.
    await rm(`${path}.new`, { recursive: true, force: true });
    await initBare(git, `${path}.new`, format, 'refs/heads/main');
    await rename(`${path}.new`, path);
  }
  if (format === 'broken') return damaged('it is not a git repository any more');
  if (origin.format !== undefined && origin.format !== format)
    return damaged(`it holds ${format} objects and the origin ${origin.format} ones`);
  await sweep(path);
  if (origin.format === undefined && (await listRefs(git, path)).size > 0)
    throw new Error(
      `the origin has no branches or tags any more; what it had is in earlier snapshots (if it is meant to be empty, remove ${path})`,
    );
  let oldFaults: string[] = [];
  if (!(await isUpToDate(mirror, origin)))
    try {
      // A detached HEAD may stand on a commit that no ref reaches.
      const detached = origin.head !== undefined && !origin.head.startsWith('ref: ');
      const refspecs = ['+refs/*:refs/*', ...(detached ? ['HEAD'] : [])];
      oldFaults = await fetchFromOrigin(git, path, address, refspecs, clock);
    } catch (error) {
      // What came of a pack that does not fit on the disk would leave no room for anything else.
      await sweep(path).catch(() => {});
      const fault = isRefusal(error) ? await faultOfObjects(mirror, format) : undefined;
      if (fault?.damage !== undefined) return damaged(fault.damage);
      throw error;
    }
  await pointHead(git, path, origin.head);
  if ((await looseRefs(path)).length > 0) await git([`--git-dir=${path}`, 'pack-refs', '--all']);
  const { damage, refs } = await faultOfObjects(mirror, format);
  if (damage !== undefined) return damaged(damage);
  if ((await looseRefs(path)).length > 0) return damaged('some of its refs cannot be resolved');
  return { whole: true, oldFaults, refs };
}

/** Whether the mirror has each ref of the origin and no other, so that there is nothing to fetch. */
async function isUpToDate({ git, path }: Mirror, { head, refs }: Origin): Promise<boolean> {
  // What a shallow origin grows by shows in no ref; a detached HEAD may be on a commit that no ref reaches.
  if (refs.size === 0 || !head?.startsWith('ref: ') || existsSync(`${path}/shallow`)) return false;
  try {
    const here = await listRefs(git, path);
    return here.size === refs.size && [...refs].every(([name, id]) => here.get(name) === id);
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

function damaged(damage: string): Updated {
  return { whole: false, damage };
}

/** What is wrong with a mirror that nobody is working on, or undefined. */
export async function faultOf(mirror: Mirror): Promise<string | undefined> {
  const format = await formatOf(mirror.git, mirror.path);
  if (format === 'none' || format === 'broken') return 'it is not a git repository any more';
  await sweep(mirror.path);
  if ((await looseRefs(mirror.path)).length > 0) await mirror.git([`--git-dir=${mirror.path}`, 'pack-refs', '--all']);
  return (await faultOfObjects(mirror, format)).damage;
}

/** Paths of all files below `path`, relative to it, each byte of a name as one latin-1 character. */
export async function filesBelow(path: string, below = ''): Promise<string[]> {
  const files: string[] = [];
  const entries = await readdir(Buffer.from(latin1(path) + below, 'latin1'), {
    withFileTypes: true,
    encoding: 'latin1' as 'utf8',
  });
  for (const entry of entries) {
    const name = below === '' ? entry.name : `${below.slice(1)}/${entry.name}`;
    if (entry.isDirectory()) files.push(...(await filesBelow(path, `/${name}`)));
    else files.push(name);
  }
  return files;
}

/** The absolute path, in bytes, of what `filesBelow` called `name`. */
export function absolute(path: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(path), Buffer.from(`/${name}`, 'latin1')]);
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

async function formatOf(git: Git, path: string): Promise<ObjectFormat | 'none' | 'broken'> {
  try {
    await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'none';
    throw error;
  }
  try {
    const answer = await git([`--git-dir=${path}`, 'rev-parse', '--show-object-format', '--is-bare-repository']);
    const [, format] = /^(sha1|sha256)\ntrue\n$/.exec(answer.toString('latin1')) ?? [];
    return format === 'sha1' || format === 'sha256' ? format : 'broken';
  } catch (error) {
    if (isRefusal(error)) return 'broken';
    throw error;
  }
}

/** Removes what a killed git leaves: locks, keep marks, unfinished packs. Nobody else works on the mirror. */
async function sweep(path: string): Promise<void> {
  const files = await filesBelow(path);
  const indexed = new Set(files.filter((name) => name.endsWith('.idx')));
  for (const name of files) {
    const pack = name.startsWith('objects/pack/');
    const left = pack
      ? /\/tmp_[^/]*$|\.keep$/.test(name) || (name.endsWith('.pack') && !indexed.has(name.replace(/pack$/, 'idx')))
      : /\.lock$|^packed-refs\.new$|^objects\/.*tmp_/.test(name);
    if (left) await unlink(absolute(path, name));
  }
}

async function looseRefs(path: string): Promise<string[]> {
  return (await filesBelow(path)).filter((name) => name.startsWith('refs/'));
}

async function pointHead(git: Git, path: string, head: string | undefined): Promise<void> {
  if (head === undefined || (await readHead(path)) === head) return;
  const ref = head.startsWith('ref: ') ? head.slice(5) : undefined;
  await git([
    `--git-dir=${path}`,
    ...(ref === undefined ? ['update-ref', '--no-deref', 'HEAD', head] : ['symbolic-ref', 'HEAD', ref]),
  ]);
}

/** `ref: refs/heads/…`, or an object id when detached. */
export async function readHead(path: string): Promise<string> {
  return (await readFile(`${path}/HEAD`, 'latin1')).trim();
}

/** What was found good of the mirror at `path`: its packs by name, and the ids of its refs whose history was all there. */
const checkedFile = (path: string) => `${path}/checked.json`;
const tipsFile = (path: string) => `${path}/checked-tips`;

/**
 * What is wrong with the mirror's objects. Two checks that catch what one misses, at a fraction of a full fsck's time:
 * every pack and index has the checksum git ended it with (a flipped bit anywhere), and every commit and tree
 * reachable from a ref leads to objects that are there (a lost pack). Both ask only about what has come since they last
 * found it good: a pack that looks untouched is read again at the sixteenth run after, and then all history is walked too.
 */
async function faultOfObjects(mirror: Mirror, format: ObjectFormat): Promise<Judged> {
  const refs = new Map<string, string>();
  return { damage: await damageOf(mirror, format, refs), refs };
}

interface Judged {
  readonly damage: string | undefined;
  readonly refs: ReadonlyMap<string, string>;
}

async function damageOf(mirror: Mirror, format: ObjectFormat, refs: Map<string, string>): Promise<string | undefined> {
  const { git, path, signal } = mirror;
  const checked = await Checked.load(checkedFile(path));
  const packs = new Map<string, BigIntStats>();
  for (const name of (await filesBelow(`${path}/objects`)).sort()) {
    if (!/^pack\/.*\.(pack|idx|rev)$/.test(name)) {
      if (!name.startsWith('pack/')) return `objects/${name} is outside the packs`;
      continue;
    }
    packs.set(name, await lstat(absolute(`${path}/objects`, name), { bigint: true }));
  }
  const lost = [...checked.names].find((name) => name !== HISTORY && !packs.has(name));
  if (lost !== undefined) return `objects/${lost} is lost`;
  for (const [name, stats] of packs) {
    if (!checked.isDue(name, stats)) continue;
    const fault = await checksumFault(absolute(`${path}/objects`, name), format, signal);
    if (fault !== undefined) return `objects/${name} ${fault}`;
    checked.good(name, stats);
  }
  const before = await lstat(tipsFile(path), { bigint: true }).catch(() => undefined);
  const whole = before === undefined || checked.isDue(HISTORY, before);
  const known = whole ? undefined : await readFile(tipsFile(path), 'latin1');
  try {
    for (const [name, id] of await listRefs(git, path)) refs.set(name, id);
    const head = await readHead(path);
    const ids = new Set([...refs.values(), ...(head.startsWith('ref: ') ? [] : [head])]);
    const text = [...ids].map((id) => `^${id}\n`).join('');
    if (whole) await git([`--git-dir=${path}`, ...WALK_ALL]);
    else if (text !== known) {
      const walk = [`--git-dir=${path}`, 'rev-list', '--objects', '--quiet', '--all', '--stdin'];
      for await (const _ of git.stream(walk, { input: tipsFile(path) }));
    }
    // First what is known of history, then that it is known.
    if (text !== known) await replace(tipsFile(path), text);
    const now = await lstat(tipsFile(path), { bigint: true });
    if (whole) checked.good(HISTORY, now);
    else if (text !== known) checked.moved(HISTORY, now);
    await checked.save();
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return `git fsck found damage: ${error.said.slice(0, 500) || 'objects are missing'}`;
    throw error;
  }
}

const WALK_ALL = ['fsck', '--connectivity-only', '--no-dangling', '--no-reflogs', '--no-progress'];

/** Stands among the packs for the history that was walked. No pack has its name. */
const HISTORY = 'history';

/** Every pack, index and reverse index ends in the hash of all bytes before it. */
async function checksumFault(path: Buffer, format: ObjectFormat, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash(format);
  const length = format === 'sha1' ? 20 : 32;
  try {
    const { size } = await stat(path);
    if (size <= length) return 'is cut short';
    for await (const chunk of createReadStream(path, { end: size - length - 1, highWaterMark: 1 << 20, signal }))
      hash.update(chunk as Buffer);
    const file = await open(path);
    try {
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.equals(hash.digest()) ? undefined : 'does not have the checksum git gave it';
    } finally {
      await file.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return `cannot be read (${errnoOf(error)})`;
  }
}
