import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { type PackUse, pinnedBytes, readSparse, sparsePacks } from '../../daemon/vault/sparse-packs.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, print, type Tree, WALL, World } from './world.ts';

const DAY = 86_400_000;

describe('packs of which little is needed', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  /** Twenty files of 300 kB: one pack, nearly. */
  const many: Tree = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`file-${n}`, noise(300_000, n + 1)]));
  const few: Tree = { 'file-3': many['file-3'] ?? null, 'file-7': many['file-7'] ?? null };
  const packBytes = async () => {
    let sum = 0;
    for await (const { size } of world.store.list('packs')) sum += size;
    return sum;
  };
  async function day(n: number, tree: Tree, expires = true) {
    const sealed = await world.seal(tree, { wall: WALL + n * DAY, expires });
    await world.ship();
    return sealed;
  }

  it('are written again once, and go with the snapshots from before', async () => {
    await day(0, many);
    // What stays is told when it is found, and written again by the next one.
    const found = await day(1, few);
    expect(found.newBytes).toBeLessThan(20_000);
    expect(found.pinnedBytes).toBeGreaterThan(5_000_000);
    const again = await day(2, few);
    expect(again.newBytes).toBeGreaterThan(600_000);
    expect(again.newBytes).toBeLessThan(700_000);
    expect(again.pinnedBytes).toBeLessThan(20_000);
    // And that was all: neither again, nor back to the old ones, whichever of the two is met first.
    for (const n of [3, 4]) {
      const { newBytes, pinnedBytes: pinned } = await day(n, few);
      expect(newBytes).toBeLessThan(20_000);
      expect(pinned).toBeLessThan(20_000);
      const sourceId = sealingKeys(world.secrets.sealing, world.vaultId).sourceId('files');
      expect((await readSparse(world.state, sourceId)).size).toBeGreaterThan(0);
    }
    const rules = { last: 1, floor: 1 };
    await world.sweep({ rules, wall: WALL + 5 * DAY, graceMs: 0 });
    await world.sweep({ rules, wall: WALL + 6 * DAY, graceMs: 0 });
    expect(await packBytes()).toBeLessThan(800_000);
    expect(print((await world.restore('5')).tree)).toEqual(print(few));
    const wall = WALL + 7 * DAY;
    expect((await verify({ store: world.store, verifyKey: world.verifyKey, readData: true, wall })).findings).toEqual(
      [],
    );
  });

  it('stay as they are where nothing ever expires', async () => {
    await day(0, many, false);
    for (const n of [1, 2, 3]) expect((await day(n, few, false)).newBytes).toBeLessThan(20_000);
  });

  it('of other sources are no concern of this one', async () => {
    await day(0, many);
    const other = { source: { name: 'other', kind: 'directory' }, expires: true };
    for (const n of [1, 2]) await world.seal(few, { ...other, wall: WALL + n * DAY });
    await world.ship();
    // The first source still finds all of its own.
    expect((await day(3, many)).newBytes).toBeLessThan(20_000);
  });
});

describe('which packs are written again', () => {
  const use = (pack: string, live: number, plain = 100): PackUse => ({ pack, size: 50, plain, live });

  it('those of which less than a quarter is needed, the emptiest first', () => {
    expect(sparsePacks([use('a', 24), use('b', 25), use('c', 1), use('d', 100), use('e', 300)], 1)).toEqual(['c', 'a']);
  });

  it('within what one sealing may write', () => {
    const half = 32 << 20;
    const large = (pack: string, live: number) => use(pack, live, 10 * half);
    expect(sparsePacks([large('a', half), large('b', half - 1), large('c', half + 1)], 1)).toEqual(['b', 'a']);
    expect(sparsePacks([large('a', half), large('b', half), large('c', half)], 150 * half)).toHaveLength(3);
  });

  it('and what the others pin is told', () => {
    expect(pinnedBytes([use('a', 50), use('b', 100), use('c', 300), use('d', 0)])).toBe(75);
  });
});
