import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { S3Store } from '../../daemon/store/s3.ts';
import { Bucket, type S3Settings } from '../../daemon/store/s3-bucket.ts';
import type { FakeS3 } from './fake-s3.ts';

export const DAY_MS = 86_400_000;

/** As configured for a fake server. */
export function settingsOf(server: Pick<FakeS3, 'endpoint' | 'bucket' | 'accessKeyId'>): S3Settings {
  return {
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: server.bucket,
    prefix: 'box',
    forcePathStyle: true,
    accessKeyId: Secret.fromText(server.accessKeyId),
    secretAccessKey: Secret.fromText('a secret nobody may see'),
    objectLock: 'compliance',
    retentionMs: 30 * DAY_MS,
  };
}

export function bucketAt(
  server: Pick<FakeS3, 'endpoint' | 'bucket' | 'accessKeyId'>,
  more: Partial<S3Settings> = {},
  clock: Clock = systemClock,
  signal?: AbortSignal,
): Bucket {
  return new Bucket({ ...settingsOf(server), ...more }, { clock, ...(signal === undefined ? {} : { signal }) });
}

export function storeAt(server: FakeS3, more: Partial<S3Settings> = {}): S3Store {
  return new S3Store(bucketAt(server, more));
}

/** A clock on which waiting takes no time. */
export const hasty: Clock = { ...systemClock, after: (_, run) => systemClock.after(0, run) };

export async function listed(store: S3Store, prefix: string): Promise<Record<string, number>> {
  const result: Record<string, number> = {};
  for await (const { name, size } of store.list(prefix)) result[name] = size;
  return result;
}
