import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { openSource } from '../../daemon/sources/open.ts';
import { PatientBucket } from '../../daemon/sources/s3-client.ts';
import { keyOfPath } from '../../daemon/sources/s3-keys.ts';
import { type RestorableObject, restoreObjects } from '../../daemon/sources/s3-restore.ts';
import { type Ceph, noCeph, startCeph } from '../store/ceph.ts';
import { never, pullAll, temporary } from './helpers.ts';

const reason = noCeph();
const KEYS = [
  'a',
  'a/b',
  'photos/2026/one two.jpg',
  '/leading',
  'a//b/',
  '../up',
  'naïve/😀',
  'tab\there',
  '\u0001',
  'k'.repeat(900),
];

describe.skipIf(reason !== undefined)(
  `a bucket of a real Ceph gateway${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    let ceph: Ceph;
    let admin: S3Client;
    beforeAll(async () => {
      ceph = await startCeph();
      admin = new S3Client({
        endpoint: ceph.endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: ceph.vault,
        requestChecksumCalculation: 'WHEN_REQUIRED',
      });
      for (const Bucket of ['origin', 'copy']) await admin.send(new CreateBucketCommand({ Bucket }));
      await admin.send(
        new PutBucketVersioningCommand({ Bucket: 'origin', VersioningConfiguration: { Status: 'Enabled' } }),
      );
      const rule = { ID: 'old', Status: 'Enabled' as const, Filter: { Prefix: 'x' }, Expiration: { Days: 30 } };
      await admin.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket: 'origin', LifecycleConfiguration: { Rules: [rule] } }),
      );
      for (const Key of KEYS)
        await admin.send(
          new PutObjectCommand({
            Bucket: 'origin',
            Key,
            Body: Buffer.from(`content of ${Key}`),
            ContentType: 'text/x',
            Metadata: { who: 'me' },
            Tagging: 'team=x%20y',
          }),
        );
      await admin.send(new PutObjectCommand({ Bucket: 'origin', Key: 'a', Body: Buffer.from('a newer one') }));
      await admin.send(new PutObjectAclCommand({ Bucket: 'origin', Key: 'a/b', ACL: 'public-read' }));
      await admin.send(new PutObjectCommand({ Bucket: 'origin', Key: 'gone', Body: Buffer.from('once') }));
      await admin.send(new DeleteObjectCommand({ Bucket: 'origin', Key: 'gone' }));
    }, 180_000);
    afterAll(() => ceph?.stop(), 60_000);

    const access = (bucket: string) => ({
      endpoint: ceph.endpoint,
      region: 'us-east-1',
      bucket,
      forcePathStyle: true,
      accessKeyId: Secret.fromText(ceph.vault.accessKeyId),
      secretAccessKey: Secret.fromText(ceph.vault.secretAccessKey),
    });

    it('is had whole, and put into another one, from which the same is had', async () => {
      const pull = async (bucket: string, versions: 'all' | 'current') =>
        pullAll(
          openSource(
            {
              ...access(bucket),
              kind: 's3',
              name: 'sample',
              prefix: '',
              versions,
              include: [],
              exclude: [],
              tags: true,
              acls: true,
            },
            { environment: {}, clock: systemClock, log: silentLog },
          ),
          await temporary(),
        );
      const all = await pull('origin', 'all');
      const texts = new Map(all.map(({ path, bytes }) => [Buffer.from(path, 'latin1').toString(), String(bytes)]));
      expect(all.filter(({ entry }) => entry.kind === 'problem' || ('problem' in entry && entry.problem))).toEqual([]);
      const objects = [...texts].filter(([path, text]) => path.startsWith('objects/') && text !== 'undefined');
      const byKey = new Map(objects.map(([path, text]) => [keyOfPath(path.slice('objects/'.length)), text]));
      expect([...byKey.keys()].sort()).toEqual([...KEYS].sort());
      expect(byKey.get('a')).toBe('a newer one');
      expect(byKey.get('../up')).toBe('content of ../up');
      const about = (path: string) => JSON.parse(texts.get(path) ?? '{}');
      expect(about('metadata/a/b')).toMatchObject({
        tags: [{ Key: 'team', Value: 'x y' }],
        head: { Metadata: { who: 'me' } },
      });
      expect(JSON.stringify(about('metadata/a/b').acl.grants)).toContain('AllUsers');
      const older = [...texts].filter(([path, text]) => path.startsWith('versions/') && text !== 'undefined');
      expect(older.map(([, text]) => text).sort()).toEqual(['content of a', 'once']);
      expect(
        [...texts].filter(([path, text]) => path.startsWith('versions-metadata/') && /"marker":true/.test(text)),
      ).toHaveLength(1);
      expect(about('configuration/versioning.json')).toMatchObject({ Status: 'Enabled' });
      expect(about('configuration/lifecycle.json').Rules).toHaveLength(1);

      async function* saved(): AsyncGenerator<RestorableObject> {
        for (const [path, text] of objects) {
          const metadata = texts.get(path.replace(/^objects/, 'metadata'));
          async function* open() {
            yield Buffer.from(text);
          }
          yield { key: keyOfPath(path.slice('objects/'.length)), size: Buffer.byteLength(text), metadata, open };
        }
      }
      const restore = async () => {
        const bucket = new PatientBucket(access('copy'), { subject: 'Restore', clock: systemClock, signal: never });
        const fates: string[] = [];
        for await (const { fate } of restoreObjects(bucket, saved(), { apply: true, overwrite: false }))
          fates.push(fate.kind);
        return fates;
      };
      expect(await restore()).toEqual(objects.map(() => 'made'));
      expect(await restore()).toEqual(objects.map(() => 'same'));
      const copied = await pull('copy', 'current');
      const again = new Map(copied.map(({ path, bytes }) => [Buffer.from(path, 'latin1').toString(), String(bytes)]));
      for (const [path, text] of objects) expect(again.get(path), path).toBe(text);
      expect(JSON.parse(again.get('metadata/a/b') ?? '')).toMatchObject({ tags: [{ Key: 'team', Value: 'x y' }] });
    }, 120_000);
  },
);
