import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own, in a file. What is in it, flags and all, goes when it is unmounted. */
export interface LoopDisk {
  readonly path: string;
  unmount(): Promise<void>;
}

/** Why this machine cannot have one, or undefined. Every reason is one that a person can do something about. */
export async function noLoopDisk(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'needs root: it mounts a file system and sets flags';
  try {
    await (await loopDisk()).unmount();
    return undefined;
  } catch (error) {
    return `no file can be mounted as ext4 here: ${String((error as { stderr?: string }).stderr ?? error).trim()}`;
  }
}

export async function loopDisk(megabytes = 64): Promise<LoopDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-loop-'));
  const [image, path] = [join(folder, 'image'), join(folder, 'disk')];
  try {
    await chmod(folder, 0o755);
    await mkdir(path);
    await run('truncate', ['-s', `${megabytes}M`, image]);
    await run('mkfs.ext4', ['-q', '-N', String(megabytes * 64), image]);
    await run('mount', ['-o', 'loop,nodev,nosuid', image, path]);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    path,
    async unmount() {
      await run('umount', [path]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
