import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import type { Entry } from '../base/entry.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { Checked, replace } from './checked.ts';
import type { Credentials, Git, ObjectFormat, SshAccess } from './git-tool.ts';
import { download, placeOf } from './lfs-download.ts';
import type { Pointer } from './lfs-pointer.ts';
import { pointersIn } from './lfs-scan.ts';
import { lfsServer } from './lfs-server.ts';
import type { Environment } from './program.ts';

/** The large files of a mirror. */
export interface LargeFiles {
  /** Objects that are here, and their bytes. */
  readonly count: number;
  readonly bytes: number;
  /** Objects that some commit names and the origin does not give, and why. */
  readonly lost: ReadonlyMap<string, string>;
  /** What belongs below `lfs/` of the bare repository whose folder is `root`. */
  entries(root: string): Entry[];
}

export interface LfsJob {
  readonly git: Git;
  /** The bare mirror. */
  readonly mirror: string;
  /** The working copy's folder: the objects lie beside the mirror, so that a damaged one does not take them along. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Where they are to be had; undefined to take those that are here. */
  readonly origin?:
    | { readonly address: string; readonly credentials: Credentials | undefined; readonly ssh: SshAccess | undefined }
    | undefined;
  readonly progress?: (done: number, total: number) => void;
}

/** So many lost objects are named one by one. */
const MAX_NAMED = 1000;

/**
 * Brings every LFS object that any commit ever fetched names into the working copy, each checked against its SHA-256.
 * Nothing is removed: what the origin deletes or rewrites stays. Packs that were looked through before are not again.
 */
export async function largeFiles(job: LfsJob): Promise<LargeFiles> {
  const folder = join(job.folder, 'lfs');
  const pointers = await pointersOf(job, folder);
  if (pointers.size === 0) return { count: 0, bytes: 0, lost: new Map(), entries: () => [] };
  const checked = await Checked.load(join(folder, 'checked.json'));
  const had = await here(job, folder, pointers, checked);
  const missing = [...pointers].filter(([oid]) => !had.has(oid));
  await sweepParts(folder, new Set(missing.map(([oid]) => oid)));
  const lost = new Map<string, string>();
  if (job.origin === undefined) for (const [oid] of missing) lost.set(oid, 'it was not fetched before the origin went');
  else if (missing.length > 0) {
    for (const [oid, reason] of await fetchAll(job, folder, missing)) lost.set(oid, reason);
    for (const [oid] of missing) {
      if (lost.has(oid)) continue;
      const stats = await lstat(pathOf(folder, oid), { bigint: true });
      had.set(oid, stats);
      checked.good(oid, stats);
    }
  }
  await checked.save();
  return {
    count: had.size,
    bytes: [...had.values()].reduce((sum, { size }) => sum + Number(size), 0),
    lost,
    entries: (root) => entriesOf(root, folder, had, lost),
  };
}

/** Sizes that pointers give for each object: one, unless somebody lied. */
type Pointers = Map<string, number[]>;

interface Known {
  readonly packs: readonly string[];
  readonly pointers: Readonly<Record<string, number[]>>;
}

async function pointersOf(job: LfsJob, folder: string): Promise<Pointers> {
  const { git, mirror, signal } = job;
  const file = join(folder, 'pointers.json');
  const known = await readKnown(file);
  const pointers: Pointers = new Map(Object.entries(known.pointers));
  const packs = (await readdir(join(mirror, 'objects/pack')))
    .filter((name) => name.endsWith('.idx'))
    .map((name) => name.slice(0, -'.idx'.length));
  const before = new Set(known.packs);
  const fresh = packs.filter((pack) => !before.has(pack));
  if (fresh.length === 0) return pointers;
  await makeDirectory(folder);
  for (const pack of fresh) {
    signal.throwIfAborted();
    // A pack is named by a hash, whose length is that of its objects' ids.
    const format: ObjectFormat = pack.length > 'pack-'.length + 40 ? 'sha256' : 'sha1';
    for (const pointer of await pointersIn({ git, path: mirror, format, pack, folder })) add(pointers, pointer);
  }
  const text = canonical({ packs, pointers: Object.fromEntries(pointers) });
  // A pack of a mirror that was set aside cannot be looked through again, so what it told must not be lost.
  if (pointers.size > 0) await writeDurably(file, text);
  else await replace(file, text);
  return pointers;
}

function add(pointers: Pointers, { oid, size }: Pointer): void {
  const sizes = pointers.get(oid);
  if (sizes === undefined) pointers.set(oid, [size]);
  else if (!sizes.includes(size)) sizes.push(size);
}

async function readKnown(file: string): Promise<Known> {
  try {
    const { packs, pointers } = JSON.parse(await readFile(file, 'utf8'));
    if (Array.isArray(packs) && typeof pointers === 'object' && pointers !== null) return { packs, pointers };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
  }
  return { packs: [], pointers: {} };
}

/** The objects that are here and good. One that is not what its name says is removed, to be fetched again. */
async function here(
  { signal }: LfsJob,
  folder: string,
  pointers: Pointers,
  checked: Checked,
): Promise<Map<string, BigIntStats>> {
  const had = new Map<string, BigIntStats>();
  for (const oid of [...pointers.keys()].sort()) {
    signal.throwIfAborted();
    const path = pathOf(folder, oid);
    const stats = await lstat(path, { bigint: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (stats === undefined) continue;
    if (checked.isDue(oid, stats)) {
      if (!stats.isFile() || (await sha256(path, signal)) !== oid) {
        await rm(path, { recursive: true });
        continue;
      }
      checked.good(oid, stats);
    }
    had.set(oid, stats);
  }
  return had;
}

async function sha256(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function fetchAll(
  job: LfsJob,
  folder: string,
  missing: readonly (readonly [string, number[]])[],
): Promise<Map<string, string>> {
  const { git, mirror, origin, environment, signal, clock } = job;
  if (origin === undefined) return new Map();
  const lost = new Map<string, string>();
  try {
    const server = await lfsServer({ git, mirror, ...origin, signal, clock });
    const total = missing.length;
    let count = 0;
    const done = () => {
      count += 1;
      job.progress?.(Math.min(count, total), total);
    };
    const common = { server, credentials: origin.credentials, folder, environment, signal, clock, done };
    // Where two pointers give two sizes for one object, at most one of them is right.
    for (let turn = 0; ; turn += 1) {
      const wanted = missing.flatMap(([oid, sizes]): Pointer[] => {
        const size = sizes[turn];
        return size === undefined || (turn > 0 && !lost.has(oid)) ? [] : [{ oid, size }];
      });
      if (wanted.length === 0) return lost;
      for (const { oid } of wanted) lost.delete(oid);
      for (const [oid, reason] of await download(common, wanted)) lost.set(oid, reason);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (errnoOf(error) !== undefined) throw error;
    return new Map(missing.map(([oid]) => [oid, reasonOf(error)]));
  }
}

/** Removes what is left of downloads that nobody wants to go on with. */
async function sweepParts(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder))
    if (name.endsWith('.part') && !wanted.has(name.slice(0, -'.part'.length))) await rm(join(folder, name));
}

function pathOf(folder: string, oid: string): string {
  return join(folder, 'objects', placeOf(oid));
}

function entriesOf(
  root: string,
  folder: string,
  had: ReadonlyMap<string, BigIntStats>,
  lost: ReadonlyMap<string, string>,
): Entry[] {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const named = [...lost].sort().slice(0, MAX_NAMED);
  const more = lost.size - named.length;
  const base = `${root}/lfs/objects`;
  const folders = new Set([`${root}/lfs`, base]);
  for (const oid of [...had.keys(), ...named.map(([oid]) => oid)])
    folders.add(`${base}/${oid.slice(0, 2)}`).add(`${base}/${oid.slice(0, 2)}/${oid.slice(2, 4)}`);
  return [
    ...[...folders].map((path): Entry => {
      const problem = path === base && more > 0 ? { problem: `${more} more large files could not be had.` } : {};
      return { kind: 'directory', path: Buffer.from(path), mode: 0o755, mtimeNs: 0n, uid, gid, ...problem };
    }),
    ...[...had].map(([oid, identity]): Entry => {
      const { size, mtimeNs } = identity;
      const path = Buffer.from(pathOf(folder, oid));
      const content = { from: 'path', path, size: Number(size), identity } as const;
      return { kind: 'file', path: Buffer.from(`${base}/${placeOf(oid)}`), mode: 0o444, mtimeNs, uid, gid, content };
    }),
    ...named.map(([oid, reason]): Entry => {
      const said = /[.!?]$/.test(reason) ? reason : `${reason}.`;
      return {
        kind: 'problem',
        path: Buffer.from(`${base}/${placeOf(oid)}`),
        reason: `This large file (LFS) could not be had: ${said}`,
      };
    }),
  ];
}
