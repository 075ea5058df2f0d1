import { createHash } from 'node:crypto';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Attributes, ListedFile } from './file-list.ts';
import { comparePaths, showPath } from './paths.ts';
import type { Reference } from './reference.ts';
import type { Flaw, RestoreTarget } from './restore-target.ts';
import { NOT_WRITTEN, RestoreThreads, SHORT } from './restore-threads.ts';
import type { Snapshot, Vault } from './vault.ts';
import { isStoreFailure } from './vault-error.ts';

export interface RestoreOptions {
  readonly vault: Vault;
  readonly snapshot: Snapshot;
  /** Only this path and what is below it; empty for all. */
  readonly prefix?: Buffer;
  /** Only paths for which it is true. */
  readonly wanted?: (path: Buffer) => boolean;
  readonly target: RestoreTarget;
  /** Threads that open blobs and write files beside this one; 0, the default, where this one does it all. */
  readonly threads?: number;
  readonly progress?: (progress: { files: number; bytes: number; total: number }) => void;
  readonly signal?: AbortSignal;
}

export interface Restored {
  readonly files: number;
  readonly bytes: number;
  /** What could not be restored, and what the snapshot itself lacks. When not empty, the restore is not whole. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
  /** What was not restored of any path, and what the snapshot names without holding it: no failure. */
  readonly notes: readonly string[];
}

/**
 * Restores a snapshot, or a part of it, to a target. A damaged file is left out and told, the others are restored. Rejects with
 * `vault.snapshot` when there is nothing to restore at `prefix`, with `vault.destination` when the target is full, or when the store or the
 * target itself fails.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { vault, snapshot, target, signal, wanted = () => true, threads: count = 0 } = options;
  const { bytes: total, facts } = await vault.manifest(snapshot);
  const failures: { path: string; reason: string }[] = [];
  const notes = notCaptured(facts);
  const fail = (path: Buffer, error: unknown) => {
    signal?.throwIfAborted();
    if (error instanceof PortcullisError && (isStoreFailure(error) || error.code === 'vault.destination')) throw error;
    if (isFull(error)) {
      throw new PortcullisError('vault.destination', `There is no room for ${showPath(path)}: ${reasonOf(error)}.`);
    }
    failures.push({ path: showPath(path), reason: reasonOf(error) });
  };
  const links = new Map<number, { path: Buffer; content: string }>();
  let files = 0;
  let bytes = 0;
  let found = false;

  const threads = count > 0 ? new RestoreThreads(count, vault, target.folder) : undefined;
  /** What threads could not write. */
  const left: ListedFile[] = [];
  let previous: Buffer | undefined;

  const content = (file: ListedFile) => () =>
    threads !== undefined && file.size > SHORT
      ? contentOf(file, (reference) => threads.read(reference), 2 * count, signal)
      : contentOf(file, (reference) => vault.blobs.read(reference), 1, signal);

  const restoreFile = async (file: ListedFile): Promise<Flaw> => {
    const first = file.link === undefined ? undefined : links.get(file.link);
    if (first !== undefined && first.content === fingerprint(file)) {
      try {
        return await target.link(file, first.path);
      } catch (error) {
        fail(
          file.path,
          new Error(`is a file of its own, not another name of ${showPath(first.path)}`, { cause: error }),
        );
      }
    }
    const flaw = await target.file(file, content(file));
    if (file.link !== undefined) links.set(file.link, { path: file.path, content: fingerprint(file) });
    return flaw;
  };

  const done = (file: ListedFile, flaw: Flaw) => {
    files++;
    bytes += file.size;
    for (const reason of flaws(file, flaw)) fail(file.path, new Error(reason));
    options.progress?.({ files, bytes, total });
  };
  const restoreHere = async (file: ListedFile): Promise<void> => {
    try {
      done(file, await restoreFile(file));
    } catch (error) {
      fail(file.path, error);
    }
  };
  /** Resolves when everything that was begun is there, or told. */
  const settle = async (): Promise<void> => {
    await threads?.settle();
    for (const file of left.splice(0)) await restoreHere(file);
  };

  try {
    for await (const event of vault.listEvents(snapshot, options.prefix)) {
      signal?.throwIfAborted();
      // Of what is lost nobody knows whether it was wanted.
      if (event.type !== 'lost' && !wanted(event.path)) continue;
      found = true;
      // Out of order the same path may come again, and the first counts.
      if (previous !== undefined && comparePaths(previous, event.path) >= 0) await settle();
      previous = event.path;
      for (const file of left.splice(0)) await restoreHere(file);
      try {
        let flaw: Flaw;
        switch (event.type) {
          case 'directory':
            flaw = await target.directory(event);
            break;
          case 'symlink':
            flaw = await target.symlink(event);
            break;
          case 'file':
            if (threads?.takes(event) !== true) await restoreHere(event);
            else await threads.write(event, (what) => (what === NOT_WRITTEN ? left.push(event) : done(event, what)));
            continue;
          case 'skipped':
            notes.push(`${showPath(event.path)} is ${showPath(Buffer.from(event.reason))}: it was not kept`);
            break;
          case 'problem':
            throw new Error(`not in the snapshot: ${showPath(Buffer.from(event.reason))}`);
          case 'unreadable':
            throw new Error(`its entry in the file list cannot be used: ${event.reason}`);
          case 'cut':
            throw new Error('the part of the file list that describes the rest of it is lost');
          case 'lost':
            throw new Error(`this and what follows it in the file list is lost: ${event.error.what}`);
          default:
            event satisfies never;
        }
        for (const reason of flaws(event, flaw)) fail(event.path, new Error(reason));
      } catch (error) {
        fail(event.path, error);
      }
    }
    await settle();
  } finally {
    await threads?.stop();
  }
  if (!found && (options.prefix !== undefined || options.wanted !== undefined)) {
    const at = options.prefix === undefined ? 'of that kind' : `at "${showPath(options.prefix)}"`;
    throw new PortcullisError('vault.snapshot', `Snapshot ${snapshot.name} has nothing ${at}.`);
  }
  await target.finish(fail);
  return { files, bytes, failures, notes: [...notes, ...target.notes] };
}

/** The bytes of a file, of which so many references are read `ahead`; rejects at the end unless they are all of them. */
async function* contentOf(
  file: ListedFile,
  read: (reference: Reference) => Promise<Buffer>,
  ahead: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const left = file.content.values();
  const asked: Promise<Buffer>[] = [];
  let size = 0;
  for (;;) {
    signal?.throwIfAborted();
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const reading = read(next.value);
      // Whoever waits for it is told; where nobody does any more there is nobody to tell.
      reading.catch(() => {});
      if (asked.push(reading) === ahead) break;
    }
    const first = asked.shift();
    if (first === undefined) break;
    const bytes = await first;
    hash.update(bytes);
    size += bytes.length;
    yield bytes;
  }
  if (size !== file.size) throw new Error(`has ${size} bytes instead of ${file.size}`);
  if (file.sha256 !== undefined && hash.digest('hex') !== file.sha256) throw new Error('has another SHA-256');
}

/** The same for two names exactly when they have the same content, by the same references. */
function fingerprint(file: ListedFile): string {
  const hash = createHash('sha256');
  for (const { blob, offset, length } of file.content) hash.update(blob).update(` ${offset} ${length}\n`);
  return `${file.size} ${hash.digest('hex')}`;
}

/** What was wrong with something when it was sealed, and what of its line means nothing. */
function flaws(entry: object & Pick<Partial<Attributes>, 'problem' | 'unusable'>, flaw: Flaw): string[] {
  return [entry.problem, entry.unusable, flaw].filter((one) => one !== undefined);
}

function notCaptured(facts: Readonly<Record<string, unknown>>): string[] {
  const what = facts['notCaptured'];
  return Array.isArray(what) ? [`not captured when it was sealed: ${showPath(Buffer.from(what.join(', ')))}`] : [];
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG'].includes(errnoOf(error) ?? '');
}
