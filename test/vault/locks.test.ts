import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { S3Store } from '../../daemon/store/s3.ts';
import { readChain } from '../../daemon/vault/chain.ts';
import { isLockDue, lockEnd, lockShare } from '../../daemon/vault/locks.ts';
import { FakeS3 } from '../store/fake-s3.ts';
import { bucketAt, DAY_MS } from '../store/s3-helpers.ts';
import { noise, print, type Tree, World } from './world.ts';

const walls = fc.integer({ min: 0, max: 4e12 });
const bases = fc.integer({ min: DAY_MS, max: 400 * DAY_MS });

describe('how long an object is locked', () => {
  it('is the base and one to two slacks, in whole days', () => {
    fc.assert(
      fc.property(walls, bases, (wall, base) => {
        const slack = Math.ceil(base / 2 / DAY_MS) * DAY_MS;
        const left = lockEnd(wall, base) - wall;
        expect(left).toBeGreaterThanOrEqual(base + slack);
        expect(left).toBeLessThanOrEqual(base + 2 * slack);
        expect(lockEnd(wall, base) % DAY_MS).toBe(0);
      }),
    );
  });

  it('never falls short of the base when there is a window a day, and no day takes much more than its share', () => {
    fc.assert(
      fc.property(
        walls,
        fc.integer({ min: 8 * DAY_MS, max: 400 * DAY_MS }),
        fc.integer({ min: 1, max: 200_000 }),
        (start, base, objects) => {
          let floor = lockEnd(start, base);
          let round: { target: number; left: number } | undefined;
          let busiest = 0;
          let days = 0;
          let shortest = Number.POSITIVE_INFINITY;
          for (let wall = start; wall < start + 3 * base; wall += DAY_MS) {
            shortest = Math.min(shortest, floor - wall);
            if (round === undefined && !isLockDue(floor, wall, base)) continue;
            round ??= { target: lockEnd(wall, base), left: objects };
            const share = lockShare(round.left, floor, wall, base, Number.POSITIVE_INFINITY);
            busiest = Math.max(busiest, share);
            days++;
            round.left -= share;
            if (round.left > 0) continue;
            floor = round.target;
            round = undefined;
          }
          expect(shortest).toBeGreaterThanOrEqual(base);
          expect(days).toBeGreaterThan(0);
          expect(busiest).toBeLessThanOrEqual(Math.ceil(objects / Math.floor(base / 4 / DAY_MS - 1)));
        },
      ),
      { numRuns: 50, endOnFailure: true },
    );
  });
});

describe('locks of a vault', () => {
  const tree: Tree = { a: noise(300_000, 1) };
  let server: FakeS3;
  let world: World;
  let days: number;
  const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + days * DAY_MS };
  const store = () => new S3Store(bucketAt(server, {}, clock));
  beforeEach(async () => {
    days = 0;
    server = new FakeS3();
    await server.start();
    world = await World.create(store());
    await world.seal(tree, { wall: clock.wall() });
    await world.ship(store());
  });
  afterEach(async () => {
    await world.cleanUp();
    await server.stop();
  });

  /** The lock of the first locked version of every object, by name. */
  const locks = () =>
    new Map(
      [...server.versions]
        .filter(([key]) => key.startsWith('box/'))
        .map(([key, versions]) => [key.slice(4), versions.find(({ lock }) => lock !== undefined)?.lock?.until ?? 0]),
    );
  const shortest = () => Math.min(...locks().values());
  const look = (mostLocks = 1000) =>
    world.sweep({ store: store(), rules: undefined, graceMs: 0, wall: clock.wall(), mostLocks });

  it('are as long as the record says, and asked for nothing while they are long enough', async () => {
    const chain = await readChain(store(), world.vaultId, world.verifyKey);
    const { retainUntil = '' } = chain.records[0]?.snapshot ?? {};
    expect(Date.parse(retainUntil)).toBe(shortest());
    expect(shortest()).toBeGreaterThan(clock.wall() + 45 * DAY_MS - 60_000);
    days = 5;
    server.requests.length = 0;
    expect(await look()).toMatchObject({ locked: { looked: 0, extended: 0, left: 0 } });
    expect(server.requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
  });

  it('are extended before they fall short, in small shares, each object once', async () => {
    const objects = locks().size;
    let extended = 0;
    let busiest = 0;
    for (; days < 200; days += 2) {
      const { locked } = await look();
      extended += locked?.extended ?? 0;
      busiest = Math.max(busiest, locked?.looked ?? 0);
      expect(shortest()).toBeGreaterThanOrEqual(clock.wall() + 30 * DAY_MS - 60_000);
    }
    // A round for each 15 to 30 days, the first after 15: in the 200 days thirteen have begun at the most.
    expect(extended).toBeLessThanOrEqual(13 * objects);
    expect(extended).toBeGreaterThanOrEqual(3 * objects);
    expect(busiest).toBeLessThan(objects);
  }, 120_000);

  it('that were let run low are all extended at once, and no more than permitted', async () => {
    days = 40;
    const objects = locks().size;
    expect(await look(3)).toMatchObject({ locked: { looked: 3, extended: 3, left: objects - 3 } });
    // What is written meanwhile is locked for long enough by itself.
    await world.seal({ b: noise(100_000, 2) }, { wall: clock.wall() });
    await world.ship(store());
    await look();
    expect(shortest()).toBeGreaterThanOrEqual(clock.wall() + 30 * DAY_MS);
  });

  it('are extended on, wherever the line was cut', async () => {
    let fired = 0;
    for (let failAt = 1; ; failAt++) {
      days += 40;
      let requests = 0;
      server.disturb = () => (++requests === failAt ? { status: 403, code: 'AccessDenied' } : undefined);
      await look().catch(() => {});
      server.disturb = () => undefined;
      await look();
      expect(shortest()).toBeGreaterThanOrEqual(clock.wall() + 30 * DAY_MS);
      if (requests < failAt) break;
      fired++;
    }
    expect(fired).toBeGreaterThan(20);
  }, 120_000);

  it('of a server that does not extend them are told', async () => {
    days = 40;
    server.disturb = (method, _, query) =>
      method === 'PUT' && query.has('retention') ? { status: 403, code: 'AccessDenied' } : undefined;
    await expect(look()).rejects.toMatchObject({ code: 'store.unlocked' });
  });

  it('are those of the objects, whatever a thief of the credentials puts on top', async () => {
    for (const key of [...server.versions.keys()]) {
      server.add(key, Buffer.from('rubbish'), { mode: 'COMPLIANCE', until: Date.now() + 900 * DAY_MS });
      server.add(key, Buffer.alloc(0), undefined, false, true);
    }
    days = 40;
    await look();
    expect(shortest()).toBeGreaterThanOrEqual(clock.wall() + 30 * DAY_MS);
    expect(print((await world.restore('1', '', store())).tree)).toEqual(print(tree));
  });

  it('of what is to go are left to run out, and hold it until then', async () => {
    days = 1;
    await world.seal({ b: noise(300_000, 2) }, { wall: clock.wall() });
    await world.ship(store());
    const rules = { floor: 1, last: 1 };
    const sweep = () => world.sweep({ store: store(), rules, graceMs: 0, wall: clock.wall() });
    expect(await sweep()).toMatchObject({ buried: [1] });
    const before = locks();
    days = 40;
    const swept = await sweep();
    expect(swept.removed).toBe(0);
    expect(swept.held).toBeGreaterThan(0);
    const same = [...locks()].filter(([name, until]) => before.get(name) === until).map(([name]) => name);
    expect(same.filter((name) => name.startsWith('packs/'))).toHaveLength(swept.held);
    expect(same.every((name) => /^(packs|manifests|packsets)\//.test(name))).toBe(true);
    expect(print((await world.restore('2', '', store())).tree)).toEqual(print({ b: noise(300_000, 2) }));
  });
});
