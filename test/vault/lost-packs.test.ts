import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { type LostPack, readLost, rememberLost } from '../../daemon/vault/lost-packs.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { tellSeal } from '../../daemon/vault/tell-seal.ts';
import { type Verified, verify } from '../../daemon/vault/verify.ts';
import { noise, print, type Tree, World } from './world.ts';

// Two packs of content, so that one of them is built on after the other is lost.
const tree: Tree = { a: noise(9_000_000, 1), b: noise(3_000_000, 2) };

describe('what verify finds damaged or gone', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
    await world.seal(tree);
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  const check = (more: Partial<Parameters<typeof verify>[0]> = {}): Promise<Verified> =>
    verify({ store: world.store, verifyKey: world.verifyKey, readData: true, ...more });
  /** As `portcullis verify` on the appliance. */
  async function verifyAndTell(): Promise<Verified> {
    const found = await check();
    await tellSeal(world.store, world.state, world.vaultId, found);
    return found;
  }
  const named = async (pattern: RegExp) => (await world.objects()).find((name) => pattern.test(name)) ?? '';
  /** The pack that holds the files' content. */
  async function contentPack(): Promise<string> {
    for (const name of await world.objects())
      if (name.startsWith('packs/') && ((await world.store.size(name)) ?? 0) > 1_000_000) return name;
    throw new Error('no such pack');
  }
  async function spoil(name: string): Promise<void> {
    const path = join(world.root, name);
    await chmod(path, 0o600);
    const bytes = await readFile(path);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }
  const hashOf = (name: string) => name.slice(-64);

  it.each(['damaged', 'gone'])(
    'is sealed again when a pack is %s: the new snapshot is whole, the old one named',
    async (how) => {
      const pack = await contentPack();
      if (how === 'damaged') await spoil(pack);
      else await rm(join(world.root, pack));
      const found = await verifyAndTell();
      expect(found.findings).toMatchObject([{ object: pack, snapshots: [1] }]);
      expect(found.unusable).toMatchObject({ packs: [{ pack: hashOf(pack) }], packSets: [] });

      expect((await world.seal(tree)).newBytes).toBeGreaterThan(1_000_000);
      expect((await world.ship()).committed).toMatchObject([{ seq: 2 }]);
      const { tree: back, restored } = await world.restore('2');
      expect(restored.failures).toEqual([]);
      expect(print(back)).toEqual(print(tree));
      expect((await check()).findings).toMatchObject([{ object: pack, snapshots: [1] }]);

      // And from then on it is known again.
      expect((await world.seal({ ...tree, c: Buffer.from('c') })).newBytes).toBeLessThan(10_000);
      await world.ship();
      expect((await check()).findings).toMatchObject([{ object: pack, snapshots: [1] }]);
    },
  );

  it('would be built on without a word of it: that is what this is for', async () => {
    const pack = await contentPack();
    await spoil(pack);
    await world.seal(tree);
    await world.ship();
    expect((await check()).findings).toMatchObject([{ object: pack, snapshots: [1, 2] }]);
  });

  it('is not committed from a batch that was sealed before it was found, nor from one sealed after on top of that', async () => {
    await world.seal({ ...tree, x: noise(500_000, 7) });
    await spoil(await contentPack());
    await verifyAndTell();
    const after: Tree = { x: noise(500_000, 7) };
    await world.seal(after);
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete' });
    // The one sealed with the knowledge needs nothing of the dropped one, and goes in with the next attempt.
    expect((await listBatches(world.staging)).length).toBe(1);
    expect((await world.ship()).committed).toHaveLength(1);
    expect(print((await world.restore('2')).tree)).toEqual(print(after));
  });

  it('counts with the session key: packs that nobody can open are sealed again', async () => {
    const session = await named(/^keys\/session-/);
    await spoil(session);
    const { unusable } = await verifyAndTell();
    const packs = (await world.objects()).filter((name) => name.startsWith('packs/')).map(hashOf);
    expect(unusable.packs.map(({ pack }) => pack).sort()).toEqual(packs.sort());
    expect(unusable.packs[0]?.problem).toContain(session);
    await world.seal(tree);
    await world.ship();
    expect(print((await world.restore('2')).tree)).toEqual(print(tree));
  });

  it('counts with pack sets: a damaged one is named no more, and the ship goes through at once', async () => {
    const set = await named(/^packsets\//);
    await spoil(set);
    const { unusable } = await verifyAndTell();
    expect(unusable).toEqual({ packs: [], packSets: [set] });
    await world.seal(tree);
    expect((await world.ship()).committed).toHaveLength(1);
    const record = (await world.snapshots()).at(-1)?.record;
    expect(record?.packsets).not.toContain(hashOf(set));
  });

  it('does not count packs that only open for another recipient', async () => {
    const other = createRecoveryKey(world.vaultId, world.verifyKey);
    world.recipients = [other.publicKey];
    await world.seal({ z: noise(50_000, 9) });
    await world.ship();
    const found = await check({ key: world.key });
    expect(found.findings.length).toBeGreaterThan(0);
    expect(found.unusable.packs).toEqual([]);
  });

  it('notes nothing when the vault has gone away, or is another one', async () => {
    await rm(join(world.root, await contentPack()));
    const found = await check();
    const empty = new DirectoryStore(join(world.folder, 'nothing'));
    await expect(tellSeal(empty, world.state, world.vaultId, found)).rejects.toMatchObject({ code: 'store.gone' });
    await expect(tellSeal(world.store, world.state, Buffer.alloc(16), found)).rejects.toMatchObject({
      code: 'vault.other',
    });
    expect((await readLost(world.state)).size).toBe(0);
  });
});

describe('the list of lost packs', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());
  const lost = (n: number): LostPack => ({ pack: n.toString(16).padStart(64, '0'), problem: `is missing\n${n}` });

  it('keeps each pack once, with its problem in one line', async () => {
    await rememberLost(world.state, [lost(1), lost(2)]);
    await rememberLost(world.state, [lost(2), lost(3)]);
    expect([...(await readLost(world.state))]).toEqual([1, 2, 3].map((n) => [lost(n).pack, `is missing ${n}`]));
  });

  it('loses nothing when several note at once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => rememberLost(world.state, [lost(n), lost(100 + n)])));
    expect((await readLost(world.state)).size).toBe(40);
  });

  it('loses only the torn line when a power cut tears it, wherever', async () => {
    await rememberLost(world.state, [lost(1), lost(2)]);
    const whole = await readFile(join(world.state, 'lost'));
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(join(world.state, 'lost'), whole.subarray(0, length));
      await rememberLost(world.state, [lost(3)]);
      const packs = [...(await readLost(world.state)).keys()];
      expect(packs).toContain(lost(3).pack);
      if (length > whole.length / 2) expect(packs).toContain(lost(1).pack);
    }
  });

  it('that is there and cannot be read stops the seal: it is not taken for an empty one', async () => {
    await mkdir(join(world.state, 'lost'), { recursive: true });
    await expect(world.seal(tree)).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await listBatches(world.staging)).toEqual([]);
  });
});
