import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { python, runReader } from './reader.ts';
import { entriesOf, noise, print, readTree, type Tree, World } from './world.ts';

/** File names in raw bytes (latin1 here): anything a file system takes. */
const name = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f),
    { minLength: 1, maxLength: 12 },
  )
  .map((bytes) => String.fromCharCode(...bytes))
  .filter((text) => text !== '.' && text !== '..');

const content = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({ size: fc.integer({ min: 4000, max: 1_500_000 }), seed: fc.integer({ min: 1, max: 3 }) })
    .map(({ size, seed }) => noise(size, seed)),
  fc.integer({ min: 4000, max: 6_000_000 }).map((size) => Buffer.alloc(size, 'ab')),
);

const leaf = fc.oneof(
  { weight: 6, arbitrary: content },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: name.map((link) => ({ link: `../${link}` })) },
);

/** Two levels: some names are folders with leaves in them. */
const trees: fc.Arbitrary<Tree> = fc
  .dictionary(
    name,
    fc.oneof(
      leaf,
      fc.dictionary(name, leaf, { maxKeys: 5 }).map((below) => ({ below })),
    ),
    { maxKeys: 8 },
  )
  .map((top) => {
    const tree: Tree = {};
    for (const [at, what] of Object.entries(top)) {
      if (what === null || Buffer.isBuffer(what) || 'link' in what) tree[at] = what;
      else {
        tree[at] = null;
        for (const [below, leafOf] of Object.entries(what.below)) tree[`${at}/${below}`] = leafOf;
      }
    }
    return tree;
  });

describe('any tree', () => {
  let world: World;
  let key: string;
  beforeEach(async () => {
    world = await World.create();
    key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
  });
  afterEach(() => world.cleanUp());

  it('comes back byte for byte, from the daemon and from the reader in Python', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(trees, fc.boolean(), async (tree, secret) => {
        const sealed = await world.seal(entriesOf(tree, () => secret));
        expect(sealed.problemCount).toBe(0);
        await world.ship();
        round++;
        if (Object.keys(tree).length === 0) return;
        const { tree: back, restored } = await world.restore(String(round));
        expect(restored.failures).toEqual([]);
        expect(print(back)).toEqual(print(tree));
        if (python === undefined || round % 4 !== 0) return;
        const to = join(world.folder, `python-${round}`);
        expect(await runReader(world.root, key, 'restore', String(round), to)).toMatchObject({ status: 0, err: '' });
        expect(print(await readTree(to))).toEqual(print(tree));
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);
});
