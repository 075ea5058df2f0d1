import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { loadPosix, type Posix } from '../../daemon/files/posix.ts';

const posix = (await loadPosix()) as Posix;
const root = process.geteuid?.() === 0;
const MIB = 1 << 20;

/** All that is to come back, by path: and groups of hard links by the first of their names. */
export async function describeTree(folder: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const inodes = new Map<bigint, string>();
  const walk = async (path: string) => {
    const names = await readdir(Buffer.from(`${folder}${path}`, 'latin1'), { encoding: 'latin1' });
    for (const own of names.sort()) {
      const below = `${path}/${own}`;
      const at = Buffer.from(`${folder}${below}`, 'latin1');
      const stats = await lstat(at, { bigint: true });
      const first = inodes.get(stats.ino) ?? below;
      inodes.set(stats.ino, first);
      const content = stats.isFile()
        ? createHash('sha256')
            .update(await readFile(at))
            .digest('hex')
        : stats.isSymbolicLink()
          ? await readlink(at, { encoding: 'latin1' })
          : undefined;
      found[below] = {
        mode: stats.mode,
        owner: root ? [stats.uid, stats.gid] : undefined,
        mtime: stats.mtimeNs,
        xattrs: posix.readXattrs(at).map((one) => [one.name.toString(), one.value.toString('hex')]),
        first,
        content,
        // Within reason: a block more or less at the edges of holes.
        sparse: stats.size > 2 * MIB && stats.blocks * 512n < stats.size / 2n,
      };
      if (stats.isDirectory()) await walk(below);
    }
  };
  await walk('');
  return found;
}
