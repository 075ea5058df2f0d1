import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { type Locks, lockEnd } from '../vault/locks.ts';
import type { Remover, Store } from '../vault/store.ts';
import { requireName } from './name.ts';
import type { Bucket, Head, Version } from './s3-bucket.ts';

/** Versions that are remembered, so that a reader of many parts of one object looks for it once. */
const MOST_REMEMBERED = 10_000;

/** The version of a key that is the object. */
interface Found {
  readonly version: string;
  readonly size: number;
}

/**
 * A store in a bucket, for one writer at a time. The object of a name is the **first locked version** of its key: whoever has these
 * credentials can add versions and delete markers on top of it, and they change nothing. Versions that are not locked are not there,
 * also when they came first. Without Object Lock (`objectLock: none`) the object is the first version, and nothing but the server's
 * goodwill keeps it.
 *
 * A name is taken by looking, putting and looking again: of several versions put at once the first in the server's list wins. No
 * condition of a request is relied on, for not every server heeds it.
 */
export class S3Store implements Store, Remover {
  readonly #bucket: Bucket;
  readonly #found = new Map<string, Found>();
  #keepsVersions = false;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const key = this.#key(name);
    await this.#requireVersions();
    if ((await this.#find(key)) !== undefined) throw taken(name);
    const { objectLock, retentionMs } = this.#bucket.settings;
    const until = objectLock === 'none' ? undefined : lockEnd(this.#bucket.clock.wall(), retentionMs);
    const version = await this.#bucket.put(key, bytes, until);
    await this.#requireWritten(key, version, bytes.length, until);
    const winner = await this.#firstLocked(key, await this.#versionsOf(key), version);
    if (winner?.version !== version) throw taken(name);
    this.#remember(key, winner);
  }

  putSoon(name: string, bytes: Uint8Array): Promise<void> {
    return this.put(name, bytes);
  }

  /**
   * What the server acknowledged is durable, and what a killed writer sent is there whole, locked, or not at all: there is nothing to
   * make durable, only to see that the bucket is there.
   */
  async settle(): Promise<void> {
    this.#keepsVersions = false;
    await this.#requireVersions();
  }

  async get(name: string, range?: { offset: number; length: number }): Promise<Buffer> {
    const key = this.#key(name);
    const found = this.#found.get(key) ?? (await this.#require(name, key));
    if (range !== undefined && range.length === 0) return Buffer.alloc(0);
    const bytes = await this.#bucket.get(key, found.version, found.size, range);
    const length = range === undefined ? found.size : Math.max(0, Math.min(range.length, found.size - range.offset));
    if (bytes.length === length) return bytes;
    const why = `${bytes.length} bytes came instead of ${length}`;
    throw new PortcullisError('store.failed', `Reading ${name} failed: ${why}.`);
  }

  /** It came over the network: nothing of it can be from this machine's memory. What the server has in its own nobody sees. */
  async readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    return { bytes: await this.get(name), direct: true };
  }

  async size(name: string): Promise<number | undefined> {
    return (await this.#find(this.#key(name)))?.size;
  }

  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    const folder = `${this.#key(prefix)}/`;
    const start = folder.length - prefix.length - 1;
    const object = async (versions: readonly Version[]) => {
      const [first] = versions;
      if (first === undefined) return [];
      // Asking for the lock of each would be a request an object. Where there is one version there is nothing to choose.
      const [, second] = versions;
      const found = second === undefined ? first : await this.#firstLocked(first.key, versions);
      return found === undefined ? [] : [{ name: first.key.slice(start), size: found.size }];
    };
    let versions: Version[] = [];
    for await (const version of this.#bucket.versions(folder)) {
      if (versions[0] !== undefined && versions[0].key !== version.key) {
        yield* await object(versions);
        versions = [];
      }
      versions.push(version);
    }
    yield* await object(versions);
  }

  /**
   * The object itself first, then what somebody put on top of it, which nobody needs. What counts is not the answers but whether the object
   * is still there.
   */
  async remove(name: string): Promise<'gone' | 'held'> {
    const key = this.#key(name);
    const found = await this.#find(key);
    if (found !== undefined) {
      await this.#bucket.tryDelete(key, found.version, false);
      if ((await this.#bucket.head(key, found.version)) !== undefined) return 'held';
      this.#found.delete(key);
    }
    for (const { id } of await this.#versionsOf(key)) await this.#bucket.tryDelete(key, id, false);
    return 'gone';
  }

  /** Undefined in a bucket that is used without locks. */
  get locks(): Locks | undefined {
    const { objectLock, retentionMs } = this.#bucket.settings;
    if (objectLock === 'none') return undefined;
    return { baseMs: retentionMs, extend: (name, until) => this.#extend(name, until) };
  }

  /** Of the version that is the object, whatever lies on top of it. */
  async #extend(name: string, until: number): Promise<'enough' | 'extended' | 'missing'> {
    const key = this.#key(name);
    const found = this.#found.get(key) ?? (await this.#find(key));
    if (found === undefined) return 'missing';
    const before = await this.#bucket.head(key, found.version);
    if (before === undefined) return 'missing';
    if (isLocked(before) && before.lockedUntil >= until) return 'enough';
    await this.#bucket.tryRelock(key, found.version, 'COMPLIANCE', until);
    await this.#requireWritten(key, found.version, found.size, until);
    return 'extended';
  }

  #key(name: string): string {
    requireName(name);
    const { prefix } = this.#bucket.settings;
    return prefix === '' ? name : `${prefix}/${name}`;
  }

  async #requireVersions(): Promise<void> {
    if (this.#keepsVersions) return;
    if (!(await this.#bucket.keepsVersions())) throw this.#bucket.unversioned();
    this.#keepsVersions = true;
  }

  /** The object of a key, still there at this moment; undefined when there is none. */
  async #find(key: string): Promise<Found | undefined> {
    const remembered = this.#found.get(key);
    if (remembered !== undefined) {
      if ((await this.#bucket.head(key, remembered.version)) !== undefined) return remembered;
      this.#found.delete(key);
    }
    const found = await this.#firstLocked(key, await this.#versionsOf(key));
    if (found !== undefined) this.#remember(key, found);
    return found;
  }

  async #require(name: string, key: string): Promise<Found> {
    const found = await this.#find(key);
    if (found !== undefined) return found;
    const unlocked = (await this.#versionsOf(key)).length;
    const { bucket, objectLock } = this.#bucket.settings;
    const why =
      unlocked === 0 || objectLock === 'none'
        ? `it is not in bucket ${bucket}`
        : `bucket ${bucket} holds it ${unlocked} times, and never locked`;
    throw new PortcullisError('store.missing', `Reading ${name} failed: ${why}.`);
  }

  /** Newest first. */
  async #versionsOf(key: string): Promise<Version[]> {
    const versions: Version[] = [];
    for await (const version of this.#bucket.versions(key)) {
      // Other keys that begin like this one come after it.
      if (version.key !== key) break;
      versions.push(version);
    }
    return versions;
  }

  /** The object among `versions`, newest first. `locked` is one that is known to be locked. */
  async #firstLocked(key: string, versions: readonly Version[], locked?: string): Promise<Found | undefined> {
    for (const { id, size } of versions.toReversed()) {
      if (this.#bucket.settings.objectLock === 'none' || id === locked) return { version: id, size };
      if (isLocked(await this.#bucket.head(key, id))) return { version: id, size };
    }
    return undefined;
  }

  /** A server may take an object and forget its lock, or the object. */
  async #requireWritten(key: string, version: string, size: number, until: number | undefined): Promise<void> {
    const head = await this.#bucket.head(key, version);
    if (head === undefined || head.size !== size) {
      const why = head === undefined ? 'is not there' : `has ${head.size} bytes instead of ${size}`;
      throw new PortcullisError('store.failed', `Writing ${key} failed: it was acknowledged and ${why}.`);
    }
    if (until === undefined || (isLocked(head) && head.lockedUntil >= until)) return;
    const lock = isLocked(head)
      ? `locked only until ${isoTime(head.lockedUntil)}`
      : `not locked in compliance mode (${head.mode ?? 'no mode'})`;
    throw new PortcullisError('store.unlocked', `Locking ${key} failed: the version is ${lock}.`);
  }

  #remember(key: string, found: Found): void {
    const [oldest] = this.#found.keys();
    if (this.#found.size >= MOST_REMEMBERED && oldest !== undefined) this.#found.delete(oldest);
    this.#found.set(key, found);
  }
}

/** Locked at some time: that the lock has run out makes no other version the object. */
function isLocked(head: Head | undefined): boolean {
  return head?.mode === 'COMPLIANCE';
}

function taken(name: string): PortcullisError {
  return new PortcullisError('store.exists', `Writing ${name} failed: it is there already.`);
}
