import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { PatientBucket } from '../../daemon/sources/s3-client.ts';
import { listBucket } from '../../daemon/sources/s3-listing.ts';
import { FakeBucket } from './fake-bucket.ts';
import { never, temporary } from './helpers.ts';

const PULL = new URL('./pull-s3.ts', import.meta.url).pathname;

describe('the list of a bucket', () => {
  let fake: FakeBucket;
  let workdir: string;
  beforeEach(async () => {
    fake = new FakeBucket();
    await fake.start();
    fake.pageSize = 10;
    for (let at = 0; at < 100; at++) fake.put(`key ${String(at).padStart(3, '0')}`, 'x');
    workdir = await temporary();
  });
  afterEach(() => fake.stop());

  async function list(clock: Clock = systemClock, runItems = 20): Promise<string[]> {
    const bucket = new PatientBucket(fake.settings, { subject: 'Source sample', clock, signal: never });
    const options = { prefix: '', versions: 'current', include: [], exclude: [] } as const;
    const listing = await listBucket(bucket, options, join(workdir, 'listing'), () => {}, runItems);
    bucket.close();
    const keys: string[] = [];
    for await (const { key } of listing.objects()) keys.push(key);
    expect(listing.counts.objects).toBe(keys.length);
    return keys;
  }

  const all = () => [...fake.keys.keys()].sort();

  /** Has a process list the bucket, and kills it while it waits for page `page`. */
  async function killed(page: number): Promise<void> {
    let pages = 0;
    let there: () => void = () => {};
    const reached = new Promise<void>((resolve) => {
      there = resolve;
    });
    fake.disturb = ({ what }) => {
      if (what !== 'List' || ++pages < page) return undefined;
      there();
      return 'hang';
    };
    const child = spawn(process.execPath, ['--import', 'tsx', PULL, fake.endpoint, workdir, '20'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    await reached;
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    fake.disturb = () => undefined;
    fake.requests.length = 0;
  }

  it.each([
    [1, 10],
    [4, 8],
    [10, 2],
  ])('is gone on with by the next run when its process was killed at page %i', async (page, left) => {
    await killed(page);
    expect(await list()).toEqual(all());
    expect(fake.count('List')).toBe(left);
    // What was done is done: the next one begins anew.
    fake.requests.length = 0;
    fake.put('key 1000', 'x');
    expect(await list()).toEqual(all());
    expect(fake.count('List')).toBe(11);
  });

  it('is begun anew when what is left of it is old, or of a time to come', async () => {
    for (const hours of [7, -1]) {
      await killed(5);
      fake.put(`a key of ${hours}`, 'x');
      const later: Clock = { ...systemClock, wall: () => systemClock.wall() + hours * 3_600_000 };
      expect(await list(later)).toEqual(all());
      expect(fake.count('List')).toBeGreaterThan(10);
    }
  });

  it('lies in files of so many items', async () => {
    await list();
    expect((await readdir(join(workdir, 'listing'))).sort()).toEqual([
      ...[0, 1, 2, 3, 4].map((number) => `objects-00000${number}`),
    ]);
  });
});
