import { lstat, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, print, type Tree, World } from './world.ts';

describe('seal, ship and restore', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  const tree: Tree = {
    docs: null,
    'docs/readme.txt': Buffer.from('hello'),
    'docs/empty': Buffer.alloc(0),
    'docs/link': { link: '../big' },
    'na\xffme': Buffer.from('not UTF-8'),
    'zeile\nzwei': Buffer.from('a line feed in a name'),
    big: noise(9_000_000, 1),
    zeros: Buffer.alloc(3_000_000),
  };

  it('gives back every byte', async () => {
    const sealed = await world.seal(tree);
    expect(sealed).toMatchObject({ files: 6, problemCount: 0, bytes: 12_000_035, removed: [] });
    const shipped = await world.ship();
    expect(shipped).toMatchObject({ orphans: 0, verifiedBytes: shipped.bytes });
    expect(await world.snapshots()).toMatchObject([
      { seq: 1, status: 'complete', source: { name: 'files', kind: 'directory' } },
    ]);
    const { tree: back, restored } = await world.restore('1');
    expect(restored).toEqual({ files: 6, bytes: 12_000_035, failures: [], notes: [] });
    expect(print(back)).toEqual(print(tree));
    expect(
      await verify({ store: world.store, verifyKey: world.verifyKey, key: world.key, readData: true }),
    ).toMatchObject({ findings: [], snapshots: 1, orphans: 0 });
  });

  it('restores one path', async () => {
    await world.seal(tree);
    await world.ship();
    expect(print((await world.restore('1', 'docs')).tree)).toEqual(
      print(Object.fromEntries(Object.entries(tree).filter(([path]) => path.startsWith('docs')))),
    );
    expect(print((await world.restore('1', 'na\xffme')).tree)).toEqual(print({ 'na\xffme': tree['na\xffme'] ?? null }));
    await expect(world.restore('1', 'doc')).rejects.toMatchObject({ code: 'vault.snapshot' });
  });

  it('writes the same content once', async () => {
    const first = await world.seal({ big: noise(9_000_000, 1) });
    await world.ship();
    const again = await world.seal({ big: noise(9_000_000, 1) });
    expect(first.newBytes).toBeGreaterThan(9_000_000);
    expect(again.newBytes).toBeLessThan(4_000);
    await world.ship();
    const changed = noise(9_000_000, 1);
    changed[4_500_000] = (changed[4_500_000] ?? 0) ^ 1;
    const third = await world.seal({ big: changed });
    expect(third.newBytes).toBeLessThan(4 << 20);
    expect(third.newBytes).toBeGreaterThan(200_000);
    await world.ship();
    expect(print((await world.restore('3')).tree)).toEqual(print({ big: changed }));
    expect(print((await world.restore('2')).tree)).toEqual(print({ big: noise(9_000_000, 1) }));
  });

  it('builds on a batch that is still in staging', async () => {
    await world.seal({ big: noise(2_000_000, 1) });
    const second = await world.seal({ big: noise(2_000_000, 1), small: Buffer.from('x') });
    expect(second.newBytes).toBeLessThan(4_000);
    expect((await world.ship()).committed).toHaveLength(2);
    expect(print((await world.restore('2')).tree)).toEqual(
      print({ big: noise(2_000_000, 1), small: Buffer.from('x') }),
    );
  });

  it('survives the loss of everything it remembers', async () => {
    await world.seal({ big: noise(2_000_000, 1) });
    await world.ship();
    await rm(world.state, { recursive: true });
    const again = await world.seal({ big: noise(2_000_000, 1) });
    expect(again.newBytes).toBeGreaterThan(2_000_000);
    await world.ship();
    expect(print((await world.restore('2')).tree)).toEqual(print({ big: noise(2_000_000, 1) }));
  });

  it.each([
    ['its time', 0n, 1n],
    ['its size', 1n, 0n],
  ])('does not take a file for whole that changed between being found and being read: %s', async (_, size, time) => {
    const path = join(world.folder, 'file');
    await writeFile(path, 'content');
    const stats = await lstat(path, { bigint: true });
    const entries = async function* () {
      yield {
        ...({ kind: 'file', path: Buffer.from('f'), mode: 0o600, uid: 0, gid: 0 } as const),
        mtimeNs: stats.mtimeNs - time,
        content: { from: 'path', path: Buffer.from(path), size: Number(stats.size - size) },
      } as const;
    };
    expect((await world.seal(entries())).problems).toEqual(['f: changed while it was read']);
    await world.ship();
    const { restored, tree } = await world.restore('1');
    expect(restored.failures).toEqual([{ path: 'f', reason: 'changed while it was read' }]);
    expect(print(tree)).toEqual({ f: 'content' });
  });

  it('reads files from disk, and tells those it cannot read', async () => {
    const path = join(world.folder, 'source');
    await writeFile(path, noise(300_000, 5));
    const { mtimeNs } = await lstat(path, { bigint: true });
    const common = { mode: 0o600, mtimeNs, uid: 0, gid: 0, kind: 'file' } as const;
    const entries = async function* () {
      yield {
        ...common,
        path: Buffer.from('a'),
        content: { from: 'path', path: Buffer.from(path), size: 300_000 },
      } as const;
      yield {
        ...common,
        path: Buffer.from('b'),
        content: { from: 'path', path: Buffer.from(`${path}-gone`), size: 3 },
      } as const;
      yield { kind: 'problem', path: Buffer.from('c'), reason: 'permission denied' } as const;
    };
    const sealed = await world.seal(entries());
    expect(sealed).toMatchObject({ files: 1, problemCount: 2 });
    expect(sealed.problems).toEqual([expect.stringMatching(/^b: ENOENT/), 'c: permission denied']);
    await world.ship();
    expect(await world.snapshots()).toMatchObject([{ status: 'partial' }]);
    const { tree: back, restored } = await world.restore('1');
    expect(print(back)).toEqual(print({ a: noise(300_000, 5) }));
    expect(restored.failures.map(({ path: at }) => at)).toEqual(['b', 'c']);
  });
});
