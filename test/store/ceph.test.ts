import { createHash, randomBytes } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { tryCanary } from '../../daemon/store/canary.ts';
import { RetryStore } from '../../daemon/store/retry.ts';
import { S3Store } from '../../daemon/store/s3.ts';
import { Bucket, type S3Settings } from '../../daemon/store/s3-bucket.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, print, type Tree, World } from '../vault/world.ts';
import { type Ceph, cable, noCeph, startCeph } from './ceph.ts';
import { storeContract } from './contract.ts';
import { DAY_MS, hasty } from './s3-helpers.ts';

const reason = noCeph();

describe.skipIf(reason !== undefined)(`on a real Ceph gateway${reason === undefined ? '' : ` (${reason})`}`, () => {
  let ceph: Ceph;
  /** Whoever has stolen the appliance's credentials. */
  let thief: S3Client;
  beforeAll(async () => {
    ceph = await startCeph();
    thief = clientOf(ceph.vault);
    await thief.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }));
    await thief.send(new CreateBucketCommand({ Bucket: 'parts', ObjectLockEnabledForBucket: true }));
    await thief.send(new CreateBucketCommand({ Bucket: 'plain' }));
    await thief.send(new CreateBucketCommand({ Bucket: 'versioned' }));
    await thief.send(
      new PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration: { Status: 'Enabled' } }),
    );
  }, 120_000);
  afterAll(() => ceph?.stop(), 60_000);

  function clientOf(credentials: Ceph['vault']): S3Client {
    return new S3Client({
      endpoint: ceph.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
  }

  function bucket(more: Partial<S3Settings> = {}): Bucket {
    const { accessKeyId, secretAccessKey } = ceph.vault;
    return new Bucket(
      {
        endpoint: ceph.endpoint,
        region: 'us-east-1',
        bucket: 'locked',
        prefix: 'box',
        forcePathStyle: true,
        accessKeyId: Secret.fromText(accessKeyId),
        secretAccessKey: Secret.fromText(secretAccessKey),
        objectLock: 'compliance',
        retentionMs: 30 * DAY_MS,
        ...more,
      },
      { clock: systemClock },
    );
  }

  async function underTest(more: Partial<S3Settings>, retries = false) {
    const line = await cable(ceph.endpoint);
    const settings = { prefix: randomBytes(8).toString('hex'), endpoint: line.endpoint, ...more };
    const open = () => {
      const store = new S3Store(bucket(settings));
      return retries ? new RetryStore(store, hasty) : store;
    };
    return {
      store: open(),
      locks: settings.objectLock !== 'none',
      reopen: open,
      takeAway: () => line.cut(),
      cleanUp: () => line.cut(),
    };
  }
  storeContract('a locked bucket', () => underTest({}));
  storeContract('a locked bucket behind retries', () => underTest({}, true));
  storeContract('a bucket with versions and no locks', () => underTest({ bucket: 'versioned', objectLock: 'none' }));

  /** Every version there is. */
  async function versionsBelow(prefix: string) {
    const found: { Key: string; VersionId: string }[] = [];
    let KeyMarker: string | undefined;
    let VersionIdMarker: string | undefined;
    do {
      const page = await thief.send(
        new ListObjectVersionsCommand({ Bucket: 'locked', Prefix: prefix, KeyMarker, VersionIdMarker }),
      );
      for (const { Key, VersionId } of page.Versions ?? [])
        if (Key !== undefined && VersionId !== undefined) found.push({ Key, VersionId });
      KeyMarker = page.NextKeyMarker;
      VersionIdMarker = page.NextVersionIdMarker;
    } while (KeyMarker !== undefined);
    return found;
  }

  /** Uploads `key` in parts, with the headers of a lock; the id of the version. */
  async function uploadInParts(key: string, into = 'locked'): Promise<string | undefined> {
    const at = { Bucket: into, Key: key };
    const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(Date.now() + DAY_MS) } as const;
    const { UploadId } = await thief.send(new CreateMultipartUploadCommand({ ...at, ...lock }));
    const { ETag } = await thief.send(
      new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: Buffer.from('in parts') }),
    );
    const { VersionId } = await thief.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } }),
    );
    return VersionId;
  }

  it('keeps a committed snapshot from whoever has the credentials, and restores it from beneath what he left', async () => {
    const prefix = 'stolen';
    const open = () => new S3Store(bucket({ prefix }));
    const world = await World.create(open());
    try {
      const trees: Tree[] = [];
      for (const seed of [1, 2]) {
        const tree: Tree = { [`file${seed}`]: noise(300_000, seed), small: Buffer.from(`small ${seed}`) };
        trees.push(tree);
        await world.seal(tree);
        await world.ship();
      }
      const committed = await versionsBelow(`${prefix}/`);
      expect(committed.length).toBeGreaterThan(8);

      for (const { Key, VersionId } of committed) {
        const one = { Bucket: 'locked', Key, VersionId };
        const refused = [
          new DeleteObjectCommand(one),
          new DeleteObjectCommand({ ...one, BypassGovernanceRetention: true }),
          ...(['COMPLIANCE', 'GOVERNANCE'] as const).map(
            (Mode) =>
              new PutObjectRetentionCommand({
                ...one,
                Retention: { Mode, RetainUntilDate: new Date(Date.now() + DAY_MS) },
                BypassGovernanceRetention: true,
              }),
          ),
        ];
        for (const command of refused) {
          // The union of commands is more than the client's overloads can tell apart.
          const status = await thief.send(command as DeleteObjectCommand).then(
            () => 'done',
            (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode,
          );
          expect(status, `${command.constructor.name} of ${Key}`).toBe(403);
        }
      }
      await thief.send(new DeleteObjectsCommand({ Bucket: 'locked', Delete: { Objects: committed } })).catch(() => {});
      for (const command of [
        new PutBucketVersioningCommand({ Bucket: 'locked', VersioningConfiguration: { Status: 'Suspended' } }),
        new DeleteBucketCommand({ Bucket: 'locked' }),
      ]) {
        await expect(thief.send(command as DeleteBucketCommand)).rejects.toMatchObject({
          $metadata: { httpStatusCode: 409 },
        });
      }
      // A shorter default for what comes later changes nothing that is there, nor what is asked for by name.
      await thief
        .send(
          new PutObjectLockConfigurationCommand({
            Bucket: 'locked',
            ObjectLockConfiguration: {
              ObjectLockEnabled: 'Enabled',
              Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
            },
          }),
        )
        .catch(() => {});

      for (const Key of new Set(committed.map((version) => version.Key))) {
        await thief.send(new PutObjectCommand({ Bucket: 'locked', Key, Body: Buffer.from('overwritten') }));
        await uploadInParts(Key);
        await thief.send(new DeleteObjectCommand({ Bucket: 'locked', Key }));
      }
      const left = new Set((await versionsBelow(`${prefix}/`)).map(({ VersionId }) => VersionId));
      for (const { VersionId } of committed) expect(left.has(VersionId)).toBe(true);

      expect(await world.snapshots(open())).toHaveLength(2);
      for (const [index, tree] of trees.entries())
        expect(print((await world.restore(String(index + 1), '', open())).tree)).toEqual(print(tree));
      const { findings } = await verify({
        store: open(),
        verifyKey: world.verifyKey,
        key: world.key,
        readData: true,
      });
      expect(findings).toEqual([]);
      await world.seal({ third: noise(300_000, 3) });
      await world.ship(open());
      expect(await world.snapshots(open())).toHaveLength(3);
    } finally {
      await world.cleanUp();
    }
  }, 180_000);

  it('makes locks longer, beneath whatever lies on top, and never shorter', async () => {
    const store = new S3Store(bucket({ prefix: 'longer' }));
    await store.put('keys/one', Buffer.from('ours'));
    const [first] = await versionsBelow('longer/keys/one');
    await thief.send(new PutObjectCommand({ Bucket: 'locked', Key: 'longer/keys/one', Body: Buffer.from('on top') }));
    await thief.send(new DeleteObjectCommand({ Bucket: 'locked', Key: 'longer/keys/one' }));
    const later = Math.ceil((systemClock.wall() + 90 * DAY_MS) / DAY_MS) * DAY_MS;
    expect(await store.locks?.extend('keys/one', later)).toBe('extended');
    expect(await store.locks?.extend('keys/one', later)).toBe('enough');
    expect(await store.locks?.extend('keys/one', later - DAY_MS)).toBe('enough');
    expect(await store.locks?.extend('keys/none', later)).toBe('missing');
    const held = await bucket({ prefix: 'longer' }).head('longer/keys/one', first?.VersionId ?? '');
    expect(held).toMatchObject({ mode: 'COMPLIANCE' });
    expect((await store.get('keys/one')).toString()).toBe('ours');
  });

  it('drops the lock of an upload in parts, which is why there is none, and why it is no object', async () => {
    const version = await uploadInParts('box/keys/one', 'parts');
    expect(await bucket({ bucket: 'parts' }).head('box/keys/one', version ?? '')).toMatchObject({ mode: undefined });
    const store = new S3Store(bucket({ bucket: 'parts' }));
    expect(await store.size('keys/one')).toBeUndefined();
    await store.put('keys/one', Buffer.from('ours'));
    expect((await store.get('keys/one')).toString()).toBe('ours');
  });

  it('heeds no condition on a name and no SHA-256, and checks Content-MD5', async () => {
    const put = (more: Record<string, unknown>) =>
      thief.send(new PutObjectCommand({ Bucket: 'locked', Key: 'traps', Body: Buffer.from('x'), ...more }));
    await put({});
    await put({ IfNoneMatch: '*' });
    await put({ ChecksumSHA256: createHash('sha256').update('y').digest('base64') });
    const wrong = createHash('md5').update('y').digest('base64');
    await expect(put({ ContentMD5: wrong })).rejects.toMatchObject({ name: 'BadDigest' });
    expect(await versionsBelow('traps')).toHaveLength(3);
  });

  it('has locks that hold, as the canary finds, and buckets that have none', async () => {
    expect(await tryCanary(bucket())).toMatchObject({ kind: 'enforced' });
    for (const name of ['plain', 'versioned'])
      await expect(tryCanary(bucket({ bucket: name }))).rejects.toMatchObject({ code: 'store.unlocked' });
    expect(await tryCanary(bucket({ bucket: 'versioned', objectLock: 'none' }))).toMatchObject({ kind: 'advisory' });
  });

  it('says what is wrong in ways that are understood', async () => {
    const attempt = (more: Partial<S3Settings>) => new S3Store(bucket(more)).put('keys/wrong', Buffer.from('x'));
    const told = (code: string, what: string) => ({ code, what: expect.stringContaining(what) });
    await expect(attempt({ bucket: 'nowhere' })).rejects.toMatchObject(
      told('store.gone', 'there is no bucket nowhere'),
    );
    await expect(attempt({ accessKeyId: Secret.fromText('NOBODY') })).rejects.toMatchObject(
      told('store.refused', 'vault.store.accessKeyId'),
    );
    await expect(attempt({ secretAccessKey: Secret.fromText('wrong') })).rejects.toMatchObject(
      told('store.refused', 'vault.store.secretAccessKey'),
    );
    await expect(attempt({ bucket: 'versioned' })).rejects.toMatchObject(told('store.unlocked', 'takes no lock'));
    const small = clientOf(ceph.small);
    await small.send(new CreateBucketCommand({ Bucket: 'small', ObjectLockEnabledForBucket: true }));
    const store = new S3Store(
      bucket({
        bucket: 'small',
        accessKeyId: Secret.fromText(ceph.small.accessKeyId),
        secretAccessKey: Secret.fromText(ceph.small.secretAccessKey),
      }),
    );
    const fill = async () => {
      for (let index = 0; index < 5; index++) await store.put(`keys/${index}`, Buffer.from('x'));
    };
    await expect(fill()).rejects.toMatchObject(told('store.full', 'bucket small has no room left'));
    await expect(
      new S3Store(
        bucket({
          accessKeyId: Secret.fromText(ceph.small.accessKeyId),
          secretAccessKey: Secret.fromText(ceph.small.secretAccessKey),
        }),
      ).put('keys/x', Buffer.from('x')),
    ).rejects.toMatchObject(told('store.refused', 'does not let these credentials'));
  });
});
