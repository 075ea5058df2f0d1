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
}

let loaded: Promise<InodeFlags | undefined> | undefined;

/** The two calls, or undefined where `koffi` is missing. */
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
  const call = (descriptor: number, request: number, name: string) => {
    if (ioctl(descriptor, request, flags) >= 0) return;
    const code = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`${code}: ioctl ${name}`), { code });
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
  };
}
