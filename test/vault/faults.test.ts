import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listBatches } from '../../daemon/vault/staging.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { FaultStore } from '../store/fault.ts';
import { entriesOf, noise, print, type Tree, World } from './world.ts';

/** Counts durable writes and lets the n-th fail: a full or dying disk under staging and state. */
const disk = vi.hoisted(() => ({ writes: 0, failAt: Number.POSITIVE_INFINITY, why: '' }));
vi.mock('../../daemon/base/durable.ts', async (original) => {
  const real = await original<typeof import('../../daemon/base/durable.ts')>();
  return {
    ...real,
    writeDurably: async (...args: Parameters<typeof real.writeDurably>) => {
      if (++disk.writes >= disk.failAt) throw new Error(disk.why);
      return real.writeDurably(...args);
    },
    writeSoon: (...args: Parameters<typeof real.writeSoon>) => {
      if (++disk.writes >= disk.failAt) throw new Error(disk.why);
      return real.writeSoon(...args);
    },
  };
});

const first: Tree = { big: noise(600_000, 1), small: Buffer.from('small') };
const second: Tree = { big: noise(600_000, 1), other: noise(300_000, 2), small: Buffer.from('changed') };

const small: Tree = { big: noise(20_000, 1), small: Buffer.from('small') };

describe('failures', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
    disk.writes = 0;
    disk.failAt = Number.POSITIVE_INFINITY;
  });
  afterEach(() => world.cleanUp());

  const whole = async () =>
    expect(
      await verify({ store: world.store, verifyKey: world.verifyKey, key: world.key, readData: true }),
    ).toMatchObject({
      findings: [],
      orphans: 0,
    });

  /** As `whole`, but packs of batches that were dropped lie about. */
  const sound = async () =>
    expect(
      await verify({ store: world.store, verifyKey: world.verifyKey, key: world.key, readData: true }),
    ).toMatchObject({ findings: [] });
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

  it.each([false, true])(
    'the store fails at every operation of a ship in turn (effect before failure: %s)',
    async (after) => {
      await world.seal(first);
      await world.ship();
      let fired = 0;
      for (let failAt = 1; ; failAt++) {
        const tree: Tree = { ...second, round: noise(5_000, failAt) };
        await world.seal(tree);
        const store = new FaultStore(world.store, failAt, after);
        const failed = await world.ship(store).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (!store.fired) {
          expect(failed).toBeUndefined();
          break;
        }
        fired++;
        expect(failed).toMatchObject({ code: 'store.gone' });
        // What was committed before is untouched, and the next run finishes what this one began.
        expect(print((await world.restore('1')).tree)).toEqual(print(first));
        const shipped = await world.ship();
        const seq = (await world.snapshots()).length;
        expect(print((await world.restore(String(seq))).tree)).toEqual(print(tree));
        expect(await listBatches(world.staging)).toEqual([]);
        expect(shipped.orphans).toBe(0);
        expect(seq).toBe(failAt + 1);
      }
      expect(fired).toBeGreaterThan(15);
      await whole();
    },
    300_000,
  );

  it.each([
    ['store.full', false],
    ['store.failed', false],
    ['store.failed', true],
  ] as const)(
    'one operation of a ship after the other fails alone with %s (effect before failure: %s)',
    async (code, after) => {
      let fired = 0;
      for (let failAt = 1; ; failAt++) {
        await world.cleanUp();
        world = await World.create();
        await world.seal(small);
        await world.ship();
        const tree: Tree = { ...small, round: noise(5_000, failAt) };
        await world.seal(tree);
        const store = new FaultStore(world.store, failAt, after, code);
        await world.ship(store).catch(() => {});
        if (store.operations < failAt) break;
        fired++;
        expect(print((await world.restore('1')).tree)).toEqual(print(small));
        // A batch that could not be read back is dropped, for it may have lost its names: it is sealed again.
        const newest = async () => print((await world.restore(String((await world.snapshots()).length))).tree);
        if ((await listBatches(world.staging)).length === 0 && !same(await newest(), print(tree)))
          await world.seal(tree);
        await world.ship();
        expect(await newest()).toEqual(print(tree));
        expect(await listBatches(world.staging)).toEqual([]);
        await sound();
      }
      expect(fired).toBeGreaterThan(15);
    },
    240_000,
  );

  it.each(['ENOSPC: no space left on device', 'EIO: i/o error'])(
    'staging and state fail at every write of a seal and a ship in turn: %s',
    async (why) => {
      disk.why = why;
      await world.seal(first);
      await world.ship();
      let fired = 0;
      for (let failAt = 1; ; failAt++) {
        const tree: Tree = { ...second, round: noise(5_000, failAt) };
        disk.writes = 0;
        disk.failAt = failAt;
        const failed = await (async () => {
          await world.seal(tree);
          await world.ship();
        })().then(
          () => undefined,
          (error: unknown) => error,
        );
        const didFire = disk.writes >= failAt;
        disk.failAt = Number.POSITIVE_INFINITY;
        if (!didFire) {
          expect(failed).toBeUndefined();
          break;
        }
        fired++;
        expect(failed).toBeInstanceOf(Error);
        expect(print((await world.restore('1')).tree)).toEqual(print(first));
        await world.seal(tree);
        await world.ship();
        const seq = (await world.snapshots()).length;
        expect(print((await world.restore(String(seq))).tree)).toEqual(print(tree));
      }
      expect(fired).toBeGreaterThan(5);
      await whole();
    },
    300_000,
  );

  it('a store that keeps other bytes than it was given gets no commit', async () => {
    const { store } = world;
    const changed = (name: string, bytes: Uint8Array) => {
      const kept = Buffer.from(bytes);
      if (name.startsWith('packs/')) kept[kept.length >> 1] = (kept[kept.length >> 1] ?? 0) ^ 1;
      return kept;
    };
    const lying: typeof store = {
      put: (name, bytes) => store.put(name, changed(name, bytes)),
      putSoon: (name, bytes) => store.putSoon(name, changed(name, bytes)),
      settle: () => store.settle(),
      get: (name, range) => store.get(name, range),
      readBack: (name) => store.readBack(name),
      size: (name) => store.size(name),
      list: (prefix) => store.list(prefix),
    };
    await world.seal(first);
    // Builds on the one before, and falls with it.
    await world.seal(second);
    await expect(world.ship(lying)).rejects.toMatchObject({ code: 'vault.damaged' });
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete' });
    expect(await world.snapshots()).toEqual([]);
    await world.seal(second);
    expect((await world.ship()).committed).toHaveLength(1);
    expect(print((await world.restore('1')).tree)).toEqual(print(second));
  });

  it('a source that fails half way leaves no batch', async () => {
    const entries = async function* () {
      yield* entriesOf({ a: noise(300_000, 1) });
      throw new Error('the remote end hung up');
    };
    await expect(world.seal(entries())).rejects.toThrow('hung up');
    const torn = async function* () {
      const open = async function* () {
        yield noise(9_000_000, 1);
        throw new Error('exit status 1');
      };
      const common = { path: Buffer.from('dump'), mode: 0o600, mtimeNs: 0n, uid: 0, gid: 0 };
      yield { ...common, kind: 'file', content: { from: 'stream', open } } as const;
    };
    await expect(world.seal(torn())).rejects.toThrow('exit status 1');
    expect(await listBatches(world.staging)).toEqual([]);
    expect((await world.ship()).committed).toEqual([]);
    expect(await world.snapshots()).toEqual([]);
  });

  it('an abort stops a seal and a ship, and the next ship finishes', async () => {
    const stop = new AbortController();
    const entries = async function* () {
      yield* entriesOf({ a: noise(300_000, 1) });
      stop.abort(new Error('tripped'));
      yield* entriesOf({ b: noise(300_000, 2) });
    };
    await expect(world.seal(entries(), { signal: stop.signal })).rejects.toThrow('tripped');
    expect(await listBatches(world.staging)).toEqual([]);
    await world.seal(first);
    await expect(world.ship(world.store, stop.signal)).rejects.toThrow('tripped');
    expect((await world.ship()).committed).toHaveLength(1);
  });
});
