import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EtagCache } from '../../daemon/forges/etag-cache.ts';

describe('what forges answered before', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pc-etag-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const url = (number: number) => `https://forge.example/issues?page=${number}`;
  const answered = (body: string) => ({ etag: '"1"', headers: { link: '<x>; rel="next"' }, body });

  it('is had again, by its address, and lies where nobody else can read it', async () => {
    const cache = new EtagCache(folder);
    await cache.put(url(1), answered('[1]'));
    expect(await cache.get(url(1))).toEqual(answered('[1]'));
    expect(await cache.get(url(2))).toBeUndefined();
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it('is asked for anew when it was torn, or is of another address', async () => {
    const cache = new EtagCache(folder);
    await cache.put(url(1), answered('[1]'));
    await cache.put(url(2), answered('[2]'));
    const [one = '', two = ''] = readdirSync(folder).map((name) => join(folder, name));
    const text = readFileSync(one, 'utf8');
    writeFileSync(two, text);
    writeFileSync(one, text.slice(0, 20));
    expect(await cache.get(url(1))).toBeUndefined();
    expect(await cache.get(url(2))).toBeUndefined();
  });

  it('is not kept when it is large', async () => {
    const cache = new EtagCache(folder);
    await cache.put(url(1), answered('x'.repeat((2 << 20) + 1)));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not fail where nothing can be written', async () => {
    const cache = new EtagCache(join(folder, 'missing'));
    await cache.put(url(1), answered('[1]'));
    expect(await cache.get(url(1))).toBeUndefined();
    await cache.prune();
  });

  it('loses what was written longest ago when it has grown too large', async () => {
    const cache = new EtagCache(folder, 10);
    for (let number = 0; number < 11; number += 1) {
      const before = new Set(readdirSync(folder));
      await cache.put(url(number), answered(`[${number}]`));
      const [made = ''] = readdirSync(folder).filter((name) => !before.has(name));
      utimesSync(join(folder, made), number, number);
    }
    await cache.prune();
    const kept = await Promise.all(Array.from({ length: 11 }, (_, number) => cache.get(url(number))));
    expect(kept.map((one) => one !== undefined)).toEqual([...Array(6).fill(false), ...Array(5).fill(true)]);
    await cache.prune();
    expect(readdirSync(folder)).toHaveLength(5);
  });
});
