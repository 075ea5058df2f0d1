import { setMaxListeners } from 'node:events';
import { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { stopped } from './failure.ts';
import { pause } from './patient.ts';
import { type Meaning, meaningOf } from './s3-answers.ts';

/** How a bucket is reached. */
export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly forcePathStyle: boolean;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret | undefined;
}

export interface S3Ports {
  /** Beginning of sentences: `Source photos`. */
  readonly subject: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One thing of a bucket could not be had; `meaning` says why. */
export class PartFailed extends Error {
  readonly meaning: Exclude<Meaning, { kind: 'busy' | 'end' }>;

  // Without a cause: the SDK's errors hold the request, and with it the session's token.
  constructor(meaning: PartFailed['meaning']) {
    super(meaning.kind === 'part' ? meaning.why : meaning.kind);
    this.meaning = meaning;
  }
}

export type Request<T> = (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>;

/** Under way at once, at the most. */
const MOST_REQUESTS = 100;
const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;
/** A minute and a half in all, which is longer than any throttling seen. */
const DELAYS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000] as const;

/**
 * A bucket in requests that are patient: what may pass is tried again, up to eight times over a minute and a half. What does not pass rejects with
 * `source.failed`, what concerns one object with `PartFailed`, and with `source.stopped` as soon as the signal is aborted.
 */
export class PatientBucket {
  readonly access: S3Access;
  readonly ports: S3Ports;
  readonly #client: S3Client;

  constructor(access: S3Access, ports: S3Ports) {
    this.access = access;
    this.ports = ports;
    // Each request under way listens, and so many are at once.
    setMaxListeners(MOST_REQUESTS, ports.signal);
    const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey, sessionToken } = access;
    const text = (secret: Secret) => secret.reveal().toString('utf8');
    // Whatever the SDK would look up in the environment or in ~/.aws is said here.
    this.#client = new S3Client({
      endpoint,
      region,
      forcePathStyle,
      credentials: async () => ({
        accessKeyId: text(accessKeyId),
        secretAccessKey: text(secretAccessKey),
        ...(sessionToken === undefined ? {} : { sessionToken: text(sessionToken) }),
      }),
      maxAttempts: 1,
      retryMode: 'standard',
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

  close(): void {
    this.#client.destroy();
  }

  /** `what` is the beginning of a sentence: `Listing bucket photos`. */
  async ask<T>(what: string, request: Request<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      if (this.ports.signal.aborted) throw stopped(this.ports.subject);
      try {
        return await this.once(request);
      } catch (error) {
        await this.failed(what, error, failures);
      }
    }
  }

  /** One request, tried once: rejects as the SDK does. */
  once<T>(request: Request<T>): Promise<T> {
    return request(this.#client, { abortSignal: this.ports.signal });
  }

  /** What to do about the `failures`th failure in a row: resolves when it is time to try again, rejects when that is of no use. */
  async failed(what: string, error: unknown, failures: number): Promise<void> {
    const { clock, signal, subject } = this.ports;
    if (signal.aborted) throw stopped(subject);
    if (error instanceof PortcullisError || error instanceof PartFailed) throw error;
    const meaning = meaningOf(error);
    if (meaning.kind !== 'busy' && meaning.kind !== 'end') throw new PartFailed(meaning);
    const ms = meaning.kind === 'busy' ? DELAYS_MS[failures - 1] : undefined;
    if (ms === undefined) throw this.end(`${what} failed: ${meaning.why}`);
    await pause(clock, ms, signal).catch(() => {
      throw stopped(subject);
    });
  }

  /** The error that leaves no snapshot. `what` is a sentence without its full stop. */
  end(what: string): PortcullisError {
    const { endpoint } = this.access;
    return new PortcullisError('source.failed', `${this.ports.subject}: ${what} (${endpoint}).`);
  }
}
