import { chmodSync, fchmodSync, fchownSync, lchownSync, lutimesSync } from 'node:fs';
import { reasonOf } from '../base/errors.ts';
import type { Posix } from '../files/posix.ts';
import type { Attributes } from './file-list.ts';

/** Gives what is restored the attributes that it had, as far as this process may. */
export class AttributeSetter {
  /** What it cannot set of any path, for people, each once. */
  readonly notes = new Set<string>();
  readonly #posix: Posix | undefined;
  readonly #privileged = process.geteuid?.() === 0;

  constructor(posix: Posix | undefined) {
    this.#posix = posix;
  }

  /**
   * Sets them all, of what is at `path`, sooner where it is an open `file`. Says which it is without. Throws where the file system does.
   */
  set(entry: Attributes & { readonly type: string }, path: Buffer, file?: number): string | undefined {
    if (!this.#privileged) this.notes.add('owners are not restored: only root can give files away');
    else if (file === undefined) lchownSync(path, entry.uid, entry.gid);
    else fchownSync(file, entry.uid, entry.gid);
    // After the owner, whose change takes capabilities away.
    const failed = this.#setXattrs(entry, path);
    // Without its owner a set-user-id bit would mean somebody else.
    const mode = this.#privileged ? entry.mode : entry.mode & 0o1777;
    if (file !== undefined) fchmodSync(file, mode);
    else if (entry.type !== 'symlink') chmodSync(path, mode);
    if (this.#posix !== undefined) this.#posix.setTimes(file ?? path, entry.mtimeNs);
    else {
      // Node takes seconds: nanoseconds are lost beyond what a double holds.
      // A number below zero it would take for now, a string it takes as it is.
      const seconds = String(Number(entry.mtimeNs / 1000n) / 1e6);
      lutimesSync(path, seconds, seconds);
      this.notes.add('times are restored to microseconds: the optional package koffi is missing');
    }
    return failed.length === 0 ? undefined : `is there without ${failed.join(', ')}`;
  }

  /** Names of those that could not be set, with the reason. */
  #setXattrs(entry: Attributes, path: Buffer): string[] {
    const failed: string[] = [];
    for (const xattr of entry.xattrs ?? []) {
      const name = xattr.name.toString('utf8');
      if (this.#posix === undefined) {
        this.notes.add('extended attributes and ACLs are not restored: the optional package koffi is missing');
      } else if (!this.#privileged && /^(trusted|security)\./.test(name)) {
        this.notes.add('extended attributes of the classes trusted and security are not restored: only root can');
      } else {
        try {
          this.#posix.writeXattr(path, xattr);
        } catch (error) {
          failed.push(`its extended attribute ${name} (${reasonOf(error)})`);
        }
      }
    }
    return failed;
  }
}
