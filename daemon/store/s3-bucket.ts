import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type Clock, dateOf } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { nameOf, s3Failure, statusOf } from './s3-failure.ts';

export interface S3Settings {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Folder of the vault in the bucket, without slashes around it; empty for none. */
  readonly prefix: string;
  readonly forcePathStyle: boolean;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly objectLock: 'compliance' | 'none';
  /** For how long an object is locked, at the least. */
  readonly retentionMs: number;
}

export interface S3Ports {
  readonly clock: Clock;
  /** Ends what is under way, and everything after it, with its reason. */
  readonly signal?: AbortSignal;
}

export interface Version {
  readonly key: string;
  readonly id: string;
  readonly size: number;
}

export interface Head {
  readonly size: number;
  /** `COMPLIANCE`, `GOVERNANCE`, or undefined when the version is not locked. */
  readonly mode: string | undefined;
  /** Milliseconds since the epoch; 0 when it is not locked. */
  readonly lockedUntil: number;
}

const CONNECT_MS = 5000;
const IDLE_MS = 20_000;
/** A link slower than this carries no backups: a request that takes longer has lost its server. */
const SLOWEST_BYTES_PER_MS = 100;

/**
 * One bucket, in the requests that a store needs. Each request is a single one: nothing is repeated, every one has a deadline, and an
 * error is a `store.*` that says which.
 */
export class Bucket {
  readonly settings: S3Settings;
  readonly clock: Clock;
  readonly #client: S3Client;
  readonly #signal: AbortSignal | undefined;

  constructor(settings: S3Settings, ports: S3Ports) {
    this.settings = settings;
    this.clock = ports.clock;
    this.#signal = ports.signal;
    const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey } = settings;
    // Whatever the SDK would look up in the environment or in ~/.aws is said here.
    this.#client = new S3Client({
      endpoint,
      region,
      forcePathStyle,
      credentials: async () => ({
        accessKeyId: accessKeyId.reveal().toString('utf8'),
        secretAccessKey: secretAccessKey.reveal().toString('utf8'),
      }),
      maxAttempts: 1,
      retryMode: 'standard',
      // A gateway may accept a wrong SHA-256 and refuse streams: Content-MD5 is what it checks.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      useArnRegion: false,
      disableS3ExpressSessionAuth: true,
      disableMultiregionAccessPoints: true,
      followRegionRedirects: false,
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS },
    });
  }

  /** Whether the bucket keeps every version of a key. */
  async keepsVersions(): Promise<boolean> {
    const { bucket } = this.settings;
    const answer = await this.#send(`Looking at bucket ${bucket}`, 0, (abortSignal) =>
      this.#client.send(new GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal }),
    );
    return answer.Status === 'Enabled';
  }

  /** Makes a new version of `key`, locked in compliance mode until `lockUntil` (milliseconds, whole seconds) when given; its id. */
  async put(key: string, bytes: Uint8Array, lockUntil: number | undefined): Promise<string> {
    const { bucket } = this.settings;
    const lock =
      lockUntil === undefined
        ? {}
        : { ObjectLockMode: 'COMPLIANCE' as const, ObjectLockRetainUntilDate: dateOf(lockUntil) };
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: createHash('md5').update(bytes).digest('base64'),
      ...lock,
    });
    const what = `Writing ${key}`;
    const answer = await this.#send(what, bytes.length, async (abortSignal) => {
      try {
        return await this.#client.send(command, { abortSignal });
      } catch (error) {
        if (lockUntil === undefined || !isLockRefused(error)) throw error;
        const why = `bucket ${bucket} takes no lock (${nameOf(error)}), as one that was made without Object Lock`;
        throw new PortcullisError('store.unlocked', `${what} failed: ${why}.`, { cause: error });
      }
    });
    if (answer.VersionId === undefined || answer.VersionId === 'null') throw this.unversioned();
    return answer.VersionId;
  }

  /** A bucket that forgets what was overwritten can hold no vault. */
  unversioned(): PortcullisError {
    const { bucket } = this.settings;
    return new PortcullisError('store.unlocked', `Bucket ${bucket} keeps no versions: what is overwritten is lost.`);
  }

  /** Undefined when there is no such version, or no such bucket: HEAD does not say which. */
  async head(key: string, version: string): Promise<Head | undefined> {
    const input = { Bucket: this.settings.bucket, Key: key, VersionId: version };
    return this.#send(`Looking for ${key}`, 0, async (abortSignal) => {
      try {
        const answer = await this.#client.send(new HeadObjectCommand(input), { abortSignal });
        return {
          size: answer.ContentLength ?? 0,
          mode: answer.ObjectLockMode,
          lockedUntil: answer.ObjectLockRetainUntilDate?.getTime() ?? 0,
        };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  /** `size` is the length of what is expected, for the deadline. A range beyond the end is empty. */
  async get(key: string, version: string, size: number, range?: { offset: number; length: number }): Promise<Buffer> {
    const { bucket } = this.settings;
    const asked = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: version, ...asked });
    return this.#send(`Reading ${key}`, range?.length ?? size, async (abortSignal) => {
      try {
        const answer = await this.#client.send(command, { abortSignal });
        const body = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
        // A server need not know ranges.
        if (range === undefined || answer.ContentRange !== undefined) return body;
        return body.subarray(range.offset, range.offset + range.length);
      } catch (error) {
        if (statusOf(error) === 416) return Buffer.alloc(0);
        throw error;
      }
    });
  }

  /** Every version of every key that begins with `prefix`, in the order of the keys, of each key the newest first. */
  async *versions(prefix: string): AsyncGenerator<Version> {
    const { bucket } = this.settings;
    let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
    while (from !== undefined) {
      const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
        Bucket: bucket,
        Prefix: prefix,
        // A key may hold bytes that no XML can: one would make the whole list unreadable.
        EncodingType: 'url',
        ...from,
      });
      const page = await this.#send(`Listing ${prefix || bucket}`, 1_000_000, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      const plain = (key: string) => (page.EncodingType === 'url' ? decoded(key) : key);
      for (const { Key, VersionId, Size } of page.Versions ?? []) {
        if (Key !== undefined && VersionId !== undefined) yield { key: plain(Key), id: VersionId, size: Size ?? 0 };
      }
      const next = page.NextKeyMarker;
      from =
        page.IsTruncated && next !== undefined
          ? { KeyMarker: plain(next), VersionIdMarker: page.NextVersionIdMarker }
          : undefined;
    }
  }

  /** Tries to delete a version. Whether it worked, `head` tells; that it was refused is no error. */
  async tryDelete(key: string, version: string, bypass: boolean): Promise<void> {
    const input = { Bucket: this.settings.bucket, Key: key, VersionId: version };
    const command = new DeleteObjectCommand({ ...input, ...(bypass ? { BypassGovernanceRetention: true } : {}) });
    await this.#send(`Trying to delete ${key}`, 0, (abortSignal) =>
      this.#client.send(command, { abortSignal }).catch(unlessRefused),
    );
  }

  /** Tries to give a version another lock. As `tryDelete`. */
  async tryRelock(key: string, version: string, mode: 'COMPLIANCE' | 'GOVERNANCE', until: number): Promise<void> {
    const command = new PutObjectRetentionCommand({
      Bucket: this.settings.bucket,
      Key: key,
      VersionId: version,
      Retention: { Mode: mode, RetainUntilDate: dateOf(until) },
      BypassGovernanceRetention: true,
    });
    await this.#send(`Trying to shorten the lock of ${key}`, 0, (abortSignal) =>
      this.#client.send(command, { abortSignal }).catch(unlessRefused),
    );
  }

  async #send<T>(what: string, bytes: number, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted();
    const deadline = new AbortController();
    const ms = CONNECT_MS + IDLE_MS + bytes / SLOWEST_BYTES_PER_MS;
    const cancel = this.clock.after(ms, () => deadline.abort());
    const signal = this.#signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, this.#signal]);
    try {
      return await request(signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!deadline.signal.aborted) throw s3Failure(error, what, this.settings);
      const why = `${this.settings.endpoint} did not answer within ${Math.ceil(ms / 1000)} s`;
      throw new PortcullisError('store.gone', `${what} failed: ${why}.`, { cause: error });
    } finally {
      cancel();
    }
  }
}

/** That a bucket takes no locks servers say in words of their own, or, as Ceph, in none. */
function isLockRefused(error: unknown): boolean {
  return nameOf(error) === 'ObjectLockConfigurationNotFoundError' || nameOf(error) === 'InvalidRequest';
}

/** A request that the server understood and refused. */
function unlessRefused(error: unknown): void {
  const status = statusOf(error);
  if (status === undefined || status < 400 || status >= 500) throw error;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}
