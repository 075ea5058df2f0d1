import { getSystemErrorName } from 'node:util';
import type { Xattr } from '../base/entry.ts';
import { errnoOf } from '../base/errors.ts';

/** What Node does not offer of the file system. Paths are raw bytes; a symbolic link at their end is not followed. */
export interface Posix {
  /**
   * The extended attributes of what is at `path`, POSIX ACLs among them, sorted by name. Empty where the file system has none.
   * Throws an Error with the kernel's `code`.
   */
  readXattrs(path: Buffer): Xattr[];
  /** Sets one, new or not. Throws as `readXattrs`. */
  writeXattr(path: Buffer, xattr: Xattr): void;
  /** Sets both times, of a path or an open file, to `ns` nanoseconds since 1970. Throws as `readXattrs`. */
  setTimes(at: Buffer | number, ns: bigint): void;
  /**
   * Where the next allocated bytes of an open file begin, at or after `from`, and where they end. Undefined when only a hole
   * follows. Moves the descriptor's position. Throws as `readXattrs`.
   */
  nextData(descriptor: number, from: number): { readonly from: number; readonly to: number } | undefined;
  /** Lets the kernel forget what it keeps of an open file, as far as it is on the disk, so that it is read from there. May do nothing. */
  forget(descriptor: number): void;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const POSIX_FADV_DONTNEED = 4;
/** The most the kernel gives for a list of names, and for one value. */
const LARGEST = 1 << 16;

let loaded: Promise<Posix | undefined> | undefined;

/** The C library's calls, or undefined where `koffi` or one of them is missing: then nothing of this can be had. */
export function loadPosix(): Promise<Posix | undefined> {
  loaded ??= load().catch(() => undefined);
  return loaded;
}

async function load(): Promise<Posix> {
  const koffi = (await import('koffi')).default;
  const libc = koffi.load(null);
  // Where a long has 32 bits, the plain names take offsets and times that do.
  const wide = !['arm', 'ia32'].includes(process.arch);
  const llistxattr = libc.func('long llistxattr(const void *path, void *list, size_t size)');
  const lgetxattr = libc.func('long lgetxattr(const void *path, const void *name, void *value, size_t size)');
  const lsetxattr = libc.func(
    'int lsetxattr(const void *path, const void *name, const void *value, size_t n, int flags)',
  );
  const lseek = libc.func(`int64_t ${wide ? 'lseek' : 'lseek64'}(int descriptor, int64_t offset, int whence)`);
  const utimensat = libc.func(
    `int ${wide ? 'utimensat' : '__utimensat64'}(int directory, const void *path, const void *times, int flags)`,
  );
  const futimens = libc.func(`int ${wide ? 'futimens' : '__futimens64'}(int descriptor, const void *times)`);
  const fadvise = libc.func(
    `int ${wide ? 'posix_fadvise' : 'posix_fadvise64'}(int descriptor, int64_t offset, int64_t length, int advice)`,
  );
  const check = (call: string, result: number): number => {
    if (result >= 0) return result;
    const code = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`${code}: ${call}`), { code });
  };
  const buffer = Buffer.alloc(LARGEST);
  /** Two times, each seconds and nanoseconds. */
  const times = new BigInt64Array(4);
  const seek = (descriptor: number, from: number, whence: number): number | undefined => {
    try {
      return check('lseek', Number(lseek(descriptor, from, whence)));
    } catch (error) {
      // Nothing of the kind from here on.
      if (errnoOf(error) === 'ENXIO') return undefined;
      throw error;
    }
  };

  return {
    readXattrs(path) {
      const at = terminated(path);
      let length: number;
      try {
        length = check('llistxattr', llistxattr(at, buffer, LARGEST));
      } catch (error) {
        if (errnoOf(error) === 'ENOTSUP' || errnoOf(error) === 'EOPNOTSUPP') return [];
        throw error;
      }
      if (length === 0) return [];
      const names = split(Buffer.from(buffer.subarray(0, length)));
      const found: Xattr[] = [];
      for (const name of names) {
        try {
          const size = check('lgetxattr', lgetxattr(at, terminated(name), buffer, LARGEST));
          found.push({ name, value: Buffer.from(buffer.subarray(0, size)) });
        } catch (error) {
          // It vanished since it was listed.
          if (errnoOf(error) !== 'ENODATA') throw error;
        }
      }
      return found.sort((a, b) => Buffer.compare(a.name, b.name));
    },
    writeXattr(path, { name, value }) {
      check('lsetxattr', lsetxattr(terminated(path), terminated(name), value, value.length, 0));
    },
    setTimes(at, ns) {
      const below = ((ns % BILLION) + BILLION) % BILLION;
      const seconds = BigInt.asIntN(64, (ns - below) / BILLION);
      times.set([seconds, below, seconds, below]);
      if (typeof at === 'number') check('futimens', futimens(at, times));
      else check('utimensat', utimensat(AT_FDCWD, terminated(at), times, AT_SYMLINK_NOFOLLOW));
    },
    nextData(descriptor, from) {
      const begin = seek(descriptor, from, SEEK_DATA);
      if (begin === undefined) return undefined;
      const end = seek(descriptor, begin, SEEK_HOLE);
      return end === undefined ? undefined : { from: begin, to: end };
    },
    forget(descriptor) {
      fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    },
  };
}

const BILLION = 1_000_000_000n;

function terminated(text: Buffer): Buffer {
  return Buffer.concat([text, Buffer.alloc(1)]);
}

function split(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let from = 0, end = list.indexOf(0); end !== -1; from = end + 1, end = list.indexOf(0, from)) {
    names.push(list.subarray(from, end));
  }
  return names;
}
