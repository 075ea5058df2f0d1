import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { constants, open, readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { type Content, type Entry, type Link, MAX_XATTR_BYTES, MAX_XATTRS, type Xattr } from '../base/entry.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { loadPosix, type Posix } from '../files/posix.ts';
import { stopped } from './failure.ts';
import { globsTest } from './glob.ts';
import type { Source } from './source.ts';

export interface DirectoryOptions {
  readonly name: string;
  /** The directory to back up; may itself be a symbolic link to one. */
  readonly path: string;
  /** Glob patterns (`glob.ts`) of relative paths to leave out; an excluded directory is not entered. */
  readonly exclude: readonly string[];
}

/** How many names are looked up at once. */
const BATCH = 32;
/** Names as strings of one byte a character: a Buffer for each costs more than all else about a name. */
const BYTES = 'latin1';

/**
 * A directory tree as it is found: names as raw bytes, in byte order within each directory, links not followed. What
 * vanishes while it is being read was not there; a directory that cannot be read is a `problem`, and a file one for whoever reads it. A root that is not there, is no
 * directory, or is another directory at the end than at the start, rejects with `source.failed`.
 *
 * Sockets and FIFOs are named and skipped: they hold nothing, and whoever serves them makes them anew. Were they
 * problems, every home directory with an agent's socket would be partial for ever, and partial would mean nothing. A
 * device node somebody put there by hand would be missed after a restore, so it is a problem (exclude it to accept that).
 *
 * Extended attributes (ACLs among them) come with each entry. Where the machine cannot read them, `facts.notCaptured` says so.
 * File systems mounted below the root are entered, and named in `facts.mounts`, at most 100 of them.
 */
export function directorySource({ name, path, exclude }: DirectoryOptions): Source {
  const excluded = globsTest(exclude);
  const root = Buffer.from(path);

  async function rootStat(): Promise<BigIntStats> {
    try {
      return await statByOpening(root, constants.O_DIRECTORY);
    } catch (error) {
      const code = errnoOf(error);
      const why = code === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${code})`;
      throw new PortcullisError('source.failed', `Source ${name}: ${path} ${why}.`, { cause: error });
    }
  }

  async function* entries(start: BigIntStats, walking: Walking, signal: AbortSignal): AsyncGenerator<Entry> {
    const goOn = () => {
      if (signal.aborted) throw stopped(`Source ${name}`);
    };
    goOn();
    const names = await readdir(root, { encoding: BYTES }).catch((error: unknown) => {
      throw new PortcullisError('source.failed', `Source ${name}: ${path} cannot be read (${errnoOf(error)}).`);
    });
    yield* walk({ ...walking, excluded, goOn }, root, names);
    // An unmounted or replaced root looks like a tree whose files vanished one by one.
    const end = await rootStat();
    if (end.dev !== start.dev || end.ino !== start.ino)
      throw new PortcullisError('source.failed', `Source ${name}: ${path} was replaced while it was being read.`);
  }

  return {
    async pull({ signal }) {
      const posix = await loadPosix();
      const start = await rootStat();
      const mounts: string[] = [];
      const walking = { posix, links: new Map(), devices: new Set([start.dev]), mounts };
      const notCaptured = posix === undefined ? { notCaptured: ['extended attributes', 'ACLs', 'holes'] } : {};
      return { entries: entries(start, walking, signal), facts: { path, mounts, ...notCaptured } };
    },
  };
}

/** What one walk remembers. */
interface Walking {
  readonly posix: Posix | undefined;
  /** Files with several names, by what tells them apart. */
  readonly links: Map<string, Link>;
  readonly devices: Set<bigint>;
  /** Paths below the root at which another file system begins. */
  readonly mounts: string[];
}

interface Walk extends Walking {
  excluded(relative: Buffer): boolean;
  goOn(): void;
}

const MOUNTS_TOLD = 100;
/** Bytes. Whoever reads holes does it by itself, and a file system that compresses makes every file look as if it had some. */
const SPARSE_FROM = 1n << 20n;

interface Stats {
  readonly stats: BigIntStats;
  readonly xattrs: readonly Xattr[];
  /** Why `xattrs` are not all of them. */
  readonly problem?: string;
}

type Found =
  | (Stats & { readonly target?: Buffer })
  | { readonly problem: string }
  | { readonly skipped: string }
  | undefined;

/** A directory that is being gone through: its names, and what was found at those that were looked up last. */
interface Open {
  readonly directory: Buffer;
  readonly names: string[];
  looked: { readonly path: Buffer; readonly absolute: Buffer; readonly found: Found }[];
  /** How many names have been looked up, and how many of `looked` been told. */
  from: number;
  at: number;
}

function openAt(directory: Buffer, names: string[]): Open {
  return { directory, names: names.sort(), looked: [], from: 0, at: 0 };
}

/** Everything below `root`, which holds `names`. One generator for all levels: what goes through many pays at each. */
async function* walk(walking: Walk, root: Buffer, names: string[]): AsyncGenerator<Entry> {
  const open = [openAt(root, names)];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const next = last.looked[last.at++];
    if (next === undefined) {
      if (last.from >= last.names.length) open.pop();
      else {
        // Between batches others have their turn.
        await setImmediate();
        lookUp(walking, last, root.length + 1);
      }
      continue;
    }
    walking.goOn();
    const { path, absolute, found: at } = next;
    if (at === undefined) continue;
    if ('skipped' in at) {
      yield { kind: 'skipped', path, reason: at.skipped };
      continue;
    }
    if (!('stats' in at)) {
      yield { kind: 'problem', path, reason: at.problem };
      continue;
    }
    const { stats, xattrs, problem } = at;
    const common = {
      path,
      mode: Number(stats.mode) & 0o7777,
      mtimeNs: stats.mtimeNs,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      ...(xattrs.length === 0 ? {} : { xattrs }),
      ...(problem === undefined ? {} : { problem }),
    };
    if (at.target !== undefined) yield { ...common, kind: 'symlink', target: at.target };
    else if (stats.isDirectory()) {
      // Read late: a batch of directories must not hold all their listings at once.
      const inside = attempt(() => readdirSync(absolute, { encoding: BYTES }));
      if (inside === undefined) continue;
      noteMount(walking, path, stats);
      if ('problem' in inside) yield { kind: 'problem', path, reason: inside.problem };
      else {
        yield { ...common, kind: 'directory' };
        open.push(openAt(absolute, inside.value));
      }
    } else {
      const link = linkOf(walking.links, stats);
      yield { ...common, kind: 'file', content: contentAt(absolute, stats), ...(link === undefined ? {} : { link }) };
    }
  }
}

/** Looks up the next names at once: asked for one by one by a pool of threads it takes four times as long. */
function lookUp({ posix, excluded }: Walk, open: Open, pathAt: number): void {
  open.looked = [];
  open.at = 0;
  for (const name of open.names.slice(open.from, open.from + BATCH)) {
    const absolute = join(open.directory, name);
    const path = absolute.subarray(pathAt);
    if (!excluded(path)) open.looked.push({ path, absolute, found: look(posix, absolute) });
  }
  open.from += BATCH;
}

function contentAt(path: Buffer, { size, blocks, mtimeNs, ctimeNs, ino, dev }: BigIntStats): Content {
  const sparse = size >= SPARSE_FROM && blocks * 512n < size;
  return { from: 'path', path, size: Number(size), identity: { size, mtimeNs, ctimeNs, ino, dev }, sparse };
}

function noteMount({ devices, mounts }: Walking, path: Buffer, { dev }: BigIntStats): void {
  if (devices.has(dev)) return;
  devices.add(dev);
  if (mounts.length < MOUNTS_TOLD) mounts.push(path.toString('utf8'));
}

/** Which file this is one of several names of; undefined for a file with one name. */
function linkOf(links: Walking['links'], { dev, ino, nlink, size, mtimeNs }: BigIntStats): Link | undefined {
  if (nlink < 2n) return undefined;
  // An inode that was freed is given to the next file; one that was written to has another content now.
  const key = `${dev} ${ino} ${size} ${mtimeNs}`;
  const link = links.get(key) ?? { number: links.size + 1, names: Number(nlink) };
  links.set(key, link);
  return link;
}

/** What stands at `absolute`; undefined for what has vanished. */
function look(posix: Posix | undefined, absolute: Buffer): Found {
  const found = attempt((): Found => {
    const stats = lstatSync(absolute, { bigint: true });
    switch (Number(stats.mode) & constants.S_IFMT) {
      case constants.S_IFREG:
      case constants.S_IFDIR:
        // Whether a file may be read whoever reads it finds out: most need not be read again.
        return { stats, ...xattrsOf(posix, absolute) };
      case constants.S_IFLNK:
        return { stats, target: readlinkSync(absolute, { encoding: 'buffer' }), ...xattrsOf(posix, absolute) };
      case constants.S_IFSOCK:
        return { skipped: 'a socket' };
      case constants.S_IFIFO:
        return { skipped: 'a FIFO' };
      default:
        return { problem: 'a device node, skipped' };
    }
  });
  return found !== undefined && 'value' in found ? found.value : found;
}

const NO_XATTRS = { xattrs: [] };

function xattrsOf(posix: Posix | undefined, absolute: Buffer): Omit<Stats, 'stats'> {
  if (posix === undefined) return NO_XATTRS;
  try {
    const xattrs = posix.readXattrs(absolute);
    if (xattrs.length === 0) return NO_XATTRS;
    const bytes = xattrs.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
    if (xattrs.length <= MAX_XATTRS && bytes <= MAX_XATTR_BYTES) return { xattrs };
    return { xattrs: [], problem: `its ${xattrs.length} extended attributes (${bytes} bytes) are too many to keep` };
  } catch (error) {
    // Vanished: whoever reads it next says so.
    if (errnoOf(error) === 'ENOENT') return NO_XATTRS;
    return { xattrs: [], problem: `its extended attributes cannot be read (${reasonOf(error)})` };
  }
}

/**
 * The only true test of what may be read: access(2) asks for the real user and forgets the capabilities of a backup
 * service.
 */
async function statByOpening(path: Buffer, flags: number): Promise<BigIntStats> {
  const file = await open(path, constants.O_RDONLY | flags);
  try {
    return await file.stat({ bigint: true });
  } finally {
    await file.close();
  }
}

/** The result of `act`; undefined when its object has vanished; a problem when it cannot be read. */
function attempt<T>(act: () => T): { value: T } | { problem: string } | undefined {
  try {
    return { value: act() };
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return { problem: `cannot be read (${code ?? 'unknown error'})` };
  }
}

function join(directory: Buffer, name: string): Buffer {
  const joined = Buffer.allocUnsafe(directory.length + 1 + name.length);
  joined.set(directory);
  joined[directory.length] = SLASH;
  joined.write(name, directory.length + 1, BYTES);
  return joined;
}

const SLASH = 0x2f;
