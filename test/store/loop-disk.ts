import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** File systems with immutable files, and the smallest size, in MB, in which each is content. */
const SIZES = { ext4: 64, xfs: 320, btrfs: 128 } as const;
export type FileSystem = keyof typeof SIZES;
export const FILE_SYSTEMS = Object.keys(SIZES) as FileSystem[];

/** A file system of its own, in a file. What is in it, flags and all, goes when it is unmounted. */
export interface LoopDisk {
  readonly path: string;
  unmount(): Promise<void>;
}

/** Why this machine cannot have one, or undefined. Every reason is one that a person can do something about. */
export async function noLoopDisk(kind: FileSystem = 'ext4'): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'needs root: it mounts a file system and sets flags';
  try {
    await (await loopDisk(kind)).unmount();
    return undefined;
  } catch (error) {
    return `no file can be mounted as ${kind} here: ${String((error as { stderr?: string }).stderr || error).trim()}`;
  }
}

export async function loopDisk(kind: FileSystem = 'ext4', megabytes = SIZES[kind]): Promise<LoopDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-loop-'));
  const [image, path] = [join(folder, 'image'), join(folder, 'disk')];
  try {
    await chmod(folder, 0o755);
    await mkdir(path);
    await run('truncate', ['-s', `${megabytes}M`, image]);
    await run(`mkfs.${kind}`, ['-q', image]);
    await run('mount', ['-o', 'loop,nodev,nosuid', image, path]);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    path,
    async unmount() {
      // Also while a test that took too long still writes to it.
      await run('umount', ['--lazy', path]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
