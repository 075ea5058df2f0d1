import { chmod, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { python, runReader } from './reader.ts';
import { noise, print, readTree, type Tree, World } from './world.ts';

describe.skipIf(python === undefined)('the stand-alone reader', () => {
  let world: World;
  let key: string;
  beforeEach(async () => {
    world = await World.create();
    key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
  });
  afterEach(() => world.cleanUp());

  const run = (...args: string[]) => runReader(world.root, key, ...args);
  const tree: Tree = {
    docs: null,
    'docs/readme.txt': Buffer.from('hello'),
    'docs/empty': Buffer.alloc(0),
    'docs/link': { link: '../big' },
    'na\xffme': Buffer.from('not UTF-8'),
    big: noise(9_000_000, 1),
    zeros: Buffer.alloc(3_000_000),
  };

  it('lists, restores and verifies what the daemon wrote', async () => {
    await world.seal(tree);
    await world.seal({ ...tree, more: noise(100_000, 3) });
    await world.ship();
    expect(await run('list')).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^1\t.*\tcomplete\tfiles\t5 files\t.*\n2\t.*\tfiles\t6 files/),
    });
    expect((await run('ls', '1', 'docs')).out).toMatch(/docs\/readme\.txt\n/);
    const to = join(world.folder, 'out');
    expect(await run('restore', '2', to)).toMatchObject({ status: 0, err: '' });
    expect(print(await readTree(to))).toEqual(print({ ...tree, more: noise(100_000, 3) }));
    expect(await run('restore', '1', join(world.folder, 'part'), '--path', 'docs/readme.txt')).toMatchObject({
      status: 0,
    });
    expect(print(await readTree(join(world.folder, 'part')))).toEqual({ docs: null, 'docs/readme.txt': 'hello' });
    expect(await run('verify')).toMatchObject({ status: 0, err: '' });
  });

  it('restores without any index, from the footers', async () => {
    await world.seal(tree);
    await world.ship();
    await rm(join(world.root, 'index'), { recursive: true });
    const to = join(world.folder, 'out');
    expect(await run('restore', '1', to)).toMatchObject({ status: 0, err: '' });
    expect(print(await readTree(to))).toEqual(print(tree));
    expect(print((await world.restore('1')).tree)).toEqual(print(tree));
  });

  it('refuses what is no vault, another vault, a wrong key and no key', async () => {
    await world.seal(tree);
    await world.ship();
    expect(await runReader(world.folder, key, 'list')).toMatchObject({
      status: 2,
      err: expect.stringMatching('no vault'),
    });
    expect(await runReader(world.root, join(world.folder, 'none'), 'list')).toMatchObject({ status: 2 });
    const other = await World.create();
    expect(await runReader(other.root, key, 'list')).toMatchObject({
      status: 2,
      err: expect.stringMatching('this is vault'),
    });
    await other.cleanUp();
    await writeFile(key, formatRecoveryKey(createRecoveryKey(world.vaultId, world.verifyKey)));
    expect(await run('list')).toMatchObject({
      status: 2,
      err: expect.stringMatching('not encrypted to this recovery key'),
    });
    await writeFile(
      key,
      formatRecoveryKey(world.key).replace(/(private-key: .)./, (_, start) => `${start}z`),
    );
    expect(await run('list')).toMatchObject({ status: 2, err: expect.stringMatching('line 6') });
  });

  it('restores what a truncated pack leaves, and says what it does not', async () => {
    await world.seal({ a: noise(9_000_000, 1), b: noise(9_000_000, 2) });
    await world.ship();
    const packs = (await world.objects()).filter((name) => name.startsWith('packs/'));
    const file = join(world.root, packs.sort()[0] ?? '');
    await chmod(file, 0o600);
    await truncate(file, Math.floor((await stat(file)).size / 2));
    const verified = await run('verify');
    expect(verified.status).toBe(1);
    expect(verified.out).toContain(packs[0]);
    expect((await run('restore', '1', join(world.folder, 'out'))).status).toBe(1);
  });
});
