import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readLost } from '../../daemon/vault/lost-packs.ts';
import type { Store } from '../../daemon/vault/store.ts';
import { type ShareOptions, verifyShare } from '../../daemon/vault/verify-share.ts';
import { FaultStore } from '../store/fault.ts';
import { noise, type Tree, WALL, World } from './world.ts';

/** The state directory's disk, full for the list of lost packs. */
const disk = vi.hoisted(() => ({ full: false }));
vi.mock('../../daemon/vault/lost-packs.ts', async (original) => {
  const real = await original<typeof import('../../daemon/vault/lost-packs.ts')>();
  return {
    ...real,
    rememberLost: async (...args: Parameters<typeof real.rememberLost>) => {
      if (disk.full) throw new Error('ENOSPC');
      return real.rememberLost(...args);
    },
  };
});

describe('verifying in shares', () => {
  let world: World;
  /** Names of the packs that were read, in the order they were. */
  let read: string[];
  let wall: number;
  beforeEach(async () => {
    world = await World.create();
    for (let n = 1; n <= 6; n++) await add(n);
    read = [];
    wall = WALL;
  });
  afterEach(() => world.cleanUp());

  async function add(n: number): Promise<void> {
    const tree: Tree = { [`f${n}`]: noise(50_000 + n * 1000, n) };
    await world.seal(tree);
    await world.ship();
  }

  function watched(inner: Store = world.store): Store {
    return {
      put: (name, bytes) => inner.put(name, bytes),
      putSoon: (name, bytes) => inner.putSoon(name, bytes),
      settle: () => inner.settle(),
      get: (name, range) => inner.get(name, range),
      size: (name) => inner.size(name),
      list: (prefix) => inner.list(prefix),
      async readBack(name) {
        const content = await inner.readBack(name);
        if (name.startsWith('packs/')) read.push(name);
        return content;
      },
    };
  }
  const run = (share: number, more: Partial<ShareOptions> = {}) =>
    verifyShare({
      store: watched(),
      verifyKey: world.verifyKey,
      state: world.state,
      vaultId: world.vaultId,
      wall: () => wall++,
      enough: (bytes, total) => bytes >= total * share,
      ...more,
    });
  const packs = async () => (await world.objects()).filter((name) => name.startsWith('packs/')).sort();
  async function spoil(name: string): Promise<void> {
    const path = join(world.root, name);
    await chmod(path, 0o600);
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }

  it.each([1 / 30, 1 / 5, 1 / 2, 1])('reads every pack once in a round, in at most so many runs: %f', async (share) => {
    let runs = 0;
    for (;;) {
      const before = read.length;
      const { verified, progress } = await run(share);
      runs++;
      expect(verified.findings).toEqual([]);
      expect(read.length).toBeGreaterThan(before);
      expect(progress).toMatchObject({ packs: read.length, left: (await packs()).length - read.length });
      if (progress.left === 0) {
        expect(progress.finished?.began).toBe(progress.began);
        break;
      }
    }
    expect(read).toEqual(await packs());
    expect(runs).toBeLessThanOrEqual(Math.ceil(1 / share));
    const { progress } = await run(share);
    expect(progress.packs).toBe(read.length - (await packs()).length);
    expect(read[(await packs()).length]).toBe((await packs())[0]);
    expect(progress.finished).toBeDefined();
  });

  it('reads in the next round what was added behind it', async () => {
    await run(1 / 2);
    for (let n = 7; n <= 12; n++) await add(n);
    for (let round = 0; round < 2; ) if ((await run(1 / 4)).progress.left === 0) round++;
    expect([...new Set(read)].sort()).toEqual(await packs());
  });

  it('names what an earlier share found, with its snapshots, until it is read again', async () => {
    const [first = ''] = await packs();
    await spoil(first);
    const found = (await run(1 / 6)).verified;
    expect(found.findings).toMatchObject([{ object: first, problem: expect.stringMatching(/^is damaged/) }]);
    expect(found.findings[0]?.snapshots).toHaveLength(1);
    const later = (await run(1 / 6)).verified;
    expect(later.findings).toMatchObject([
      {
        object: first,
        problem: expect.stringMatching(/earlier run: is damaged/),
        snapshots: found.findings[0]?.snapshots,
      },
    ]);
    expect(read.filter((name) => name === first)).toHaveLength(1);
    await spoil(first);
    while ((await run(1)).progress.left > 0);
    expect((await run(1)).verified.findings).toEqual([]);
  });

  it('that is interrupted at any operation goes on without a gap, and forgets nothing that it has found', async () => {
    const all = await packs();
    for (const name of all) await spoil(name);
    let fired = 0;
    let passed = 0;
    for (let failAt = 1; ; failAt++) {
      await rm(world.state, { recursive: true, force: true });
      read = [];
      const fault = new FaultStore(world.store, failAt);
      const failed = await run(1, { store: watched(fault), saveEvery: 60_000 }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!fault.fired) {
        expect(failed).toBeUndefined();
        break;
      }
      fired++;
      expect(failed).toMatchObject({ code: 'store.gone' });
      const state = await readdir(world.state).catch(() => [] as string[]);
      const after = state.includes('verify.json')
        ? (JSON.parse(await readFile(join(world.state, 'verify.json'), 'utf8')) as { after: string }).after
        : '';
      // Whatever progress has passed is on the list of the lost.
      const lost = await readLost(world.state);
      for (const name of all.filter((one) => one <= after)) {
        passed++;
        expect(lost.has(name.slice(-64)), name).toBe(true);
      }
      while ((await run(1 / 2)).progress.left > 0);
      expect([...new Set(read)].sort()).toEqual(all);
      expect((await readLost(world.state)).size).toBe(all.length);
    }
    expect(fired).toBeGreaterThan(20);
    expect(passed).toBeGreaterThan(20);
  }, 60_000);

  it('does not pass what it has found and cannot note', async () => {
    for (const name of await packs()) await spoil(name);
    disk.full = true;
    await expect(run(1 / 2)).rejects.toThrow('ENOSPC');
    disk.full = false;
    read = [];
    while ((await run(1 / 2)).progress.left > 0);
    expect(read).toEqual(await packs());
  });

  it('that is stopped by a person keeps what it has read', async () => {
    const stop = new AbortController();
    const store = watched();
    const stopping: Store = {
      ...store,
      async readBack(name) {
        const content = await store.readBack(name);
        if (read.length === 4) stop.abort(new Error('Ctrl-C'));
        return content;
      },
    };
    await expect(run(1, { store: stopping, signal: stop.signal })).rejects.toThrow('Ctrl-C');
    expect(read).toHaveLength(4);
    expect((await run(1)).progress).toMatchObject({ left: 0, packs: (await packs()).length });
    expect(read).toEqual(await packs());
  });

  it.each(['{"version":1', '{}', '{"version":2}', ''])('begins anew when its memory is no good: %s', async (json) => {
    await run(1 / 2);
    await writeFile(join(world.state, 'verify.json'), json);
    read = [];
    expect((await run(1)).progress.left).toBe(0);
    expect(read).toEqual(await packs());
  });

  it('does not go on in another vault', async () => {
    await run(1 / 2);
    const other = await World.create();
    try {
      await expect(run(1, { store: other.store })).rejects.toMatchObject({ code: 'vault.other' });
      await other.seal({ a: noise(10_000, 1) });
      await other.ship();
      const { vaultId, verifyKey, store } = other;
      expect((await run(1, { store, vaultId, verifyKey })).progress).toMatchObject({ left: 0, packs: 2 });
    } finally {
      await other.cleanUp();
    }
  });
});
