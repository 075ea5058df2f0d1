import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { ContentLost, type Entry } from '../../daemon/base/entry.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { openSource } from '../../daemon/sources/open.ts';
import { keyOfPath } from '../../daemon/sources/s3-keys.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { SeenFiles } from '../../daemon/vault/seen-files.ts';
import { World } from '../vault/world.ts';
import { contract } from './contract.ts';
import { type Disturbed, FakeBucket } from './fake-bucket.ts';
import { never, pullAll, temporary } from './helpers.ts';

const hasty: Clock = { ...systemClock, after: (_, run) => systemClock.after(0, run) };

const fakes: FakeBucket[] = [];
async function fakeBucket(): Promise<FakeBucket> {
  const fake = new FakeBucket();
  await fake.start();
  fakes.push(fake);
  return fake;
}
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.stop();
});

function sourceOf(fake: FakeBucket, more: object = {}, clock: Clock = hasty): Source {
  return openSource({ ...fake.settings, ...more }, { environment: {}, clock, log: silentLog });
}

function sample(fake: FakeBucket): void {
  fake.put('a', 'key and folder', {
    tags: { team: 'x' },
    headers: { 'content-type': 'text/x', 'x-amz-meta-who': 'me' },
  });
  fake.put('a/b', 'below', { grants: '<Grant><Permission>READ</Permission></Grant>' });
  fake.put('a.txt', 'beside');
  fake.put('/leading//twice/', 'strange');
  fake.put('../../etc/passwd', 'harmless');
  fake.put('large', Buffer.alloc(3_000_000, 'large'));
  fake.configuration.set('versioning', '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
  fake.configuration.set('policy', '{"Version":"2012-10-17"}');
}

contract('s3', async () => {
  const fake = await fakeBucket();
  sample(fake);
  return {
    source: sourceOf(fake),
    vanish: async () => {
      fake.exists = false;
    },
    change: async () => {
      fake.put('a/b', 'under');
      return ['metadata/a/b', 'objects/a/b'];
    },
    // Of one object the tags: what it is itself is there all the same.
    spoil: async () => {
      fake.disturb = ({ what, key }) =>
        what === 'tagging' && key === 'a.txt' ? { status: 403, code: 'AccessDenied' } : undefined;
      return 'metadata/a.txt';
    },
    secret: fake.secretAccessKey,
    logged: () => [],
  };
}, ['change', 'part', 'secret']);

describe('a bucket', () => {
  let fake: FakeBucket;
  let workdir: string;
  beforeEach(async () => {
    fake = await fakeBucket();
    sample(fake);
    workdir = await temporary();
  });

  /** Everything with its problems: a content that is lost is one. */
  async function read(source = sourceOf(fake)) {
    const { entries, facts } = await source.pull({ workdir, signal: never });
    const files = new Map<string, string>();
    const problems = new Map<string, string>();
    for await (const entry of entries) {
      const path = entry.path.toString();
      if (entry.kind === 'problem') problems.set(path, entry.reason);
      if ('problem' in entry && entry.problem !== undefined) problems.set(path, entry.problem);
      if (entry.kind !== 'file' || entry.content.from !== 'stream') continue;
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of entry.content.open()) chunks.push(Buffer.from(chunk));
        files.set(path, Buffer.concat(chunks).toString());
      } catch (error) {
        if (!(error instanceof ContentLost)) throw error;
        problems.set(path, error.message);
      }
    }
    return { files, problems, facts };
  }

  it('is had whole: keys that are no paths, metadata, tags, grants, and how it is set up', async () => {
    const { files, problems, facts } = await read();
    expect(problems).toEqual(new Map());
    const objects = [...files].filter(([path]) => path.startsWith('objects/'));
    const byKey = new Map(objects.map(([path, text]) => [keyOfPath(path.slice('objects/'.length)), text]));
    expect(byKey).toEqual(new Map([...fake.keys].map(([key, versions]) => [key, versions.at(-1)?.bytes.toString()])));
    expect(files.get('objects/a/%+')).toBe('key and folder');
    const metadata = JSON.parse(files.get('metadata/a/%+') ?? '');
    expect(metadata).toMatchObject({ key: 'a', tags: [{ Key: 'team', Value: 'x' }], acl: { owner: 'owner' } });
    expect(metadata.head).toMatchObject({ ContentType: 'text/x', Metadata: { who: 'me' } });
    expect(JSON.parse(files.get('metadata/a/b') ?? '').acl.grants).toEqual([{ Permission: 'READ' }]);
    expect([...files.keys()].filter((path) => path.startsWith('configuration/'))).toEqual([
      'configuration/acl.json',
      'configuration/policy.json',
      'configuration/versioning.json',
    ]);
    expect(facts).toMatchObject({ bucket: 'photos', objects: 6, versions: 'current' });
  });

  it('is had with its older versions and delete markers', async () => {
    fake.pageSize = 2;
    fake.put('a', 'a newer one');
    fake.put('gone', 'once', { mtimeMs: 1_600_000_000_000 });
    fake.put('gone', '', { marker: true, mtimeMs: 1_700_000_500_000 });
    const { files, problems, facts } = await read(sourceOf(fake, { versions: 'all' }));
    expect(problems).toEqual(new Map());
    expect(files.get('objects/a/%+')).toBe('a newer one');
    expect(files.has('objects/gone')).toBe(false);
    const older = [...files].filter(([path]) => path.startsWith('versions/')).map(([path, text]) => [path, text]);
    expect(older).toEqual([
      ['versions/a/%+2023-11-14T221321.000Z~v1', 'key and folder'],
      ['versions/gone/%+2020-09-13T122640.000Z~v8', 'once'],
    ]);
    const marker = files.get('versions-metadata/gone/%+2023-11-14T222140.000Z~v9') ?? '';
    expect(JSON.parse(marker)).toMatchObject({ key: 'gone', marker: true, version: 'v9' });
    expect(facts).toMatchObject({ olderVersions: 3 });
  });

  it('comes in tree order, whatever its keys, in runs of a few', async () => {
    const keys = [
      'b',
      'b!',
      'b/ x',
      'b/y',
      'b/y/',
      'b0',
      'b-',
      'z'.repeat(600),
      `${'z'.repeat(600)}/q`,
      '\u2028',
      '\u0001',
    ];
    for (const key of keys) fake.put(key, key);
    fake.pageSize = 3;
    const { comparePaths } = await import('../../daemon/vault/paths.ts');
    const all = await pullAll(sourceOf(fake), workdir);
    const paths = all.map(({ path }) => Buffer.from(path, 'latin1'));
    expect(paths).toEqual([...paths].sort(comparePaths));
    const found = all.flatMap(({ path, entry }) =>
      entry.kind === 'file' && path.startsWith('objects/')
        ? [keyOfPath(Buffer.from(path, 'latin1').toString().slice(8))]
        : [],
    );
    expect(found.sort()).toEqual([...fake.keys.keys()].map((key) => Buffer.from(key, 'latin1').toString()).sort());
  });

  it('is chosen from by prefix and patterns', async () => {
    const keys = async (more: object) =>
      [...(await read(sourceOf(fake, more))).files.keys()].filter((path) => path.startsWith('objects/'));
    expect(await keys({ prefix: 'a' })).toEqual(['objects/a/%+', 'objects/a/b', 'objects/a.txt']);
    expect(await keys({ include: ['a*'], exclude: ['*.txt'] })).toEqual(['objects/a']);
  });

  it.each<[string, Disturbed, string, RegExp]>([
    ['the object', { status: 403, code: 'AccessDenied' }, 'GetObject', /allow s3:GetObject .*kms:Decrypt/],
    ['an archived object', { status: 403, code: 'InvalidObjectState' }, 'GetObject', /archived/],
    ['an object that was deleted', { status: 404, code: 'NoSuchKey' }, 'GetObject', /deleted between/],
    ['an object that changed', { status: 412, code: 'PreconditionFailed' }, 'GetObject', /changed while/],
  ])('names %s as a problem and has the rest', async (_, disturbed, what, reason) => {
    let fired = 0;
    fake.disturb = (asked) => {
      if (asked.what !== what || asked.key !== 'a.txt') return undefined;
      fired++;
      return disturbed;
    };
    const { files, problems } = await read();
    expect(fired).toBe(1);
    expect([...problems.keys()]).toEqual(['objects/a.txt']);
    expect(problems.get('objects/a.txt')).toMatch(reason);
    expect(files.get('objects/a/b')).toBe('below');
  });

  it('names the permission for tags and grants once when it is missing, and asks no more', async () => {
    fake.disturb = ({ what, key }) =>
      (what === 'tagging' || what === 'acl') && key !== '' ? { status: 403, code: 'AccessDenied' } : undefined;
    const { files, problems } = await read();
    expect([...problems.keys()]).toEqual(['metadata']);
    expect(problems.get('metadata')).toMatch(/s3:GetObjectTagging.*s3:GetObjectAcl/);
    expect(fake.requests.filter((one) => one.startsWith('tagging ') && one !== 'tagging ')).toHaveLength(1);
    expect(JSON.parse(files.get('metadata/a/%+') ?? '').head.Metadata).toEqual({ who: 'me' });
  });

  it('names the permission for one object, and for a document of the bucket', async () => {
    fake.disturb = ({ what, key }) =>
      (what === 'tagging' && key === 'a.txt') || what === 'policy' ? { status: 403, code: 'AccessDenied' } : undefined;
    const { problems } = await read();
    expect(problems.get('configuration/policy.json')).toMatch(/s3:GetBucketPolicy/);
    expect(problems.get('metadata/a.txt')).toMatch(/s3:GetObjectTagging/);
    expect(problems.size).toBe(2);
  });

  it.each<[string, Disturbed, RegExp]>([
    ['credentials have expired', { status: 400, code: 'ExpiredToken' }, /have expired: renew/],
    ['the key is unknown', { status: 403, code: 'InvalidAccessKeyId' }, /does not know the access key/],
    ['the secret is wrong', { status: 403, code: 'SignatureDoesNotMatch' }, /does not belong/],
    ['the list is denied', { status: 403, code: 'AccessDenied' }, /has to allow s3:ListBucket/],
    ['the bucket is elsewhere', { status: 301, code: 'PermanentRedirect' }, /another region/],
  ])('fails as a whole when %s', async (_, disturbed, what) => {
    fake.disturb = () => disturbed;
    await expect(read()).rejects.toMatchObject({ code: 'source.failed', what: expect.stringMatching(what) });
  });

  it('fails as a whole when the bucket or the credentials go while objects are read', async () => {
    for (const code of ['NoSuchBucket', 'ExpiredToken']) {
      fake.disturb = ({ what }) => (what === 'GetObject' ? { status: 404, code } : undefined);
      await expect(read()).rejects.toMatchObject({ code: 'source.failed' });
    }
  });

  it('is patient with a server that is busy, gives up in the end, and fails then', async () => {
    const asked = new Map<string, number>();
    fake.disturb = ({ what, key }) => {
      const times = (asked.get(`${what} ${key}`) ?? 0) + 1;
      asked.set(`${what} ${key}`, times);
      return times % 4 === 0 ? undefined : { status: 503, code: 'SlowDown' };
    };
    expect((await read()).problems).toEqual(new Map());
    expect([...asked.values()].every((times) => times % 4 === 0)).toBe(true);
    fake.disturb = () => ({ status: 503, code: 'SlowDown' });
    await expect(read()).rejects.toMatchObject({ code: 'source.failed', what: expect.stringMatching(/503 SlowDown/) });
  });

  it('takes up an object where its connection broke', async () => {
    let cut = 0;
    fake.disturb = ({ what, key }) => (what === 'GetObject' && key === 'large' && ++cut <= 2 ? 'half' : undefined);
    const { files, problems } = await read();
    expect(problems).toEqual(new Map());
    expect(cut).toBe(3);
    const hash = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(hash(files.get('objects/large') ?? '')).toBe(hash(Buffer.alloc(3_000_000, 'large')));
  });

  it('does not take other bytes for an object: wrong MD5, wrong checksum', async () => {
    fake.put('md5', 'right', { etag: `"${'0'.repeat(32)}"` });
    fake.put('parts', 'of parts', { etag: `"${'0'.repeat(32)}-2"` });
    fake.put('kms', 'by KMS', { etag: `"${'0'.repeat(32)}"`, headers: { 'x-amz-server-side-encryption': 'aws:kms' } });
    const sha256 = createHash('sha256').update('other').digest('base64');
    fake.put('sum', 'sum', { headers: { 'x-amz-checksum-sha256': sha256, 'x-amz-checksum-type': 'FULL_OBJECT' } });
    const { files, problems } = await read();
    expect([...problems.keys()]).toEqual(['objects/md5', 'objects/sum']);
    expect(problems.get('objects/md5')).toMatch(/MD5/);
    expect(problems.get('objects/sum')).toMatch(/checksum/);
    expect(files.get('objects/parts')).toBe('of parts');
    expect(files.get('objects/kms')).toBe('by KMS');
  });

  it('ends when the server says that there is more and does not go on', async () => {
    fake.endless = true;
    await expect(read()).rejects.toMatchObject({ what: expect.stringMatching(/does not go on/) });
  });

  it('stops at once at a trip, in the middle of an answer and while it waits for a busy server', async () => {
    for (const disturbed of ['hang', { status: 503, code: 'SlowDown' }] as const) {
      const stop = new AbortController();
      fake.disturb = ({ what }) => (what === 'HeadObject' ? disturbed : undefined);
      fake.before = ({ what }) => void (what === 'HeadObject' && queueMicrotask(() => stop.abort()));
      const still: Clock = { ...systemClock, after: () => () => {} };
      const { entries } = await sourceOf(fake, {}, still).pull({ workdir, signal: stop.signal });
      const reading = (async () => {
        for await (const entry of entries)
          if (entry.kind === 'file' && entry.content.from === 'stream') for await (const _ of entry.content.open());
      })();
      await expect(reading).rejects.toMatchObject({ code: 'source.stopped' });
    }
  });

  it('keeps no content and no secret in its folder', async () => {
    await read();
    for (const file of await readdir(workdir, { recursive: true, withFileTypes: true })) {
      const text = file.isFile() ? await readFile(join(file.parentPath, file.name), 'latin1') : '';
      for (const secret of ['TELLTALE', 'key and folder', 'harmless']) expect(text).not.toContain(secret);
    }
  });

  it('takes credentials with a session token', async () => {
    const { problems } = await read(sourceOf(fake, { sessionToken: Secret.fromText('TELLTALE-token') }));
    expect(problems).toEqual(new Map());
    expect(fake.tokens).toEqual(new Set(['TELLTALE-token']));
  });

  it('starts over with a listing that is torn or another bucket’s', async () => {
    await read();
    await writeFile(join(workdir, 'listing', 'listing.json'), '{"of":"x"');
    expect((await read()).files.get('objects/a/b')).toBe('below');
  });
});

describe('a bucket that is sealed again', () => {
  let world: World;
  let fake: FakeBucket;
  let workdir: string;
  beforeEach(async () => {
    world = await World.create();
    fake = await fakeBucket();
    workdir = await temporary();
  });
  afterEach(() => world.cleanUp());

  async function seal(
    memory = 'seen',
    more: object = {},
  ): Promise<{ gets: number; heads: number; problems: readonly string[] }> {
    fake.requests.length = 0;
    const { entries } = await sourceOf(fake, more).pull({ workdir, signal: never });
    const path = join(world.folder, memory);
    const seen = new SeenFiles(() => 0, { path, secret: world.secrets.sealing.reveal(), vaultId: world.vaultId });
    const { problems } = await world.seal(entries as AsyncIterable<Entry>, { seen });
    await world.ship();
    return { gets: fake.count('GetObject'), heads: fake.count('HeadObject'), problems };
  }

  it('is asked for nothing that it has: of a thousand objects none', async () => {
    for (let at = 0; at < 1000; at++) fake.put(`${at % 10}/object ${at}`, `content ${at}`);
    // Two requests an object that are none for its bytes.
    const more = { tags: false, acls: false };
    expect(await seal('seen', more)).toEqual({ gets: 1000, heads: 1000, problems: [] });
    expect(await seal('seen', more)).toEqual({ gets: 0, heads: 0, problems: [] });
    const { tree } = await world.restore('2');
    for (let at = 0; at < 1000; at++) expect(String(tree[`objects/${at % 10}/object ${at}`])).toBe(`content ${at}`);
  }, 240_000);

  it('is asked for what has changed, whatever its size and time say, and without a memory for all', async () => {
    for (let at = 0; at < 30; at++) fake.put(`${at % 10}/object ${at}`, `content ${at}`);
    expect(await seal()).toEqual({ gets: 30, heads: 30, problems: [] });
    const [before] = fake.keys.get('3/object 3') ?? [];
    // As long as before, and of the same time: only its ETag is another.
    fake.put('3/object 3', 'CONTENT 3', { mtimeMs: before?.mtimeMs ?? 0 });
    const [tagged] = fake.keys.get('4/object 4') ?? [];
    if (tagged !== undefined) tagged.tags = { new: 'tag' };
    fake.put('new', 'new');
    fake.keys.delete('5/object 5');
    expect(await seal()).toEqual({ gets: 2, heads: 3, problems: [] });
    const { tree } = await world.restore('2');
    expect(String(tree['objects/3/object 3'])).toBe('CONTENT 3');
    expect(String(tree['objects/9/object 9'])).toBe('content 9');
    expect(tree['objects/5/object 5']).toBeUndefined();
    expect(JSON.parse(String(tree['metadata/4/object 4'])).tags).toEqual([{ Key: 'new', Value: 'tag' }]);
    expect((await seal('lost')).gets).toBe(30);
  }, 60_000);

  it('is asked again for what was lost', async () => {
    sample(fake);
    fake.disturb = ({ what, key }) =>
      what === 'GetObject' && key === 'a.txt' ? { status: 403, code: 'AccessDenied' } : undefined;
    expect((await seal()).problems).toEqual([expect.stringMatching(/^objects\/a.txt: .*s3:GetObject/)]);
    fake.disturb = () => undefined;
    expect(await seal()).toEqual({ gets: 1, heads: 0, problems: [] });
  });
});
