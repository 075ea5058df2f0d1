import { closeSync, constants, fstatSync, openSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { APPEND_ONLY, IMMUTABLE, type InodeFlags, loadInodeFlags } from '../files/inode-flags.ts';
import { requireName } from './name.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** After so many objects the process looks up: whoever ordered this may have gone. */
const BETWEEN_BREATHS = 256;

/** Which names in a directory store are objects, and where they are looked for. */
export interface Layout {
  /** Folders with objects, at most two levels deep, in the order in which they are seen to. `''` is the store itself, less its folders. */
  readonly folders: readonly string[];
  /** Folders that hold folders: they take new names and let none go, or somebody would move the lot aside. */
  readonly holders: readonly string[];
  isObject(name: string): boolean;
}

export interface ProtectedCount {
  /** Made immutable now, and immutable altogether. */
  readonly added: number;
  readonly total: number;
  /**
   * Named like an object and not protected: empty, no file, open for writing, or with a second name, which a writer takes away as soon as it may.
   */
  readonly left: number;
}

/**
 * The immutable flags of a directory store, for the one process that may change them (CAP_LINUX_IMMUTABLE). It follows no symbolic link below the
 * store: whoever writes there must not lead it elsewhere. So everything is opened through the descriptor of its folder, which Node has only by
 * way of /proc.
 */
export class ImmutableDirectory {
  readonly #root: number;
  readonly #flags: InodeFlags;

  private constructor(root: number, flags: InodeFlags) {
    this.#root = root;
    this.#flags = flags;
  }

  /** Rejects with `store.gone` when nothing is at `root`, `store.unprotected` where flags cannot be had at all. Close it. */
  static async open(root: string): Promise<ImmutableDirectory> {
    const flags = await loadInodeFlags();
    if (flags === undefined)
      throw new PortcullisError('store.unprotected', 'Flags of files cannot be set: koffi is not installed.');
    try {
      return new ImmutableDirectory(openSync(root, O_RDONLY | O_DIRECTORY), flags);
    } catch (error) {
      throw new PortcullisError('store.gone', `${root} cannot be opened: ${reasonOf(error)}.`, { cause: error });
    }
  }

  close(): void {
    closeSync(this.#root);
  }

  /** A path of the very directory that was opened, whatever has its name by now. Good until `close`. */
  get path(): string {
    return pathIn(this.#root);
  }

  /**
   * Makes every whole object immutable, and the holders append-only. May be ended at any moment, and repeated. Rejects with
   * `store.unprotected` when the file system, or the kernel, refuses.
   */
  async protect({ folders, holders, isObject }: Layout): Promise<ProtectedCount> {
    // Few, and they guard whatever there is no time for.
    for (const holder of holders) {
      this.#at(holder, O_DIRECTORY, (descriptor) =>
        this.#add(descriptor, APPEND_ONLY, holder === '' ? 'the store' : holder),
      );
    }
    const count = { added: 0, total: 0, left: 0 };
    let breath = 0;
    for (const folder of folders) {
      for (const [descriptor, name] of this.#filesIn(folder, isObject)) {
        const done = this.#protect(descriptor, name);
        if (done === 'left') count.left++;
        else count.total++;
        if (done === 'added') count.added++;
        if (++breath % BETWEEN_BREATHS === 0) await setImmediate();
      }
    }
    return count;
  }

  /** Takes the flag off these objects, as far as they are there. Returns how many had it. Rejects as `protect`. */
  async release(names: Iterable<string>): Promise<number> {
    let released = 0;
    let breath = 0;
    for (const name of names) {
      requireName(name);
      this.#at(name, 0, (descriptor) => {
        const flags = this.#read(descriptor, name);
        if ((flags & IMMUTABLE) === 0) return;
        this.#write(descriptor, flags & ~IMMUTABLE, name);
        released++;
      });
      if (++breath % BETWEEN_BREATHS === 0) await setImmediate();
    }
    return released;
  }

  /** Names in `folder`, of files that `isObject` takes. */
  names(folder: string): string[] {
    const names: string[] = [];
    this.#at(folder, O_DIRECTORY, (directory) => names.push(...readdirSync(pathIn(directory))));
    return names.map((name) => `${folder}/${name}`);
  }

  /**
   * Since when (ms since the epoch) the object `name` has been as it is, or undefined when it is not immutable. The kernel dates every change
   * of a file, that of its flags too, and nobody can set that date without the clock.
   */
  since(name: string): number | undefined {
    let since: number | undefined;
    this.#at(name, 0, (descriptor) => {
      if ((this.#read(descriptor, name) & IMMUTABLE) !== 0) since = fstatSync(descriptor).ctimeMs;
    });
    return since;
  }

  #protect(descriptor: number, name: string): 'added' | 'is already' | 'left' {
    const isNew = (this.#read(descriptor, name) & IMMUTABLE) === 0;
    if (isNew) {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size === 0 || stats.nlink !== 1) return 'left';
      this.#add(descriptor, IMMUTABLE, name);
    }
    // Nobody can open it any more; who has it open writes on, where the file system is xfs or btrfs.
    if (this.#isBeingWritten(descriptor, name)) return 'left';
    return isNew ? 'added' : 'is already';
  }

  #add(descriptor: number, flag: number, name: string): void {
    const flags = this.#read(descriptor, name);
    if ((flags & flag) === 0) this.#write(descriptor, flags | flag, name);
  }

  #read(descriptor: number, name: string): number {
    return named(name, () => this.#flags.read(descriptor));
  }

  #write(descriptor: number, flags: number, name: string): void {
    named(name, () => this.#flags.write(descriptor, flags));
  }

  #isBeingWritten(descriptor: number, name: string): boolean {
    return named(name, () => this.#flags.isBeingWritten(descriptor));
  }

  /** What is in `folder` and one level below it, each open until the next. */
  *#filesIn(folder: string, isObject: Layout['isObject']): Generator<[number, string]> {
    const directory = this.#open(folder, O_DIRECTORY);
    if (directory === undefined) return;
    try {
      for (const entry of readdirSync(pathIn(directory), { withFileTypes: true })) {
        const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) {
          if (folder !== '' && !folder.includes('/')) yield* this.#filesIn(name, isObject);
          continue;
        }
        if (!isObject(name)) continue;
        const file = openIn(directory, entry.name, 0);
        if (file === undefined) continue;
        try {
          yield [file, name];
        } finally {
          closeSync(file);
        }
      }
    } finally {
      closeSync(directory);
    }
  }

  /** Calls `use` with what is at `path`, if it is there, and nowhere else. */
  #at(path: string, more: number, use: (descriptor: number) => void): void {
    const descriptor = this.#open(path, more);
    if (descriptor === undefined) return;
    try {
      use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  #open(path: string, more: number): number | undefined {
    const parts = path.split('/').filter((part) => part !== '');
    let at = openIn(this.#root, '.', O_DIRECTORY);
    for (const [index, part] of parts.entries()) {
      if (at === undefined) return undefined;
      const next: number | undefined = openIn(at, part, index === parts.length - 1 ? more : O_DIRECTORY);
      closeSync(at);
      at = next;
    }
    return at;
  }
}

function pathIn(directory: number): string {
  return `/proc/self/fd/${directory}`;
}

/** Undefined where there is nothing of that kind, or a symbolic link. */
function openIn(directory: number, name: string, more: number): number | undefined {
  try {
    // Not waiting for whoever would write into a FIFO.
    return openSync(`${pathIn(directory)}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | more);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(errnoOf(error) ?? '')) return undefined;
    throw new PortcullisError('store.failed', `${name} cannot be opened: ${reasonOf(error)}.`, { cause: error });
  }
}

/** What `call` returns; its error as `store.unprotected`, with the name of what it is about. */
function named<T>(name: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = errnoOf(error) ?? '';
    const why = ['ENOTTY', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(code)
      ? 'its file system has no immutable files'
      : ['EPERM', 'EACCES'].includes(code)
        ? 'this process may not (CAP_LINUX_IMMUTABLE, and for files of others CAP_FOWNER and CAP_LEASE)'
        : reasonOf(error);
    throw new PortcullisError('store.unprotected', `The flags of ${name} cannot be changed: ${why}.`, { cause: error });
  }
}
