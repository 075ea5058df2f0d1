import { createHash } from 'node:crypto';
import { chmod, lchown, lutimes, mkdir, open, readdir, rm, symlink, utimes } from 'node:fs/promises';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Attributes, Listed, ListedFile } from './file-list.ts';
import { showPath } from './paths.ts';
import type { Snapshot, Vault } from './vault.ts';
import { isStoreFailure } from './vault-error.ts';

export interface RestoreOptions {
  readonly vault: Vault;
  readonly snapshot: Snapshot;
  /** Only this path and what is below it; empty for all. */
  readonly prefix?: Buffer;
  /** A folder that is empty or does not exist. */
  readonly to: string;
  readonly progress?: (progress: { files: number; bytes: number }) => void;
  readonly signal?: AbortSignal;
}

export interface Restored {
  readonly files: number;
  readonly bytes: number;
  /** What could not be restored, and what the snapshot itself lacks. When not empty, the restore is not whole. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
}

type Late = Extract<Listed, { type: 'directory' | 'symlink' }>;

/**
 * Restores a snapshot, or what is under one path of it, with its paths as they were in the source. A damaged file is left out and
 * told, the others are restored. Rejects with `vault.destination`, `vault.snapshot` when nothing is at `prefix`, or when the store or the
 * destination itself fails. Nothing is written outside `to`: it begins empty, and symbolic links are made last.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { vault, snapshot, signal } = options;
  await prepare(options.to);
  const destination = Buffer.from(options.to);
  const at = (path: Buffer) => Buffer.concat([destination, Buffer.from('/'), path]);
  const failures: { path: string; reason: string }[] = [];
  const fail = (path: Buffer, error: unknown) => {
    if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
    if (isFull(error)) {
      throw new PortcullisError('vault.destination', `There is no room in ${options.to}: ${reasonOf(error)}.`);
    }
    failures.push({ path: showPath(path), reason: reasonOf(error) });
  };
  const late: Late[] = [];
  let files = 0;
  let bytes = 0;
  let found = false;

  for await (const event of vault.listEvents(snapshot, options.prefix)) {
    signal?.throwIfAborted();
    found = true;
    switch (event.type) {
      case 'directory':
      case 'symlink':
        late.push(event);
        if (event.type === 'directory') await makeFolder(at(event.path)).catch((error) => fail(event.path, error));
        break;
      case 'file':
        try {
          await makeFolder(parentOf(at(event.path)));
          await restoreFile(vault, event, at(event.path), signal);
          files++;
          bytes += event.size;
          if (event.problem !== undefined) fail(event.path, new Error(event.problem));
        } catch (error) {
          signal?.throwIfAborted();
          fail(event.path, error);
        }
        options.progress?.({ files, bytes });
        break;
      case 'problem':
        fail(event.path, new Error(`not in the snapshot: ${event.reason}`));
        break;
      case 'unreadable':
        fail(event.path, new Error(`its entry in the file list cannot be used: ${event.reason}`));
        break;
      case 'cut':
        fail(event.path, new Error('the part of the file list that describes the rest of it is lost'));
        break;
      case 'lost':
        fail(event.path, new Error(`this and what follows it in the file list is lost: ${event.error.what}`));
        break;
      default:
        event satisfies never;
    }
  }
  if (!found && (options.prefix?.length ?? 0) > 0) {
    throw new PortcullisError(
      'vault.snapshot',
      `Snapshot ${snapshot.name} has nothing at "${showPath(options.prefix ?? Buffer.alloc(0))}".`,
    );
  }
  // Links last, and all folders before the first of them, so that nothing is ever written through one; folders' attributes
  // after what is in them, whose writing touches them.
  const links = late.filter((one) => one.type === 'symlink');
  for (const { path } of links) await makeFolder(parentOf(at(path))).catch((error) => fail(path, error));
  for (const entry of links) {
    try {
      await symlink(entry.target, at(entry.path));
      await setAttributes(entry, at(entry.path));
    } catch (error) {
      fail(entry.path, error);
    }
  }
  for (const entry of late.filter((one) => one.type === 'directory').reverse()) {
    await setAttributes(entry, at(entry.path)).catch((error) => fail(entry.path, error));
  }
  return { files, bytes, failures };
}

async function prepare(to: string): Promise<void> {
  try {
    await mkdir(to, { recursive: true, mode: 0o700 });
    if ((await readdir(to)).length === 0) return;
  } catch (error) {
    throw new PortcullisError('vault.destination', `Cannot restore to ${to}: ${reasonOf(error)}.`, { cause: error });
  }
  throw new PortcullisError('vault.destination', `Cannot restore to ${to}: it is not empty.`);
}

async function makeFolder(path: Buffer): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf('/'));
}

async function restoreFile(vault: Vault, file: ListedFile, path: Buffer, signal: AbortSignal | undefined) {
  const handle = await open(path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let size = 0;
    for (const reference of file.content) {
      signal?.throwIfAborted();
      const bytes = await vault.blobs.read(reference);
      hash.update(bytes);
      size += bytes.length;
      await handle.writeFile(bytes);
    }
    if (size !== file.size) throw new Error(`has ${size} bytes instead of ${file.size}`);
    if (file.sha256 !== undefined && hash.digest('hex') !== file.sha256) throw new Error('has another SHA-256');
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
  await setAttributes(file, path);
}

async function setAttributes(entry: Attributes & { readonly type: string }, path: Buffer): Promise<void> {
  const root = process.getuid?.() === 0;
  if (root) await lchown(path, entry.uid, entry.gid);
  // Without its owner a set-user-id bit would mean somebody else.
  if (entry.type !== 'symlink') await chmod(path, root ? entry.mode : entry.mode & 0o1777);
  // Node takes seconds: nanoseconds are lost beyond what a double holds.
  // A number below zero it would take for now, a string it takes as it is.
  const seconds = String(Number(entry.mtimeNs / 1000n) / 1e6);
  await (entry.type === 'symlink' ? lutimes : utimes)(path, seconds, seconds);
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes(errnoOf(error) ?? '');
}
