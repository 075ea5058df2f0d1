import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { PatientBucket } from '../../daemon/sources/s3-client.ts';
import { type RestorableObject, restoreObjects } from '../../daemon/sources/s3-restore.ts';
import { FakeBucket } from './fake-bucket.ts';
import { never } from './helpers.ts';

describe('objects put back into a bucket', () => {
  let fake: FakeBucket;
  beforeEach(async () => {
    fake = new FakeBucket();
    await fake.start();
  });
  afterEach(() => fake.stop());

  const about = (who: string, tags: object[] = []) =>
    JSON.stringify({
      head: { ContentType: 'text/x', CacheControl: 'no-cache', Metadata: { who } },
      tags,
      acl: { grants: [{}, {}] },
    });
  const objects: [string, string, string | undefined][] = [
    ['a', 'one', about('me', [{ Key: 'team', Value: 'x y' }])],
    ['a/b//../c', 'two', about('you')],
    ['empty', '', undefined],
  ];

  async function* saved(list = objects): AsyncGenerator<RestorableObject> {
    for (const [key, text, metadata] of list) {
      async function* open() {
        for (const character of text) yield Buffer.from(character);
      }
      yield { key, size: text.length, metadata, open };
    }
  }

  async function restore(apply: boolean, overwrite = false, list = objects) {
    const bucket = new PatientBucket(fake.settings, { subject: 'Restore', clock: systemClock, signal: never });
    const reports = [];
    for await (const report of restoreObjects(bucket, saved(list), { apply, overwrite })) reports.push(report);
    bucket.close();
    return reports;
  }
  const fates = (reports: Awaited<ReturnType<typeof restore>>) => reports.map(({ fate }) => fate.kind);

  it('are looked at in a dry run, put there with headers, metadata and tags, and not sent again', async () => {
    expect(fates(await restore(false))).toEqual(['made', 'made', 'made']);
    expect(fake.count('PutObject')).toBe(0);
    const [first] = await restore(true);
    expect(first?.missing).toEqual(['its grants, which name accounts']);
    expect(fake.count('PutObject')).toBe(3);
    for (const [key, text] of objects) expect(String(fake.keys.get(key)?.at(-1)?.bytes)).toBe(text);
    expect(fake.keys.get('a')?.at(-1)).toMatchObject({
      headers: { 'content-type': 'text/x', 'cache-control': 'no-cache', 'x-amz-meta-who': 'me' },
      tags: { team: 'x y' },
    });
    expect(fates(await restore(true))).toEqual(['same', 'same', 'same']);
    expect(fake.count('PutObject')).toBe(3);
  });

  it('go on where a run was cut short, and set what tags are missing', async () => {
    await restore(true, false, objects.slice(0, 2));
    const [stored] = fake.keys.get('a') ?? [];
    if (stored !== undefined) stored.tags = {};
    expect(fates(await restore(true))).toEqual(['tagged', 'same', 'made']);
    expect(fake.keys.get('a')?.at(-1)?.tags).toEqual({ team: 'x y' });
  });

  it('take no other object’s place unless told to', async () => {
    fake.put('a', 'another');
    fake.put('a/b//../c', 'two', { headers: { 'x-amz-meta-who': 'somebody else' } });
    const reports = await restore(true);
    expect(fates(reports)).toEqual(['other', 'other', 'made']);
    expect(reports[1]?.fate).toMatchObject({ why: 'it is there with other user metadata' });
    expect(String(fake.keys.get('a')?.at(-1)?.bytes)).toBe('another');
    expect(fates(await restore(true, true))).toEqual(['made', 'made', 'same']);
    expect(String(fake.keys.get('a')?.at(-1)?.bytes)).toBe('one');
  });

  it('name what one of them lacks, and go on', async () => {
    fake.disturb = ({ what, key }) =>
      what === 'PutObject' && key === 'a' ? { status: 403, code: 'AccessDenied' } : undefined;
    const reports = await restore(true);
    expect(fates(reports)).toEqual(['failed', 'made', 'made']);
    expect(reports[0]?.fate).toMatchObject({ why: expect.stringMatching(/s3:PutObject/) });
    // HEAD has no body to name the error in: what is put tells.
    fake.disturb = ({ what }) => (what === 'PutObject' ? { status: 404, code: 'NoSuchBucket' } : undefined);
    await expect(restore(true, true)).rejects.toMatchObject({ code: 'source.failed' });
  });
});
