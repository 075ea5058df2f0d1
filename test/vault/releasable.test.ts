import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime } from '../../daemon/base/clock.ts';
import { createApplianceSecrets } from '../../daemon/vault/appliance-secrets.ts';
import { readChain } from '../../daemon/vault/chain.ts';
import { type ChainRecord, recordObject, signRecord, tombstoneBody } from '../../daemon/vault/record.ts';
import { type Releasable, type ReleaseOptions, releasable } from '../../daemon/vault/releasable.ts';
import type { KeepRules } from '../../daemon/vault/retention.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';
import { noise, WALL, World } from './world.ts';

const DAY = 86_400_000;
const GRACE = 7 * DAY;
const RULES = { floor: 1, last: 1 } satisfies KeepRules;
/** When the third and last snapshot was made, and its tombstone for the two before. */
const NOW = WALL + 3 * DAY;
const LATER = NOW + GRACE;

describe('what may lose its protection', () => {
  let world: World;
  let records: readonly ChainRecord[];

  beforeEach(async () => {
    world = await World.create();
    for (let day = 1; day <= 3; day++) {
      const tree = { shared: noise(300_000, 1), own: noise(300_000, 100 + day) };
      await world.seal(tree, { wall: WALL + day * DAY });
      await world.ship();
    }
    await look();
  });
  afterEach(() => world.cleanUp());

  async function look(): Promise<void> {
    ({ records } = await readChain(world.store, world.vaultId, world.verifyKey));
  }

  const bury = () => world.sweep({ rules: RULES, wall: NOW, graceMs: GRACE });

  /** By default every tombstone is immutable since `NOW`. */
  const ask = (more: Partial<ReleaseOptions> = {}): Promise<Releasable> =>
    releasable({
      store: world.store,
      vaultId: world.vaultId,
      verifyKey: world.verifyKey,
      rules: RULES,
      graceMs: GRACE,
      wall: LATER,
      cleared: new Set(),
      since: () => NOW,
      ...more,
    });

  /** What whoever holds `signing` puts into the vault: a tombstone for these snapshots, of his own dates. */
  async function sign(seqs: readonly number[], from: number, signing = world.secrets.signing): Promise<void> {
    await look();
    const last = records.at(-1);
    const [seq, previous] = [(last?.seq ?? 0) + 1, last?.hash ?? ''];
    const snapshots = seqs.map((one) => records[one - 1]?.hash ?? '');
    const { vaultId } = world;
    const body = tombstoneBody({ from: isoTime(from), snapshots, kept: [] }, vaultId, isoTime(from), seq, previous);
    const { signature } = signRecord(body, signing, { vaultId, heads: [previous], graceEnds: 0 });
    const { name, bytes } = recordObject(body, seq, signature);
    await world.store.put(name, bytes);
  }

  it('is nothing before anything is said to go, nor in its grace', async () => {
    expect(await ask()).toEqual({ names: new Set() });
    await bury();
    expect(await ask({ wall: LATER - 1 })).toEqual({ names: new Set() });
  });

  it('is exactly what the sweep would remove', async () => {
    await bury();
    const { paused, names } = await ask();
    expect(paused).toBeUndefined();
    expect([...names].map((name) => name.split('/')[0])).toEqual(
      expect.arrayContaining(['packs', 'manifests', 'packsets']),
    );
    const before = await world.objects();
    // A store that holds on to everything else.
    const { store } = world;
    const guarded = Object.assign(Object.create(store) as Store & Remover, {
      remove: async (name: string) => (names.has(name) ? (store as Store & Remover).remove(name) : 'held'),
      ...Object.fromEntries(
        (['put', 'settle', 'get', 'readBack', 'size', 'list'] as const).map((each) => [each, store[each].bind(store)]),
      ),
    });
    expect(await world.sweep({ rules: RULES, wall: LATER, graceMs: GRACE, store: guarded })).toMatchObject({
      held: 0,
      left: 0,
    });
    const after = await world.objects();
    expect(new Set(before.filter((name) => !after.includes(name)))).toEqual(names);
  });

  it.each([
    ['by a clock that is not trusted', { wall: undefined }, 'clock'],
    ['without rules', { rules: undefined }, 'vault.keep'],
  ])('is nothing %s', async (_, more, why) => {
    await bury();
    expect(await ask(more)).toEqual({ paused: expect.stringContaining(why), names: new Set() });
  });

  it('is nothing by a tombstone that can be changed, or could be less than a grace ago', async () => {
    await bury();
    expect((await ask({ since: () => undefined })).names.size).toBe(0);
    expect((await ask({ since: () => NOW + 1 })).names.size).toBe(0);
    expect((await ask({ since: () => NOW + 1, wall: LATER + 1 })).names.size).toBeGreaterThan(0);
  });

  it('is nothing by a tombstone that is dated back, until it has stood for a grace', async () => {
    await sign([1, 2], WALL);
    expect((await ask({ wall: LATER - 1 })).names.size).toBe(0);
    expect((await ask({ wall: LATER })).names.size).toBeGreaterThan(0);
  });

  it('is nothing by a tombstone of the future', async () => {
    await sign([1, 2], LATER + 1);
    expect((await ask()).names.size).toBe(0);
  });

  it('is nothing by a tombstone that another has signed', async () => {
    await sign([1, 2], WALL, createApplianceSecrets().signing);
    expect(await ask()).toEqual({ paused: expect.stringContaining('not whole'), names: new Set() });
  });

  it('is nothing that the rules keep, whatever the appliance has signed', async () => {
    await sign([1, 2, 3], WALL);
    const { names } = await ask();
    expect(names.size).toBeGreaterThan(0);
    expect(names.has(`manifests/${records[2]?.snapshot?.manifest.name}`)).toBe(false);
    expect((await ask({ rules: { floor: 3 } })).names.size).toBe(0);
    expect((await ask({ rules: { floor: 1, daily: 2 } })).names).not.toContain(
      `manifests/${records[1]?.snapshot?.manifest.name}`,
    );
  });

  it('is nothing while a suspicious snapshot waits for a person', async () => {
    await world.sweep({ rules: RULES, wall: NOW, graceMs: GRACE });
    const doubted = { shared: noise(300_000, 9) };
    const sealed = await world.seal(doubted, { wall: NOW + DAY });
    await makeSuspicious(sealed.batch);
    await world.ship();
    await look();
    expect(records.at(-1)?.snapshot?.status).toBe('suspicious');
    const seq = records.at(-1)?.seq ?? 0;
    expect(await ask()).toEqual({ paused: expect.stringContaining(`snapshot ${seq} is suspicious`), names: new Set() });
    expect(await ask({ cleared: new Set([seq - 1]) })).toMatchObject({ names: new Set() });
    expect((await ask({ cleared: new Set([seq]) })).names.size).toBeGreaterThan(0);
  });

  it('is nothing while the chain is not whole', async () => {
    await bury();
    await writeFile(join(world.root, 'snapshots', 'rubbish'), 'x');
    expect(await ask()).toEqual({ paused: expect.stringContaining('not whole'), names: new Set() });
  });

  it('cannot be told while a list of a snapshot that stays cannot be read', async () => {
    await bury();
    const lists = new Set(records[2]?.snapshot?.packsets);
    const blind: Store = Object.assign(Object.create(world.store) as Store, {
      list: world.store.list.bind(world.store),
      get: async (name: string) => (lists.has(name.slice(-64)) ? Buffer.from('{}') : await world.store.get(name)),
    });
    await expect(ask({ store: blind })).rejects.toMatchObject({ code: 'vault.damaged' });
  });

  async function makeSuspicious(batch: string): Promise<void> {
    const path = join(world.staging, batch, 'draft.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"status":"complete"', '"status":"suspicious"'));
  }
});
