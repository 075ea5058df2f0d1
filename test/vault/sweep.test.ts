import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime } from '../../daemon/base/clock.ts';
import { readChain } from '../../daemon/vault/chain.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import type { KeepRules } from '../../daemon/vault/retention.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';
import { type SweepOptions, type Swept, sweep } from '../../daemon/vault/sweep.ts';
import { planSweep } from '../../daemon/vault/sweep-plan.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { FaultStore } from '../store/fault.ts';
import { python, runReader } from './reader.ts';
import { noise, print, type Tree, WALL, World } from './world.ts';

const DAY = 86_400_000;
const GRACE = 7 * DAY;
const ALL = { most: 1000, mostLocks: 0, rules: { floor: 1, last: 1 } satisfies KeepRules };

/** Its own 300,000 bytes, and as many that every snapshot has. */
const treeOf = (day: number, size = 300_000): Tree => ({ shared: noise(size, 1), own: noise(size, 100 + day) });

describe('sweeping', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  /** Snapshots 1, 2 … of one source, a day apart, all of the same content but for a file of their own. */
  async function commit(from: number, to: number, size?: number): Promise<void> {
    for (let day = from; day <= to; day++) {
      await world.seal(treeOf(day, size), { wall: WALL + day * DAY });
      await world.ship();
    }
  }

  function run(wall: number, more: Partial<SweepOptions> = {}): Promise<Swept> {
    const { staging, state, vaultId, verifyKey, heads } = world;
    const signed: string[] = [];
    return sweep({
      store: world.store as Store & Remover,
      staging,
      state,
      vaultId,
      verifyKey,
      heads,
      graceMs: GRACE,
      wall,
      cleared: new Set(),
      ...ALL,
      sign: async (body) => {
        const one = signRecord(body, world.secrets.signing, { vaultId, heads: world.heads, graceEnds: wall + GRACE });
        world.heads = [...world.heads, one.hash];
        signed.push(one.hash);
        return one.signature;
      },
      committed: ({ head }) => {
        world.heads = [head];
      },
      ...more,
    });
  }

  const packs = async () => (await world.objects()).filter((name) => name.startsWith('packs/'));
  const restores = async (seq: number, day: number, size?: number) =>
    expect(print((await world.restore(String(seq))).tree)).toEqual(print(treeOf(day, size)));
  const sound = async (wall: number) =>
    expect(
      await verify({ store: world.store, verifyKey: world.verifyKey, key: world.key, readData: true, wall }),
    ).toMatchObject({ findings: [] });

  it('names what goes, waits for the grace to end, and then removes only what nothing else needs', async () => {
    await commit(1, 4);
    const before = await packs();
    expect(await run(WALL + 4 * DAY)).toMatchObject({ buried: [1, 2, 3], removed: 0 });
    expect(await packs()).toEqual(before);
    for (let day = 1; day <= 4; day++) await restores(day, day);
    expect(await run(WALL + 4 * DAY + GRACE - 1)).toMatchObject({ buried: [], removed: 0 });
    expect(await packs()).toEqual(before);

    const swept = await run(WALL + 4 * DAY + GRACE);
    expect(swept).toMatchObject({ buried: [], held: 0, left: 0 });
    expect(swept.bytes).toBeGreaterThan(600_000);
    expect((await packs()).length).toBeLessThan(before.length);
    await restores(4, 4);
    await sound(WALL + 4 * DAY + GRACE);
    // A reader that does not know the time takes nothing for expired.
    expect((await verify({ store: world.store, verifyKey: world.verifyKey, readData: false })).findings).not.toEqual(
      [],
    );
    expect(await run(WALL + 4 * DAY + GRACE)).toMatchObject({ buried: [], removed: 0, left: 0 });
    // What comes next builds on nothing that is gone.
    await commit(5, 5);
    await restores(6, 5);
    await sound(WALL + 5 * DAY + GRACE);
  });

  it('builds nothing on what is to go, while it is still there', async () => {
    await world.seal({ a: noise(300_000, 7) });
    await world.ship();
    await world.seal({ b: noise(300_000, 8) }, { wall: WALL + DAY });
    await world.ship();
    await run(WALL + DAY);
    expect((await world.seal({ b: noise(300_000, 8) }, { wall: WALL + DAY })).newBytes).toBeLessThan(100_000);
    await world.ship();
    expect((await world.seal({ a: noise(300_000, 7) }, { wall: WALL + 2 * DAY })).newBytes).toBeGreaterThan(300_000);
    await world.ship();
    await run(WALL + DAY + GRACE);
    expect(print((await world.restore('5')).tree)).toEqual(print({ a: noise(300_000, 7) }));
  });

  it('keeps what a batch in staging was built on before', async () => {
    await world.seal({ a: noise(300_000, 7) });
    await world.ship();
    await world.seal({ b: noise(300_000, 8) }, { wall: WALL + DAY });
    await world.ship();
    await world.seal({ a: noise(300_000, 7) }, { wall: WALL + 2 * DAY });
    await run(WALL + DAY);
    await run(WALL + DAY + GRACE);
    await world.ship();
    expect(print((await world.restore('4')).tree)).toEqual(print({ a: noise(300_000, 7) }));
  });

  it('keeps after all what a wider rule keeps before the grace is over', async () => {
    await commit(1, 3);
    await run(WALL + 3 * DAY);
    const wider = { rules: { floor: 1, last: 2 } };
    await run(WALL + 4 * DAY, wider);
    await run(WALL + 3 * DAY + GRACE, wider);
    await restores(2, 2);
    const snapshots = await world.snapshots();
    expect(snapshots.map(({ expires }) => expires)).toEqual([WALL + 3 * DAY + GRACE, undefined, undefined]);
    await sound(WALL + 3 * DAY + GRACE);
  });

  it('does nothing while a snapshot is suspicious, the chain is not whole or nothing says what to keep', async () => {
    await commit(1, 3);
    const chain = await readChain(world.store, world.vaultId, world.verifyKey);
    const input = { chain, rules: ALL.rules, wall: WALL + 3 * DAY, cleared: new Set<string>() };
    expect(planSweep(input)).toMatchObject({
      paused: undefined,
      bury: [{}, {}].map((_, at) => chain.records[at]?.hash),
    });
    expect(planSweep({ ...input, wall: undefined })).toMatchObject({
      paused: expect.stringContaining('clock'),
      bury: [],
    });
    expect(planSweep({ ...input, rules: undefined })).toMatchObject({
      paused: expect.stringContaining('vault.keep'),
      bury: [],
    });
    const doubted = chain.records.map((record, at) =>
      at === 1 && record.snapshot !== undefined
        ? { ...record, snapshot: { ...record.snapshot, status: 'suspicious' as const } }
        : record,
    );
    const suspicious = { ...input, chain: { records: doubted, refused: [] } };
    expect(planSweep(suspicious)).toMatchObject({ paused: expect.stringContaining('snapshot 2 is suspicious') });
    expect(planSweep({ ...suspicious, cleared: new Set([chain.records[1]?.hash ?? '']) })).toMatchObject({
      paused: undefined,
    });

    await run(WALL + 3 * DAY);
    await writeFile(join(world.root, 'snapshots', 'rubbish'), 'x');
    const before = await packs();
    expect(await run(WALL + 3 * DAY + GRACE)).toMatchObject({
      paused: expect.stringContaining('not whole'),
      removed: 0,
    });
    expect(await packs()).toEqual(before);
  });

  it('removes nothing when it cannot be read which packs have to stay', async () => {
    await commit(1, 3);
    await run(WALL + 3 * DAY);
    const before = await packs();
    const { store } = world;
    const last = (await world.snapshots()).at(-1)?.record.packsets.at(-1) ?? '';
    const blind = new Proxy(store as Store & Remover, {
      get: (target, member) =>
        member === 'get'
          ? async (name: string) => (name === `packsets/${last}` ? Buffer.from('{}') : target.get(name))
          : (target as never as Record<string | symbol, () => unknown>)[member]?.bind(target),
    });
    const elsewhere = { store: blind, state: join(world.folder, 'other-state') };
    await expect(run(WALL + 3 * DAY + GRACE, elsewhere)).rejects.toMatchObject({ code: 'vault.damaged' });
    expect(await packs()).toEqual(before);
  });

  it('removes no more at once than it is told to, and goes on', async () => {
    await commit(1, 4);
    await run(WALL + 4 * DAY);
    let rounds = 0;
    for (let left = 1; left > 0; rounds++) left = (await run(WALL + 4 * DAY + GRACE, { most: 2 })).left;
    expect(rounds).toBeGreaterThan(2);
    await restores(4, 4);
    await sound(WALL + 4 * DAY + GRACE);
  });

  it.each([
    ['the cable is pulled', undefined, false],
    ['the cable is pulled before the answer', undefined, true],
    ['the disk is full', 'store.full', false],
    ['a read or write fails after it was done', 'store.failed', true],
  ] as const)(
    'goes on after every operation in turn: %s',
    async (_, code, after) => {
      let fired = 0;
      for (let failAt = 1; ; failAt++) {
        await world.cleanUp();
        world = await World.create();
        await commit(1, 2, 10_000);
        const attempt = async (store: Store & Remover) => {
          const common = { store, graceMs: 0, sign: signer(WALL) };
          await run(WALL + 2 * DAY, common);
          await run(WALL + 2 * DAY + 1, common);
        };
        const faulty = new FaultStore(world.store, failAt, after, code);
        const failed = await attempt(faulty).then(
          () => false,
          () => true,
        );
        await restores(2, 2, 10_000);
        await attempt(world.store as Store & Remover);
        await restores(2, 2, 10_000);
        await sound(WALL + 2 * DAY + 1);
        expect((await world.objects()).filter((name) => name.startsWith('manifests/'))).toHaveLength(1);
        if (faulty.operations < failAt) {
          expect(failed).toBe(false);
          break;
        }
        fired++;
      }
      expect(fired).toBeGreaterThan(15);
    },
    240_000,
  );

  /** A keeper that grants no grace. */
  function signer(graceEnds: number) {
    return async (body: string) => {
      const { vaultId, heads } = world;
      const one = signRecord(body, world.secrets.signing, { vaultId, heads, graceEnds });
      world.heads = [...heads, one.hash];
      return one.signature;
    };
  }

  it('is signed only with its grace, and only when something may expire', async () => {
    await commit(1, 2);
    const refused = { code: 'vault.forged' };
    await expect(run(WALL + 2 * DAY, { graceMs: GRACE - 1 })).rejects.toMatchObject(refused);
    const { vaultId, heads } = world;
    const never = async (body: string) => signRecord(body, world.secrets.signing, { vaultId, heads }).signature;
    await expect(run(WALL + 2 * DAY, { sign: never })).rejects.toMatchObject(refused);
    expect((await world.snapshots()).map(({ expires }) => expires)).toEqual([undefined, undefined]);
  });

  it.runIf(python !== undefined)('is understood by the reader in Python', async () => {
    await commit(1, 3);
    const key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
    const reader = (...args: string[]) => runReader(world.root, key, ...args);
    // WALL is in the past of the clock that the reader has.
    await run(WALL + 3 * DAY, { graceMs: 0, sign: signer(0) });
    await run(WALL + 3 * DAY, { graceMs: 0, sign: signer(0) });
    const listed = await reader('list');
    expect(listed).toMatchObject({ status: 0, err: '' });
    expect(listed.out).toContain(`may be gone from ${isoTime(WALL + 3 * DAY).slice(0, 19)}Z on`);
    expect(listed.out.match(/expired/g)).toHaveLength(2);
    expect(await reader('verify')).toMatchObject({ status: 0, out: expect.stringContaining('2 of them expired') });
    expect(await reader('restore', '3', join(world.folder, 'third'))).toMatchObject({ status: 0, err: '' });
    expect(await reader('restore', '1', join(world.folder, 'first'))).toMatchObject({
      status: 1,
      err: expect.stringContaining('has expired'),
    });
    // Of one that has not expired it is damage.
    const pack = (await packs())[0] ?? '';
    await (world.store as Store & Remover).remove(pack);
    expect(await reader('verify')).toMatchObject({ status: 1, out: expect.stringContaining(pack) });
  });
});
