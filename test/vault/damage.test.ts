import { chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { createVault } from '../../daemon/vault/create.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { directoryTarget } from '../../daemon/vault/restore-directory.ts';
import { listBatches, stagedPath } from '../../daemon/vault/staging.ts';
import type { Store } from '../../daemon/vault/store.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { FaultStore } from '../store/fault.ts';
import { python, runReader } from './reader.ts';
import { noise, print, readTree, type Tree, WALL, World } from './world.ts';

const tree: Tree = {
  a: noise(6_000_000, 1),
  b: noise(6_000_000, 2),
  c: noise(6_000_000, 3),
  d: Buffer.from('small'),
};

describe('bad input', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
    await world.seal(tree);
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  const check = (more: { readData?: boolean; withKey?: boolean } = {}) =>
    verify({
      store: world.store,
      verifyKey: world.verifyKey,
      readData: more.readData ?? true,
      ...(more.withKey === true ? { key: world.key } : {}),
    });
  const packs = async () => (await world.objects()).filter((name) => name.startsWith('packs/')).sort();
  async function spoil(name: string): Promise<void> {
    const path = join(world.root, name);
    await chmod(path, 0o600);
    const bytes = await readFile(path);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }

  it('one flipped bit in any object is named by verify, without a key', async () => {
    for (const name of await world.objects()) {
      if (name === 'FORMAT') continue;
      await spoil(name);
      const { findings } = await check();
      expect(findings.map(({ object }) => object)).toContain(name);
      await spoil(name);
    }
    expect((await check()).findings).toEqual([]);
  });

  it('a missing object is named with the snapshots that need it', async () => {
    for (const name of await world.objects()) {
      // An index can be made again from the packs, the appliance's keys are needed by no snapshot alone.
      if (/^(FORMAT|index|keys\/appliance|snapshots)/.test(name)) continue;
      const bytes = await readFile(join(world.root, name));
      await rm(join(world.root, name));
      const { findings } = await check({ readData: false });
      expect(findings).toContainEqual({ object: name, problem: 'is missing', snapshots: [1] });
      await writeFile(join(world.root, name), bytes);
    }
  });

  it('a truncated pack costs only the files in it, and verify with the key names them', async () => {
    const [name = ''] = await packs();
    await chmod(join(world.root, name), 0o600);
    await truncate(join(world.root, name), Math.floor(((await world.store.size(name)) ?? 0) / 2));
    expect((await check({ readData: false })).findings).toMatchObject([{ object: name, snapshots: [1] }]);
    const { tree: back, restored } = await world.restore('1');
    const { findings } = await check({ withKey: true });
    const named = findings.filter(({ path }) => path !== undefined).map(({ path }) => path);
    const lost = restored.failures.map(({ path }) => path);
    expect(named.sort()).toEqual([...lost].sort());
    for (const [path, content] of Object.entries(print(tree))) {
      if (lost.includes(path)) expect(back[path]).toBeUndefined();
      else if (path in back) expect(print(back)[path]).toBe(content);
    }
  });

  it('each pack lost alone loses some files, never all, and never gives wrong bytes', async () => {
    const results = new Set<string>();
    for (const name of await packs()) {
      const path = join(world.root, name);
      const bytes = await readFile(path);
      await rm(path);
      const { tree: back, restored } = await world.restore('1');
      expect(restored.failures.length).toBeGreaterThan(0);
      for (const [file, content] of Object.entries(print(back))) expect(content).toBe(print(tree)[file]);
      results.add(Object.keys(back).join());
      await writeFile(path, bytes);
    }
    expect(results.size).toBeGreaterThan(1);
  });

  it('what the vault lost is sealed again, and old snapshots are whole again with it', async () => {
    // The largest: small contents and short lists are salted, and nothing brings those back.
    const sizes = await Promise.all(
      (await packs()).map(async (name) => ({ name, size: await world.store.size(name) })),
    );
    const { name } = sizes.sort((one, two) => (two.size ?? 0) - (one.size ?? 0))[0]!;
    await rm(join(world.root, name));
    await world.seal({ ...tree, e: Buffer.from('new') });
    const before = await world.objects();
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete' });
    // Nothing is written for a batch that is given up: nobody could take it away again.
    expect(await world.objects()).toEqual(before);
    expect(await world.snapshots()).toHaveLength(1);
    await world.seal({ ...tree, e: Buffer.from('new') });
    await world.ship();
    const { tree: back, restored } = await world.restore('2');
    expect(restored.failures).toEqual([]);
    expect(print(back)).toEqual(print({ ...tree, e: Buffer.from('new') }));
    for (const path of ['a', 'b', 'c'] as const)
      expect(print((await world.restore('1', path)).tree)[path]).toBe(print(tree)[path]);
  });

  it('a vault that lost the objects of the appliance is still read, and verify says what is lost', async () => {
    const lost = (await world.objects()).filter((name) => name.startsWith('keys/appliance-'));
    expect(lost).toHaveLength(1);
    await rm(join(world.root, lost[0] ?? ''));
    expect(print((await world.restore('1')).tree)).toEqual(print(tree));
    for (const withKey of [false, true]) {
      expect((await check({ withKey })).findings).toMatchObject([{ object: 'keys/', snapshots: [] }]);
    }
    if (python === undefined) return;
    const key = join(world.folder, 'recovery.key');
    const to = join(world.folder, 'out');
    await writeFile(key, formatRecoveryKey(world.key));
    expect(await runReader(world.root, key, 'restore', '1', to)).toMatchObject({ status: 0 });
    expect(print(await readTree(to))).toEqual(print(tree));
    expect(await runReader(world.root, key, 'verify')).toMatchObject({ status: 1 });
  });

  it('a pack set that is damaged in the vault is not built on', async () => {
    const [set = ''] = (await world.objects()).filter((name) => name.startsWith('packsets/'));
    await spoil(set);
    await world.seal({ ...tree, e: noise(50_000, 5) });
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete', what: expect.stringContaining(set) });
    await world.seal({ ...tree, e: noise(50_000, 5) });
    await world.ship();
    const [record] = (await world.snapshots()).slice(-1);
    expect(record?.record.packsets).not.toContain(basename(set));
    expect((await check()).findings.map(({ object, snapshots }) => [object, snapshots])).toEqual([[set, [1]]]);
  });

  it('packs whose session key is damaged are not built on', async () => {
    const [session = ''] = (await world.objects()).filter((name) => name.startsWith('keys/session-'));
    await spoil(session);
    await world.seal({ ...tree, e: noise(50_000, 5) });
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete' });
    await world.seal({ ...tree, e: noise(50_000, 5) });
    await world.ship();
    expect(print((await world.restore('2')).tree)).toEqual(print({ ...tree, e: noise(50_000, 5) }));
  });

  it('an object that cannot be read is not waited for', async () => {
    const other: Tree = { f: noise(50_000, 6) };
    await world.seal(other);
    const [batch] = await listBatches(world.staging);
    const pack = batch?.draft.objects.find((name) => name.startsWith('packs/')) ?? '';
    // Nobody can read a directory as a file: a bad sector, for want of one.
    await mkdir(join(world.root, pack), { recursive: true });
    await expect(world.ship()).rejects.toMatchObject({ code: 'store.failed' });
    await world.seal(other);
    expect((await world.ship()).committed).toHaveLength(1);
  });

  it('foreign files in the vault stop no ship', async () => {
    await writeFile(join(world.root, 'snapshots', '.DS_Store'), 'x');
    await writeFile(join(world.root, 'packsets', 'Thumbs.db'), 'x');
    await mkdir(join(world.root, 'packs', 'zz'));
    await writeFile(join(world.root, 'packs', 'zz', 'stray'), 'x');
    await world.seal({ f: noise(50_000, 6) });
    expect(await world.ship()).toMatchObject({ committed: [{ seq: 2 }], orphans: 1 });
    const named = (await check()).findings.map(({ object }) => object);
    expect(named.sort()).toEqual(['packs/zz/stray', 'packsets/Thumbs.db', 'snapshots/.DS_Store']);
  });

  it('an object missing in staging drops its batch, so that the queue goes on', async () => {
    const sealed = await world.seal({ x: noise(100_000, 9) });
    await rm(join(world.staging, sealed.batch, 'packs'), { recursive: true });
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.staging' });
    expect(await listBatches(world.staging)).toEqual([]);
    await world.seal({ x: noise(100_000, 9) });
    expect((await world.ship()).committed).toHaveLength(1);
  });

  it('damaged staging is found before it reaches the vault', async () => {
    const sealed = await world.seal({ x: noise(100_000, 9) });
    const [batch] = await listBatches(world.staging);
    const pack = batch?.draft.objects.find((name) => name.startsWith('packs/')) ?? '';
    const path = stagedPath(world.staging, sealed.batch, pack);
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.staging' });
    expect(await world.snapshots()).toHaveLength(1);
    expect((await check()).findings).toEqual([]);
  });

  it('a store that is no vault, another vault, and another key are refused', async () => {
    const empty = join(world.folder, 'empty');
    await mkdir(empty);
    await expect(openVault(new DirectoryStore(empty), world.key)).rejects.toMatchObject({ code: 'vault.absent' });
    await expect(openVault(new DirectoryStore(join(empty, 'none')), world.key)).rejects.toMatchObject({
      code: 'store.gone',
    });
    await writeFile(join(empty, 'FORMAT'), 'something else');
    await expect(openVault(new DirectoryStore(empty), world.key)).rejects.toMatchObject({ code: 'vault.absent' });
    await writeFile(
      join(empty, 'FORMAT'),
      (await readFile(join(world.root, 'FORMAT'), 'utf8')).replace('"version":1', '"version":2'),
    );
    await expect(openVault(new DirectoryStore(empty), world.key)).rejects.toMatchObject({ code: 'vault.version' });

    const other = await World.create();
    await expect(openVault(other.store, world.key)).rejects.toMatchObject({ code: 'vault.other' });
    await world.seal({ x: Buffer.from('x') });
    const before = await other.objects();
    await expect(world.ship(other.store)).rejects.toMatchObject({ code: 'vault.other' });
    expect(await other.objects()).toEqual(before);
    await other.cleanUp();

    const stranger = createRecoveryKey(world.vaultId, world.verifyKey);
    await expect(openVault(world.store, stranger)).rejects.toMatchObject({ code: 'vault.recipient' });
  });

  it('a vault is made once', async () => {
    const { secrets, recipients } = world;
    const other = { vaultId: Buffer.alloc(16, 7), secrets, recipients, wall: WALL };
    const before = await world.objects();
    await expect(createVault(world.store, other)).rejects.toMatchObject({ code: 'vault.exists' });
    expect(await world.objects()).toEqual(before);
  });

  it('a vault whose making was cut short is finished later, and all of FORMAT is signed for', async () => {
    const { vaultId, secrets, recipients } = world;
    const half = join(world.folder, 'half');
    await mkdir(half);
    const store = new DirectoryStore(half);
    const make = (on: Store, wall: number) => createVault(on, { vaultId, secrets, recipients, wall });
    await expect(make(new FaultStore(store, 2), WALL)).rejects.toMatchObject({ code: 'store.gone' });
    await make(store, WALL + 60_000);
    expect((await verify({ store, verifyKey: world.verifyKey, readData: true })).findings).toEqual([]);
    const path = join(half, 'FORMAT');
    await chmod(path, 0o600);
    await writeFile(path, (await readFile(path, 'utf8')).replace('2026', '2025'));
    expect((await verify({ store, verifyKey: world.verifyKey, readData: true })).findings).toMatchObject([
      { object: 'FORMAT' },
    ]);
  });

  it('nothing is restored over anything', async () => {
    const into = directoryTarget({ to: world.state, resume: false, what: '1', check: false });
    await expect(into).rejects.toMatchObject({ code: 'vault.destination' });
  });
});
