import { type FileHandle, open } from 'node:fs/promises';
import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { globTest } from '../sources/glob.ts';
import { restore } from '../vault/restore.ts';
import { directoryTarget } from '../vault/restore-directory.ts';
import { BytesTarget, type Sink, TarTarget } from '../vault/restore-stream.ts';
import type { RestoreTarget } from '../vault/restore-target.ts';
import { absent } from './absent.ts';
import { holds } from './contents.ts';
import type { RestoreOptions, RestoreReport } from './request.ts';

export interface FilesRequest {
  /** Absent for the whole snapshot. */
  readonly path?: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** A snapshot or a path of it: to a folder, an archive or, one file as it is, to a stream. */
export async function restoreFiles(request: FilesRequest, options: RestoreOptions): Promise<RestoreReport> {
  const { path, include, exclude } = request;
  const { vault, snapshot, to, signal, threads, progress } = options;
  const files = async (target: RestoreTarget): Promise<RestoreReport> => {
    const restored = await restore({
      vault,
      snapshot,
      target,
      threads,
      signal,
      ...(progress === undefined ? {} : { progress }),
      ...(path === undefined ? {} : { prefix: Buffer.from(path) }),
      ...(include.length + exclude.length === 0 ? {} : { wanted: wantedBy({ include, exclude }) }),
    }).catch(async (error: unknown) => {
      if (path === undefined || include.length + exclude.length > 0 || !hasCode(error, 'vault.snapshot')) throw error;
      throw await absent(options, `path "${path}"`, (other) => holds(vault, other, path));
    });
    return { ...restored, gone: [] };
  };
  switch (to.kind) {
    case 'folder': {
      const what = JSON.stringify({ snapshot: snapshot.name, path, include, exclude });
      return files(await directoryTarget({ to: to.path, what, resume: to.resume, check: to.check }));
    }
    case 'place':
      return files(await directoryTarget({ to: to.path, what: JSON.stringify(request), resume: false, check: false }));
    case 'stream':
    case 'archive stream': {
      const sink: Sink = (bytes) => to.write(bytes);
      return files(to.kind === 'stream' ? new BytesTarget(sink) : new TarTarget(sink));
    }
    case 'archive': {
      const archive = await newFile(to.path);
      try {
        // Not `write`, which on a full disk writes a part and says nothing.
        const restored = await files(new TarTarget((bytes) => archive.appendFile(bytes)));
        await archive.sync();
        return restored;
      } finally {
        await archive.close();
      }
    }
    default:
      return to satisfies never;
  }
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw new PortcullisError('vault.destination', `${path} cannot be made: ${reasonOf(error)}.`);
  }
}

/** Whether a path, or a folder it is in, matches one of `include` (where there are any), and none of `exclude`. */
function wantedBy(filter: { readonly include: readonly string[]; readonly exclude: readonly string[] }) {
  const include = filter.include.map(globTest);
  const exclude = filter.exclude.map(globTest);
  return (path: Buffer): boolean => {
    const names = path.toString('utf8').split('/');
    const above = names.map((_, index) => names.slice(0, index + 1).join('/'));
    const matches = (tests: readonly ((path: string) => boolean)[]) =>
      above.some((at) => tests.some((test) => test(at)));
    return (include.length === 0 || matches(include)) && !matches(exclude);
  };
}
