import { createHash } from 'node:crypto';
import { renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import type { Content, FileIdentity } from '../base/entry.ts';
import { ID_LENGTH } from './format.ts';
import type { KnownBlobs } from './known-blobs.ts';
import { PACKED_REFERENCE } from './reference.ts';
import { type Found, UnchangedReader, UnchangedWriter } from './unchanged.ts';

/** A file that was read. */
export interface ReadFile {
  /** Its path in the source. */
  readonly path: Buffer;
  /** Its path on this machine; undefined for a stream, whose identity says it all. */
  readonly at: Buffer | undefined;
  readonly identity: FileIdentity;
  /** A time before it was read, milliseconds since the epoch. */
  readonly readWall: number;
  readonly sha256: string | undefined;
  /** Packed (`ReferenceList`). */
  readonly references: Uint8Array;
}

/** Times of a file are at most so coarse, and this machine's clock and its disks' agree that well. */
const COARSE_MS = 2000;
/** File systems whose times are this machine's: ext, xfs, btrfs, tmpfs, overlay, f2fs, ZFS. */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1]);

/**
 * Which files of a source are what they were when they were sealed last: size, mtime, ctime and inode are the same, and every blob of the
 * content is still known (so a lost pack, other recipients or a cleared memory have the file read again).
 *
 * A file that changed so short a time before it was read that a later change could leave the same times is not *settled*, and is read again
 * the next time. It is settled when it was older than the coarsest times by this machine's clock, where that is its file system's
 * clock too; or, whatever the clocks say, when two sealings have found it the same. A stream with an identity is settled at once.
 *
 * Of a sealing that was killed the next one has what it had remembered by then, as far as the blobs were taken over from staging.
 */
export class SeenFiles {
  readonly #now: () => number;
  readonly #old: UnchangedReader | undefined;
  /** What a sealing had remembered when it was killed. */
  readonly #left: UnchangedReader | undefined;
  readonly #new: UnchangedWriter | undefined;
  readonly #leftPath: string = '';
  /** Files that are read although they look the same. */
  readonly #again = new Set<string>();
  /** Whether a device's file system is of this machine. */
  readonly #local = new Map<bigint, boolean>();

  /** `memory` says where it lies, and the secret and vault it belongs to; without one nothing is remembered. `now` gives milliseconds since the epoch. */
  constructor(
    now: () => number,
    memory?: { readonly path: string; readonly secret: Uint8Array; readonly vaultId: Buffer },
  ) {
    this.#now = now;
    if (memory === undefined) return;
    this.#old = new UnchangedReader(memory.path, memory.secret, memory.vaultId);
    takeLeft(memory.path);
    this.#left = new UnchangedReader(leftAt(memory.path), memory.secret, memory.vaultId);
    this.#leftPath = leftAt(memory.path);
    this.#new = new UnchangedWriter(memory.path, memory.secret, memory.vaultId, now());
  }

  now(): number {
    return this.#now();
  }

  /** What the file at `path` consists of, if it need not be read; the packs of its blobs are then needed. Paths are asked for in tree order. */
  find(path: Buffer, identity: FileIdentity | undefined, blobs: KnownBlobs): Found | undefined {
    if (identity === undefined) return undefined;
    const old = this.#old?.find(path);
    if (old === undefined || !isSame(old.identity, identity)) return this.#findLeft(path, identity, blobs);
    const packs = old.settled ? packsOf(old.references, blobs) : undefined;
    if (packs === undefined) {
      this.#again.add(path.toString('latin1'));
      return undefined;
    }
    for (const { pack, bytes } of packs) blobs.need(pack, bytes);
    return old;
  }

  /** The blobs are in what the next sealing took over from staging; of one that is not, the file is read. */
  #findLeft(path: Buffer, identity: FileIdentity, blobs: KnownBlobs): Found | undefined {
    const left = this.#left?.find(path);
    if (left === undefined || !left.settled || !isSame(left.identity, identity)) return undefined;
    const packs = packsOf(left.references, blobs);
    for (const { pack, bytes } of packs ?? []) blobs.need(pack, bytes);
    return packs && left;
  }

  /** Remembers a file that was read, in tree order. */
  remember({ path, at, identity, readWall, sha256, references }: ReadFile): void {
    if (this.#new === undefined) return;
    const found = this.#again.delete(path.toString('latin1')) && this.#secondLook(readWall);
    const settled = at === undefined || found || (this.#isLocal(at, identity.dev) && isOlder(identity, readWall));
    this.#new.add({ path, identity, settled, sha256, references });
  }

  /** Remembers a file that was not read. */
  keep(old: Found): void {
    this.#new?.keep(old);
  }

  /** From now on this is what is remembered. */
  finish(): void {
    this.#old?.close();
    this.#left?.close();
    this.#new?.finish();
    if (this.#leftPath !== '') rmSync(this.#leftPath, { force: true });
  }

  /** The next sealing begins with what was remembered so far, beside what was remembered before. Does nothing after `finish`. */
  leave(): void {
    this.#old?.close();
    this.#left?.close();
    this.#new?.leave();
  }

  /** What was remembered before stays. Does nothing after `finish`. */
  abandon(): void {
    this.#old?.close();
    this.#left?.close();
    this.#new?.abandon();
  }

  #secondLook(readWall: number): boolean {
    return Math.abs(readWall - (this.#old?.wall ?? readWall)) > COARSE_MS;
  }

  #isLocal(at: Buffer, dev: bigint): boolean {
    let local = this.#local.get(dev);
    if (local === undefined) {
      try {
        local = LOCAL.has(statfsSync(at).type);
      } catch {
        // It has vanished. Another file of its device may tell.
        return false;
      }
      this.#local.set(dev, local);
    }
    return local;
  }
}

function leftAt(memory: string): string {
  return `${memory}.left`;
}

/** Keeps what a killed sealing was writing, where it had come further than one that was killed before. */
function takeLeft(memory: string): void {
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  try {
    if (size(`${memory}.tmp`) > size(leftAt(memory))) renameSync(`${memory}.tmp`, leftAt(memory));
  } catch {
    // It is a memory and no more.
  }
}

/** Of a stream whose size nobody knows before. */
const ANY_SIZE = -1n;

/** What tells a content from others: of a stream its size and 192 bits of the hash of its tag, where a file has times and inode. */
export function identityOf(content: Content): FileIdentity | undefined {
  const { identity } = content;
  if (identity === undefined || !('tag' in identity)) return identity;
  const hash = createHash('sha256').update(identity.tag).digest();
  return {
    size: BigInt(identity.size ?? ANY_SIZE),
    mtimeNs: hash.readBigInt64BE(0),
    ctimeNs: hash.readBigInt64BE(8),
    ino: hash.readBigUInt64BE(16),
    dev: 0n,
  };
}

/** The identity of what was as long as `size` in the end; undefined when that is another size than it was to have. */
export function identityRead(identity: FileIdentity, size: number): FileIdentity | undefined {
  const read = BigInt(size);
  return identity.size === read || identity.size === ANY_SIZE ? { ...identity, size: read } : undefined;
}

function isSame(a: Omit<FileIdentity, 'dev'>, b: FileIdentity): boolean {
  if (b.size !== ANY_SIZE && a.size !== b.size) return false;
  return a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;
}

/** Whether its last change was well before `wall`. A time to come is not: the clock may get there again. */
function isOlder({ mtimeNs, ctimeNs }: FileIdentity, wall: number): boolean {
  const limit = BigInt(Math.floor(wall - COARSE_MS)) * 1_000_000n;
  return mtimeNs < limit && ctimeNs < limit;
}

/** The packs of all blobs with what is needed of them, or undefined when one of them is not known. */
function packsOf(references: Uint8Array, blobs: KnownBlobs): { pack: number; bytes: number }[] | undefined {
  const packed = Buffer.from(references.buffer, references.byteOffset, references.byteLength);
  const packs: { pack: number; bytes: number }[] = [];
  for (let at = 0; at < packed.length; at += PACKED_REFERENCE) {
    const pack = blobs.find(packed.subarray(at, at + ID_LENGTH));
    if (pack === undefined) return undefined;
    packs.push({ pack, bytes: packed.readUInt32BE(at + ID_LENGTH + 4) });
  }
  return packs;
}
