import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../base/errors.ts';

/**
 * The vault as the simulated contact makes and breaks it: the vault's path is a symbolic link to the disk, or nothing.
 * What stands at that path and is not this link is somebody's data, and is never touched.
 */
export function linkAt(vault: string, disk: string): 'absent' | 'ours' | 'foreign' {
  const found = lstatSync(vault, { throwIfNoEntry: false });
  if (found === undefined) return 'absent';
  return found.isSymbolicLink() && readlinkSync(vault) === disk ? 'ours' : 'foreign';
}

export function makeLink(vault: string, disk: string): void {
  if (linkAt(vault, disk) !== 'absent') return;
  mkdirSync(dirname(vault), { recursive: true });
  symlinkSync(disk, vault);
}

export function breakLink(vault: string, disk: string): void {
  if (linkAt(vault, disk) === 'ours') unlinkSync(vault);
}

/**
 * Ends every process that could still change the disk behind a broken link, and returns how many there were: a pulled
 * disk would answer each of them with an I/O error, a path cannot. It is one that has a file of the disk open for
 * writing, or a directory of it (new files can be made in there), or stands in one.
 *
 * `disk` is its real path. Linux only. It sees the processes of its own user, or all of them as root; a shared memory map whose file was closed
 * again is not seen.
 */
export function endHolders(disk: string): number {
  const below = (path: string) => path === disk || path.startsWith(`${disk}/`);
  const holders = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid && holds(join('/proc', name), below),
  );
  for (const name of holders) {
    try {
      process.kill(Number(name), 'SIGKILL');
    } catch {
      // Already gone, or not ours to end: it counts as a holder until it is seen no more.
    }
  }
  return holders.length;
}

function holds(proc: string, below: (path: string) => boolean): boolean {
  return (
    seen(() => below(readlinkSync(join(proc, 'cwd')))) ||
    seen(() =>
      readdirSync(join(proc, 'fd')).some((fd) =>
        seen(() => {
          const path = join(proc, 'fd', fd);
          return below(readlinkSync(path)) && (isWritable(proc, fd) || statSync(path).isDirectory());
        }),
      ),
    )
  );
}

function isWritable(proc: string, fd: string): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(join(proc, 'fdinfo', fd), 'utf8'));
  // O_WRONLY is 1 and O_RDWR is 2 on every architecture.
  return flags !== null && (Number.parseInt(flags[1] ?? '', 8) & 3) !== 0;
}

/** Processes and descriptors come and go while they are looked at: what cannot be read is not seen. */
function seen(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
