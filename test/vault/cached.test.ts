import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../daemon/vault/store.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, World } from './world.ts';

describe('what was read back from memory', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  /** The world's store, whose objects with a matching name are read back cached, the others directly. */
  function reading(cached: RegExp): Store {
    const { store } = world;
    return {
      put: (name, bytes) => store.put(name, bytes),
      putSoon: (name, bytes) => store.putSoon(name, bytes),
      settle: () => store.settle(),
      get: (name, range) => store.get(name, range),
      readBack: async (name) => ({ bytes: await store.get(name), direct: !cached.test(name) }),
      size: (name) => store.size(name),
      list: (prefix) => store.list(prefix),
    };
  }

  it('is counted, the record too, and nothing else is', async () => {
    for (const [cached, share] of [
      [/./, 'all'],
      [/^never/, 'none'],
      [/^snapshots/, 'some'],
      [/^packs\//, 'some'],
    ] as const) {
      await world.seal({
        a: noise(300_000, share.length),
        b: noise(100_000, share.length * 1000 + String(cached).length),
      });
      const { committed, verifiedBytes, cachedBytes } = await world.ship(reading(cached));
      expect(committed[0]).toMatchObject({ verifiedBytes, cachedBytes });
      if (share === 'all') expect(cachedBytes).toBe(verifiedBytes);
      else if (share === 'none') expect(cachedBytes).toBe(0);
      else {
        expect(cachedBytes).toBeGreaterThan(0);
        expect(cachedBytes).toBeLessThan(verifiedBytes);
      }
    }
  });

  it('is told by verify', async () => {
    await world.seal({ a: noise(300_000, 1) });
    await world.ship();
    const check = (cached: RegExp) => verify({ store: reading(cached), verifyKey: world.verifyKey, readData: true });
    const all = await check(/./);
    expect(all.cachedBytes).toBe(all.bytes);
    expect(all.bytes).toBeGreaterThan(300_000);
    expect((await check(/^never/)).cachedBytes).toBe(0);
    expect((await check(/^packs/)).cachedBytes).toBeGreaterThan(300_000);
  });
});
