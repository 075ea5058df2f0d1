import { getSystemErrorName } from 'node:util';

/** Inode flags as `chattr` sets them: ioctl_iflags(2). */

/** Neither written, renamed, linked, unlinked nor given other permissions, by root neither. `chattr +i`. */
export const IMMUTABLE = 0x10;
/** Of a directory: takes new names, and lets none go. `chattr +a`. */
export const APPEND_ONLY = 0x20;

export interface InodeFlags {
  /** All flags of an open file or directory. Throws an Error with the kernel's `code`: ENOTTY where the file system has none. */
  read(descriptor: number): number;
  /**
   * Sets all flags: pass on those that `read` returned. Throws as `read`: EPERM where this process may not change IMMUTABLE or APPEND_ONLY
   * (CAP_LINUX_IMMUTABLE) or is not the owner, EOPNOTSUPP where the file system does not know one.
   */
  write(descriptor: number, flags: number): void;
  /**
   * Whether somebody has the same file open for writing, or writes to it by way of memory. Of a descriptor for reading only. By a lease, which the kernel gives
   * for reading only where nobody writes: fcntl(2), F_SETLEASE. Throws as `read`: EACCES for a file of somebody else (CAP_LEASE).
   */
  isBeingWritten(descriptor: number): boolean;
}

const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;

let loaded: Promise<InodeFlags | undefined> | undefined;

/** The calls, or undefined where `koffi` is missing. */
export function loadInodeFlags(): Promise<InodeFlags | undefined> {
  loaded ??= load().catch(() => undefined);
  return loaded;
}

async function load(): Promise<InodeFlags> {
  const koffi = (await import('koffi')).default;
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int descriptor, unsigned long request, void *flags)');
  // _IOR('f', 1, long) and _IOW('f', 2, long): numbered by the size of a long, and yet an int is what is copied.
  const long = koffi.sizeof('long') << 16;
  const GET_FLAGS = 0x8000_6601 + long;
  const SET_FLAGS = 0x4000_6602 + long;
  const flags = Buffer.alloc(8);
  const fcntl = libc.func('int fcntl(int descriptor, int command, long argument)');
  const failed = (call: string) => {
    const code = getSystemErrorName(-koffi.errno());
    return Object.assign(new Error(`${code}: ${call}`), { code });
  };
  const call = (descriptor: number, request: number, name: string) => {
    if (ioctl(descriptor, request, flags) < 0) throw failed(`ioctl ${name}`);
  };
  return {
    read(descriptor) {
      flags.fill(0);
      call(descriptor, GET_FLAGS, 'FS_IOC_GETFLAGS');
      return flags.readUInt32LE();
    },
    write(descriptor, value) {
      flags.fill(0);
      flags.writeUInt32LE(value >>> 0);
      call(descriptor, SET_FLAGS, 'FS_IOC_SETFLAGS');
    },
    isBeingWritten(descriptor) {
      if (fcntl(descriptor, F_SETLEASE, F_RDLCK) >= 0) {
        fcntl(descriptor, F_SETLEASE, F_UNLCK);
        return false;
      }
      const error = failed('fcntl F_SETLEASE');
      if (error.code === 'EAGAIN') return true;
      throw error;
    },
  };
}
