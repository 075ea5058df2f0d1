import type { Clock } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { showUnit } from '../base/systemctl.ts';
import type { S3StoreConfig, StoreConfig } from '../config/schema.ts';
import { type Environment, loadSecret } from '../config/secret.ts';
import { runProtect } from '../keeper/jobs.ts';
import type { Protection } from '../store/canary.ts';
import { DirectoryStore } from '../store/directory.ts';
import { tryImmutable, WRITER_PROPERTIES, whyWriterMayClear } from '../store/immutable-canary.ts';
import type { Bucket } from '../store/s3-bucket.ts';
import type { Locks } from '../vault/locks.ts';
import type { Remover, Store } from '../vault/store.ts';
import { jobsOf } from './jobs.ts';

const KEEPER_UNIT = 'portcullis-keeper.service';

export interface StorePorts {
  readonly environment: Environment;
  readonly clock: Clock;
  /** Ends what a bucket is being asked. */
  readonly signal?: AbortSignal;
}

/** With `locks` where the store has them. */
export type OpenStore = Store & Remover & { readonly locks?: Locks | undefined };

/** The store that the configuration names. Reads its credentials (rejects with `config.secret`), and touches nothing else yet. */
export async function openStore(config: StoreConfig, ports: StorePorts): Promise<OpenStore> {
  if (config.kind === 'directory') return new DirectoryStore(config.path);
  const { S3Store } = await import('../store/s3.ts');
  const { RetryStore } = await import('../store/retry.ts');
  return new RetryStore(new S3Store(await openBucket(config, ports)), ports.clock);
}

/** What the store does with a canary that it should keep: see `tryCanary` and `tryImmutable`. `runtime` is the directory of the sockets. */
export async function examineStore(config: StoreConfig, runtime: string, ports: StorePorts): Promise<Protection> {
  if (config.kind === 'directory') {
    const { signal = new AbortController().signal } = ports;
    const protect = () => runProtect(jobsOf(runtime), 'protect', signal);
    const unit = await showUnit(KEEPER_UNIT, WRITER_PROPERTIES);
    const writerMayClear = whyWriterMayClear(KEEPER_UNIT, unit, process.geteuid?.() === 0);
    return tryImmutable(config.path, { protect, writerMayClear });
  }
  const { tryCanary } = await import('../store/canary.ts');
  return tryCanary(await openBucket(config, ports));
}

/** The SDK is loaded only where there is a bucket: it takes longer to load than a whole command that needs none. */
async function openBucket(config: S3StoreConfig, { environment, clock, signal }: StorePorts): Promise<Bucket> {
  // Which Node is the oldest to work with is ours to say, and not on every command's standard error.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const { Bucket } = await import('../store/s3-bucket.ts');
  const { endpoint, region, bucket, prefix = '', forcePathStyle, objectLock, retention } = config;
  const settings = {
    endpoint,
    region,
    bucket,
    prefix,
    forcePathStyle,
    objectLock,
    retentionMs: durationMs(retention) ?? Number.NaN,
    accessKeyId: loadSecret(config.accessKeyId, environment),
    secretAccessKey: loadSecret(config.secretAccessKey, environment),
  };
  return new Bucket(settings, { clock, ...(signal === undefined ? {} : { signal }) });
}
