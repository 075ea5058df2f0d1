import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { fetchInto, type Git, initBare, isRefusal, listRefs, type ObjectFormat } from './git-tool.ts';

/** What the origin says about itself before anything is fetched. */
export interface Origin {
  /** Undefined while the origin is empty. */
  readonly format: ObjectFormat | undefined;
  /** `ref: refs/heads/…`, an object id when detached, undefined when HEAD names nothing that exists. */
  readonly head: string | undefined;
}

/**
 * Asks the repository at `address` what it is. Rejects with `ProgramFailed` when it does not answer as one, and with
 * Error when it claims to be empty and that is not to be believed. `workdir` is for a temporary file.
 */
export async function askOrigin(git: Git, address: string, workdir: string): Promise<Origin> {
  const printed = (await git(['ls-remote', '--symref', '--', address])).toString('latin1');
  const symbolic = /^(ref: [^\t\n]+)\tHEAD$/m.exec(printed)?.[1];
  const detached = /^([0-9a-f]{40,64})\tHEAD$/m.exec(printed)?.[1];
  const id = /^([0-9a-f]{40,64})\t/m.exec(printed)?.[1];
  if (id === undefined && /^https?:/i.test(address)) await insistOnProtocol(git, address, join(workdir, 'trace'));
  return {
    format: id === undefined ? undefined : id.length === 64 ? 'sha256' : 'sha1',
    head: symbolic ?? detached,
  };
}

/**
 * To git, a web page or an empty answer from any web server is an empty repository of the "dumb" protocol. Only one that
 * speaks git's own protocol is believed.
 */
async function insistOnProtocol(git: Git, address: string, trace: string): Promise<void> {
  await writeFile(trace, '');
  await git(['ls-remote', '--', address], { GIT_TRACE_PACKET: trace });
  const packets = await readFile(trace, 'latin1');
  await unlink(trace);
  if (!/git< /.test(packets)) throw new Error('the server answers, but not as a git server does');
}

export interface Mirror {
  readonly git: Git;
  readonly path: string;
  readonly signal: AbortSignal;
}

/**
 * Makes the bare mirror hold every ref the origin has now, and every object it ever held: refs are pruned,
 * objects never, and each fetch adds one pack that no later run touches. Resolves with what is wrong with the mirror
 * (then it must not be sealed, and a fresh one may help) or undefined; rejects when the origin is to blame, also when it
 * has lost all its refs: a source that vanishes never becomes an empty snapshot.
 */
export async function updateMirror(mirror: Mirror, address: string, origin: Origin): Promise<string | undefined> {
  const { git, path } = mirror;
  let format = await formatOf(git, path);
  if (format === 'none') {
    format = origin.format ?? 'sha1';
    // Through another name: a kill half way leaves nothing that looks like a mirror.
    await rm(`${path}.new`, { recursive: true, force: true });
    await initBare(git, `${path}.new`, format, 'refs/heads/main');
    await rename(`${path}.new`, path);
  }
  if (format === 'broken') return 'it is not a git repository any more';
  if (origin.format !== undefined && origin.format !== format)
    return `it holds ${format} objects and the origin ${origin.format} ones`;
  await sweep(path);
  if (origin.format === undefined && (await listRefs(git, path)).size > 0)
    throw new Error(
      `the origin has no branches or tags any more; what it had is in earlier snapshots (if it is meant to be empty, remove ${path})`,
    );
  const detached = origin.head !== undefined && !origin.head.startsWith('ref: ');
  try {
    // A detached HEAD may stand on a commit that no ref reaches.
    await fetchInto(git, path, address, ['+refs/*:refs/*', ...(detached ? ['HEAD'] : [])]);
  } catch (error) {
    const damage = isRefusal(error) ? await damageOf(mirror, format) : undefined;
    if (damage !== undefined) return damage;
    throw error;
  }
  await pointHead(git, path, origin.head);
  if ((await looseRefs(path)).length > 0) await git([`--git-dir=${path}`, 'pack-refs', '--all']);
  return (
    (await damageOf(mirror, format)) ??
    ((await looseRefs(path)).length > 0 ? 'some of its refs cannot be resolved' : undefined)
  );
}

/** What is wrong with a mirror that nobody is working on, or undefined. */
export async function faultOf(mirror: Mirror): Promise<string | undefined> {
  const format = await formatOf(mirror.git, mirror.path);
  if (format === 'none' || format === 'broken') return 'it is not a git repository any more';
  await sweep(mirror.path);
  if ((await looseRefs(mirror.path)).length > 0) await mirror.git([`--git-dir=${mirror.path}`, 'pack-refs', '--all']);
  return damageOf(mirror, format);
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

/**
 * What is wrong with the mirror's objects. Two checks that catch what one misses, at a fraction of a full fsck's time:
 * every pack and index still has the checksum git ended it with (a flipped bit anywhere), and every commit and tree
 * reachable from a ref leads to objects that are there (a lost pack).
 */
async function damageOf({ git, path, signal }: Mirror, format: ObjectFormat): Promise<string | undefined> {
  for (const name of (await filesBelow(path)).sort()) {
    if (/^objects\/pack\/.*\.(pack|idx|rev)$/.test(name)) {
      const fault = await checksumFault(absolute(path, name), format, signal);
      if (fault !== undefined) return `${name} ${fault}`;
    } else if (/^objects\/(?!pack\/)/.test(name)) return `${name} is outside the packs`;
  }
  try {
    await git([`--git-dir=${path}`, 'fsck', '--connectivity-only', '--no-dangling', '--no-reflogs', '--no-progress']);
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return `git fsck found damage: ${error.said.slice(0, 500) || 'objects are missing'}`;
    throw error;
  }
}

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
