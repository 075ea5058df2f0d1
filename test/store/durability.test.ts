import { access, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { noise, print, type Tree, World } from '../vault/world.ts';

/** A model of what a power cut leaves: a name survives once its directory was synced after it was made. */
const disk = vi.hoisted(() => ({ syncs: 0, failAt: Number.POSITIVE_INFINITY, root: '', durable: new Set<string>() }));
vi.mock('../../daemon/base/durable.ts', async (original) => {
  const real = await original<typeof import('../../daemon/base/durable.ts')>();
  return {
    ...real,
    syncDirectory: async (path: string) => {
      if (path.startsWith(disk.root)) {
        if (++disk.syncs >= disk.failAt) throw new Error('killed');
        for (const name of await readdir(path)) disk.durable.add(join(path, name));
      }
      return real.syncDirectory(path);
    },
  };
});

describe('a power cut after a kill', () => {
  let world: World;
  beforeEach(async () => {
    disk.failAt = Number.POSITIVE_INFINITY;
    disk.durable.clear();
    world = await World.create();
    disk.root = world.root;
    await world.seal({ before: noise(300_000, 1) });
    await world.ship();
    for (const name of await world.objects()) survives(name, true);
  });
  afterEach(() => world.cleanUp());

  /** Marks a name and its directories as durable. */
  function survives(name: string, yes: boolean): void {
    for (let at = join(world.root, name); at !== world.root; at = dirname(at)) {
      if (yes) disk.durable.add(at);
      else disk.durable.delete(at);
    }
  }

  it('takes nothing that a record needs, wherever the kill was', async () => {
    let fired = 0;
    for (let round = 1; ; round++) {
      const tree: Tree = { [`file${round}`]: noise(300_000, round + 1) };
      await world.seal(tree);
      disk.syncs = 0;
      disk.failAt = round;
      const failed = await world.ship(new DirectoryStore(world.root)).then(
        () => false,
        () => true,
      );
      disk.failAt = Number.POSITIVE_INFINITY;
      if (!failed) break;
      fired++;
      await world.ship(new DirectoryStore(world.root));
      for (const name of await world.objects()) {
        if (name.startsWith('tmp/')) continue;
        for (let at = join(world.root, name); at !== world.root; at = dirname(at)) {
          await access(at);
          expect(disk.durable.has(at), `${at}, killed at sync ${round}`).toBe(true);
        }
      }
      expect(print((await world.restore(String((await world.snapshots()).length))).tree)).toEqual(print(tree));
    }
    expect(fired).toBeGreaterThan(5);
  }, 120_000);

  it('finds every pack durable, with its folder, before anything names one', async () => {
    let looked = 0;
    const store = new DirectoryStore(world.root);
    const put = store.put.bind(store);
    store.put = async (name, bytes) => {
      const packs = (await world.objects()).filter((one) => one.startsWith('packs/'));
      for (const pack of /^(packsets|index|manifests|snapshots)\//.test(name) ? packs : []) {
        for (let at = join(world.root, pack); at !== world.root; at = dirname(at)) {
          expect(disk.durable.has(at), `${at}, when ${name} is put`).toBe(true);
          looked++;
        }
      }
      return put(name, bytes);
    };
    await world.seal(Object.fromEntries([1, 2, 3, 4].map((one) => [`file${one}`, noise(9_000_000, one)])));
    await world.ship(store);
    expect(looked).toBeGreaterThan(5 * 4 * 3);
  }, 60_000);
});
