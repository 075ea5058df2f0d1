import { chmod, lstat, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Restored, restore } from '../../daemon/vault/restore.ts';
import { directoryTarget } from '../../daemon/vault/restore-directory.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { noise, print, readTree, type Tree, World } from './world.ts';

/** More short files than go to one thread at once, in bundles and not, and one that is opened ahead. */
function manyFiles(): Tree {
  const tree: Tree = { long: noise(17_000_000, 1), link: { link: 'd0/f1' } };
  for (let folder = 0; folder < 4; folder++) {
    tree[`d${folder}`] = null;
    for (let file = 0; file < 300; file++) {
      const length = file % 50 === 0 ? 200_000 : file % 7 === 0 ? 0 : 20 + file;
      // Some contents are there twice.
      tree[`d${folder}/f${file}`] = noise(length, file % 11 === 0 ? file : 1000 * folder + file);
    }
  }
  tree['na\xffme'] = Buffer.from('not UTF-8');
  return tree;
}

describe('restoring with threads', () => {
  let world: World;
  const tree = manyFiles();
  beforeEach(async () => {
    world = await World.create();
    await world.seal(tree);
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  let restores = 0;
  async function restored(threads: number, more: { check?: boolean } = {}): Promise<{ tree: Tree; result: Restored }> {
    const to = join(world.folder, `threads-${++restores}`);
    const vault = await openVault(world.store, world.key);
    const snapshot = (await vault.snapshots()).at(-1);
    if (snapshot === undefined) throw new Error('no snapshot');
    const target = await directoryTarget({ to, resume: false, what: '1', check: false, ...more });
    const result = await restore({ vault, snapshot, target, threads });
    return { tree: await readTree(to), result };
  }
  const failed = ({ failures }: Restored) => failures.map(({ path }) => path).sort();

  it('gives what one thread gives', async () => {
    for (const more of [{}, { check: true }]) {
      const { tree: back, result } = await restored(2, more);
      expect(result).toMatchObject({
        failures: [],
        notes: [],
        files: Object.values(tree).filter(Buffer.isBuffer).length,
      });
      expect(print(back)).toEqual(print(tree));
      const { mtimeNs } = await lstat(join(world.folder, `threads-${restores}`, 'd0/f1'), { bigint: true });
      expect(mtimeNs).toBe(1_700_000_000_123_456_789n);
    }
  }, 60_000);

  it('is all but what was in a lost or damaged pack, and says so of the same files', async () => {
    const packs = (await world.objects()).filter((name) => name.startsWith('packs/'));
    expect(packs.length).toBeGreaterThan(2);
    let lost = 0;
    for (const [round, pack] of packs.entries()) {
      const at = join(world.root, pack);
      const kept = await readFile(at);
      await chmod(join(at, '..'), 0o700);
      await rename(at, `${at}.kept`);
      if (round % 2 === 0) {
        const spoilt = Buffer.from(kept);
        for (let byte = 100; byte < spoilt.length - 20_000; byte += 5_000) spoilt[byte] = (spoilt[byte] ?? 0) ^ 1;
        await writeFile(at, spoilt);
      }
      const alone = await restored(0);
      const together = await restored(2);
      expect(together.result).toMatchObject({ files: alone.result.files, bytes: alone.result.bytes });
      expect(failed(together.result)).toEqual(failed(alone.result));
      expect(print(together.tree)).toEqual(print(alone.tree));
      lost += alone.result.failures.length;
      await rename(`${at}.kept`, at);
    }
    expect(lost).toBeGreaterThan(0);
  }, 120_000);

  it('keeps the first of a path that is there twice, out of order too', async () => {
    const entries = async function* () {
      for (const [path, content] of [
        ...Array.from({ length: 700 }, (_, index) => [`f${String(index).padStart(3, '0')}`, `first ${index}`]),
        ['f010', 'second 10'],
        ...Array.from({ length: 600 }, (_, index) => [`g${String(index).padStart(3, '0')}`, `g ${index}`]),
        ['f699', 'second 699'],
      ] as [string, string][]) {
        const open = async function* () {
          yield Buffer.from(content);
        };
        const common = { path: Buffer.from(path), mode: 0o644, mtimeNs: 5n, uid: 0, gid: 0 };
        yield { ...common, kind: 'file', content: { from: 'stream', open } } as const;
      }
    };
    await world.seal(entries());
    await world.ship();
    const to = join(world.folder, 'twice');
    const vault = await openVault(world.store, world.key);
    const snapshot = (await vault.snapshots()).at(-1)!;
    const target = await directoryTarget({ to, resume: false, what: '2', check: false });
    const result = await restore({ vault, snapshot, target, threads: 2 });
    expect(failed(result)).toEqual(['f010', 'f699']);
    expect(await readFile(join(to, 'f010'), 'utf8')).toBe('first 10');
    expect(await readFile(join(to, 'f699'), 'utf8')).toBe('first 699');
    expect(await readFile(join(to, 'g599'), 'utf8')).toBe('g 599');
  }, 60_000);
});
