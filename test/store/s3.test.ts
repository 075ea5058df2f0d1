import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { RetryStore } from '../../daemon/store/retry.ts';
import { S3Store } from '../../daemon/store/s3.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { storeContract } from './contract.ts';
import { type Disturbance, FakeS3 } from './fake-s3.ts';
import { bucketAt, DAY_MS, hasty, listed, storeAt } from './s3-helpers.ts';

async function underTest(
  wrap: (store: S3Store) => Store & Remover,
  options: { prefix?: string; pageSize?: number } = {},
) {
  const server = new FakeS3();
  await server.start();
  server.pageSize = options.pageSize ?? 1000;
  const open = () => wrap(storeAt(server, options.prefix === undefined ? {} : { prefix: options.prefix }));
  return {
    store: open(),
    locks: true,
    reopen: open,
    takeAway: () => server.stop(),
    cleanUp: () => server.stop().catch(() => {}),
  };
}

storeContract('a bucket', () => underTest((store) => store));
storeContract('a whole bucket, listed one by one', () => underTest((store) => store, { prefix: '', pageSize: 1 }));
storeContract('a bucket behind retries', () => underTest((store) => new RetryStore(store, hasty)));
storeContract('a bucket that is removed', async () => {
  const server = new FakeS3();
  await server.start();
  return {
    store: storeAt(server),
    locks: true,
    reopen: () => storeAt(server),
    takeAway: async () => {
      server.exists = false;
    },
    cleanUp: () => server.stop(),
  };
});

describe('a store in a bucket', () => {
  let server: FakeS3;
  let store: S3Store;
  beforeEach(async () => {
    server = new FakeS3();
    await server.start();
    store = storeAt(server);
  });
  afterEach(() => server.stop());

  const versionsOf = (name: string) => server.versions.get(`box/${name}`) ?? [];

  it('locks every object in compliance mode, for whole days and not less than asked', async () => {
    await store.put('keys/one', Buffer.from('one'));
    const [version] = versionsOf('keys/one');
    expect(version?.lock?.mode).toBe('COMPLIANCE');
    const until = version?.lock?.until ?? 0;
    expect(until % DAY_MS).toBe(0);
    expect(until - systemClock.wall()).toBeGreaterThan(45 * DAY_MS - 60_000);
    expect(until - systemClock.wall()).toBeLessThanOrEqual(60 * DAY_MS);
  });

  it.each([
    ['forgets locks', { forgetsLocks: true }, 'store.unlocked', 'not locked in compliance mode'],
    ['locks for a shorter time', { locksShort: true }, 'store.unlocked', 'locked only until'],
    ['acknowledges and forgets', { forgetsObjects: true }, 'store.failed', 'acknowledged and is not there'],
  ])('does not take the word of a server that %s', async (_, character, code, what) => {
    server.character = character;
    await expect(store.put('keys/one', Buffer.from('one'))).rejects.toMatchObject({
      code,
      what: expect.stringContaining(what),
    });
  });

  it('refuses a bucket without versions, and one that takes no locks, and says which', async () => {
    server.locks = false;
    await expect(store.put('keys/one', Buffer.from('one'))).rejects.toMatchObject({
      code: 'store.unlocked',
      what: 'Writing box/keys/one failed: bucket vault takes no lock (InvalidRequest), as one that was made without Object Lock.',
    });
    server.versioning = false;
    for (const objectLock of ['none', 'compliance'] as const) {
      const other = storeAt(server, { objectLock });
      await expect(other.put('keys/one', Buffer.from('one'))).rejects.toMatchObject({ code: 'store.unlocked' });
      await expect(other.settle()).rejects.toMatchObject({ code: 'store.unlocked' });
    }
    expect(server.versions.size).toBe(0);
  });

  it('finds what it wrote under whatever an attacker with its credentials puts on top', async () => {
    const content = Buffer.from('the original');
    await store.put('keys/one', content);
    await store.put('keys/two', Buffer.from('2'));
    for (const name of ['keys/one', 'keys/two']) {
      server.add(`box/${name}`, Buffer.from('overwritten'), undefined);
      server.add(`box/${name}`, Buffer.from('overwritten and locked'), {
        mode: 'COMPLIANCE',
        until: Date.now() + DAY_MS,
      });
      server.add(`box/${name}`, Buffer.alloc(0), undefined, false, true);
    }
    for (const one of [store, storeAt(server)]) {
      expect(await one.get('keys/one')).toEqual(content);
      expect(await one.get('keys/one', { offset: 4, length: 8 })).toEqual(Buffer.from('original'));
      expect(await one.size('keys/one')).toBe(content.length);
      expect(await listed(one, 'keys')).toEqual({ 'keys/one': content.length, 'keys/two': 1 });
      await expect(one.put('keys/one', content)).rejects.toMatchObject({ code: 'store.exists' });
    }
  });

  it('does not take for an object what came first and is not locked', async () => {
    server.add('box/keys/one', Buffer.from('squatting'), undefined);
    expect(await store.size('keys/one')).toBeUndefined();
    await expect(store.get('keys/one')).rejects.toMatchObject({
      code: 'store.missing',
      what: 'Reading keys/one failed: bucket vault holds it 1 times, and never locked.',
    });
    await store.put('keys/one', Buffer.from('ours'));
    for (const one of [store, storeAt(server)]) {
      expect((await one.get('keys/one')).toString()).toBe('ours');
      expect(await listed(one, 'keys')).toEqual({ 'keys/one': 4 });
    }
  });

  it('forgets where an object was once it is deleted, and finds what is left', async () => {
    await store.put('keys/one', Buffer.from('first'));
    server.versions.set('box/keys/one', []);
    expect(await store.size('keys/one')).toBeUndefined();
    await expect(store.get('keys/one')).rejects.toMatchObject({ code: 'store.missing' });
  });

  it('of many puts of one name at once lets one win, and everybody sees which', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => storeAt(server).put('keys/race', Buffer.from(`writer ${index}`))),
    );
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect((await store.get('keys/race')).toString()).toBe(`writer ${winners[0]}`);
  });

  it('is not confused by keys that begin like another, or that no XML can hold', async () => {
    await store.put('keys/one', Buffer.from('1'));
    await store.put('keys/one1', Buffer.from('22'));
    server.add('box/keys/one\u0001 +%&<', Buffer.from('333'), undefined);
    server.pageSize = 1;
    expect(await listed(store, 'keys')).toEqual({ 'keys/one': 1, 'keys/one1': 2, 'keys/one\u0001 +%&<': 3 });
    expect(await storeAt(server).size('keys/one')).toBe(1);
    expect(await storeAt(server).size('keys/on')).toBeUndefined();
  });

  it('uses no lock where none is asked for, and still keeps the first version', async () => {
    server.locks = false;
    const plain = storeAt(server, { objectLock: 'none' });
    await plain.put('keys/one', Buffer.from('first'));
    server.add('box/keys/one', Buffer.from('overwritten'), undefined);
    expect((await plain.get('keys/one')).toString()).toBe('first');
    await expect(plain.put('keys/one', Buffer.from('second'))).rejects.toMatchObject({ code: 'store.exists' });
  });

  it('reads ranges also where the server knows none', async () => {
    await store.put('keys/one', Buffer.from('0123456789'));
    server.character = { knowsNoRanges: true };
    expect((await store.get('keys/one', { offset: 3, length: 4 })).toString()).toBe('3456');
    expect(await store.get('keys/one', { offset: 30, length: 4 })).toHaveLength(0);
    expect(await store.get('keys/one', { offset: 3, length: 0 })).toHaveLength(0);
  });

  it('does not take a part for the whole', async () => {
    await store.put('keys/one', Buffer.from('0123456789'));
    server.character = { losesBytes: true };
    await expect(store.get('keys/one')).rejects.toMatchObject({
      code: 'store.failed',
      what: 'Reading keys/one failed: 9 bytes came instead of 10.',
    });
  });

  it('sends each object in one request whose bytes the server checks', async () => {
    await store.put('packs/ab/abc', Buffer.alloc(9 << 20, 7));
    expect(server.requests.filter((request) => request.startsWith('PUT'))).toEqual(['PUT box/packs/ab/abc']);
    expect(server.requests.filter((request) => request.startsWith('POST'))).toEqual([]);
  });

  it('looks an object up once, however many of its parts are read', async () => {
    await store.put('packs/ab/abc', Buffer.alloc(1000, 7));
    server.requests.length = 0;
    const reader = storeAt(server);
    for (let part = 0; part < 10; part++) await reader.get('packs/ab/abc', { offset: part * 100, length: 100 });
    expect(server.requests).toHaveLength(12);
  });

  const fault = (status: number, code: string): Disturbance => ({ status, code });
  it.each([
    ['there is no such bucket', fault(404, 'NoSuchBucket'), 'store.gone', 'there is no bucket vault at'],
    ['the line is cut', 'cut' as const, 'store.gone', 'cannot be reached'],
    ['the access key is unknown', fault(403, 'InvalidAccessKeyId'), 'store.refused', 'vault.store.accessKeyId'],
    ['the secret is wrong', fault(403, 'SignatureDoesNotMatch'), 'store.refused', 'vault.store.secretAccessKey'],
    ['the clocks differ', fault(403, 'RequestTimeTooSkewed'), 'store.refused', '15 minutes apart'],
    ['the policy forbids it', fault(403, 'AccessDenied'), 'store.refused', 'does not let these credentials'],
    ['it is another region', fault(301, 'PermanentRedirect'), 'store.refused', 'region us-east-1'],
    ['the quota is used up', fault(403, 'QuotaExceeded'), 'store.full', 'bucket vault has no room left'],
    ['the disks are full', fault(507, 'InsufficientStorage'), 'store.full', 'bucket vault has no room left'],
    ['it asks for patience', fault(503, 'SlowDown'), 'store.busy', 'cannot do it now (503 SlowDown)'],
    ['it fails inside', fault(500, 'InternalError'), 'store.busy', 'cannot do it now (500 InternalError)'],
    ['bytes arrive garbled', fault(400, 'BadDigest'), 'store.busy', 'other bytes arrived'],
    ['it says what nobody knows', fault(418, 'Teapot'), 'store.refused', 'answered 418 Teapot'],
  ])('says so when %s, in every operation, and gives nothing away', async (_, disturbance, code, what) => {
    await store.put('keys/one', Buffer.from('one'));
    server.disturb = () => disturbance;
    const fresh = storeAt(server);
    for (const attempt of [
      () => fresh.put('keys/two', Buffer.from('two')),
      () => fresh.get('keys/one'),
      () => fresh.size('keys/one'),
      () => fresh.settle(),
      () => listed(fresh, 'keys'),
    ]) {
      const error = await attempt().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code, what: expect.stringContaining(what) });
      expect(String(error)).not.toContain('a secret nobody may see');
    }
  });

  it('keeps every promise whichever request is cut off, before the server acts or after', async () => {
    for (const how of ['cut', 'cut after'] as const) {
      let fired = 0;
      for (let nth = 1; ; nth++) {
        const name = `keys/${how.replace(' ', '-')}${nth}`;
        let requests = 0;
        let cut = false;
        server.disturb = () => {
          if (++requests !== nth) return undefined;
          cut = true;
          return how;
        };
        const failed = await storeAt(server)
          .put(name, Buffer.from(name))
          .then(
            () => undefined,
            (error: unknown) => error,
          );
        server.disturb = () => undefined;
        if (!cut) {
          expect(failed).toBeUndefined();
          break;
        }
        fired++;
        expect(failed).toMatchObject({ code: 'store.gone' });
        const size = await store.size(name);
        if (size === undefined) await store.put(name, Buffer.from(name));
        expect((await storeAt(server).get(name)).toString()).toBe(name);
      }
      expect(fired).toBeGreaterThanOrEqual(5);
    }
  });

  it('gives up on a server that does not answer, and on one that stops in the middle', async () => {
    await store.put('keys/one', Buffer.alloc(200_000, 1));
    for (const how of ['hang', 'half'] as const) {
      const clock = new FakeClock();
      const patient = new S3Store(bucketAt(server, {}, clock));
      const reached = new Promise<void>((resolve) => {
        server.stuck = resolve;
      });
      server.disturb = (method, key) => (method === 'GET' && key !== '' ? how : undefined);
      const reading = patient.get('keys/one');
      const verdict = expect(reading).rejects.toMatchObject({
        code: 'store.gone',
        what: expect.stringContaining('did not answer within 27 s'),
      });
      await reached;
      clock.advance(28_000);
      await verdict;
      expect(clock.timers).toBe(0);
    }
  });

  it('stops in the middle of whatever it does when told to', async () => {
    await store.put('keys/one', Buffer.alloc(200_000, 1));
    const controller = new AbortController();
    const stopped = new S3Store(bucketAt(server, {}, systemClock, controller.signal));
    const reason = new Error('a trip');
    server.disturb = (method, key) => {
      if (method !== 'GET' || key === '') return undefined;
      controller.abort(reason);
      return 'hang';
    };
    await expect(stopped.get('keys/one')).rejects.toBe(reason);
    await expect(stopped.size('keys/one')).rejects.toBe(reason);
  });

  it('shows a fake that has the traps of a real gateway', async () => {
    const bucket = bucketAt(server);
    const body = Buffer.from('x');
    const send = (path: string, init: RequestInit) =>
      fetch(`${server.endpoint}/vault/${path}`, {
        ...init,
        headers: { authorization: 'AWS4-HMAC-SHA256 Credential=VAULT/x', ...init.headers },
      });
    const upload = await (await send('m?uploads', { method: 'POST' })).text();
    const id = /<UploadId>(\w+)</.exec(upload)?.[1];
    await send(`m?uploadId=${id}&partNumber=1`, {
      method: 'PUT',
      body,
      headers: { 'x-amz-object-lock-mode': 'COMPLIANCE' },
    });
    await send(`m?uploadId=${id}`, { method: 'POST' });
    const [multipart] = server.versions.get('m') ?? [];
    expect(await bucket.head('m', multipart?.id ?? '')).toMatchObject({ mode: undefined });
    for (let times = 0; times < 2; times++)
      expect((await send('k', { method: 'PUT', body, headers: { 'if-none-match': '*' } })).status).toBe(200);
    expect((await send('k', { method: 'PUT', body, headers: { 'x-amz-checksum-sha256': 'wrong' } })).status).toBe(200);
    const wrong = createHash('md5').update('y').digest('base64');
    expect((await send('k', { method: 'PUT', body, headers: { 'content-md5': wrong } })).status).toBe(400);
    const stream = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
    expect((await send('k', { method: 'PUT', body, headers: stream })).status).toBe(411);
    expect((await send('k', { method: 'DELETE' })).status).toBe(204);
    expect(server.versions.get('k')).toHaveLength(4);
  });
});
