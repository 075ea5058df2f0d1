import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GateRig, until } from './rig.ts';

let rig: GateRig;

beforeEach(async () => {
  rig = await GateRig.create();
});

afterEach(async () => {
  await rig.dispose();
});

/** Takes the state directory away: every durable write fails until it is put back. */
async function takeDiskAway(): Promise<() => Promise<void>> {
  const state = join(rig.folder, 'state');
  await rename(state, `${state}.away`);
  return () => rename(`${state}.away`, state);
}

describe('the relay', () => {
  it('is commanded off before anything else at start', async () => {
    await rig.start();
    expect(rig.board.given[0]).toBe('relay 0');
    expect(rig.board.given).not.toContain('relay 1');
    expect(rig.gate.view.link).toBe('isolated');
  });

  it('is commanded off by stop before stop waits for anything', async () => {
    await rig.start();
    await rig.connect();
    const stopped = rig.gate.stop();
    expect(rig.board.energised).toBe(false);
    await stopped;
    expect(rig.board.given.lastIndexOf('relay 0')).toBeGreaterThan(rig.board.given.lastIndexOf('relay 1'));
  });

  it('is commanded off by a trip before dispatch returns, and before the disk has heard of it', async () => {
    await rig.start();
    await rig.connect();
    const putBack = await takeDiskAway();
    const answered = rig.trip();
    expect(rig.board.energised).toBe(false);
    expect(rig.gate.view.latch).toMatchObject({ kind: 'lockout', durable: false });
    expect(await answered).toEqual({ type: 'tripped', durable: false });
    await putBack();
  });

  it('is never energised when the budget cannot be charged durably', async () => {
    await rig.start();
    const putBack = await takeDiskAway();
    rig.ask();
    await until(() => rig.answers.length > 0);
    expect(rig.answers[0]).toMatchObject({ type: 'refused' });
    expect(rig.board.given).not.toContain('relay 1');
    await putBack();
  });

  it('drops when the lease is not renewed, and the dead-man is not fed in the turn that drops it', async () => {
    await rig.start();
    await rig.connect();
    rig.keeperRenews = false;
    const from = rig.clock.monotonic();
    rig.clock.advance(3000);
    const off = rig.board.commands.findLast(({ what }) => what === 'relay 0');
    expect(off?.at).toBeLessThanOrEqual(from + 1050);
    expect(rig.board.commands.filter(({ what, at }) => what === 'beat' && at >= (off?.at ?? 0))).toEqual([]);
    expect(rig.gate.view.latch.kind).toBe('clear');
  });

  it('is fed while connected, at least every 100 ms', async () => {
    await rig.start();
    await rig.connect();
    rig.clock.advance(2000);
    const beats = rig.board.commands.filter(({ what }) => what === 'beat').map(({ at }) => at);
    expect(beats.length).toBeGreaterThan(30);
    expect(Math.max(...beats.slice(1).map((at, index) => at - (beats[index] ?? 0)))).toBeLessThanOrEqual(100);
  });

  it('is read in every turn of the loop before the gate says that it lives, and neither happens outside a turn', async () => {
    await rig.start();
    const before = rig.turns.length;
    rig.clock.advance(1000);
    expect(rig.turns.length - before).toBe(20);
    expect(rig.turns).toEqual(rig.turns.map((_, index) => index + 1));
    await rig.gate.stop();
    const after = rig.turns.length;
    rig.clock.advance(1000);
    expect(rig.turns).toHaveLength(after);
  });

  it('drops without a latch when the gate itself stood still: a dead-man may have dropped it already', async () => {
    await rig.start();
    await rig.connect();
    rig.clock.hang(600);
    // The dead-man dropped the coil meanwhile.
    rig.board.readings = { contact: 'dead', device: 'dead' };
    rig.clock.advance(2000);
    expect(rig.gate.view).toMatchObject({ link: 'isolated', latch: { kind: 'clear' } });
    expect(rig.records.findLast(({ type }) => type === 'gate.isolating')?.data['why']).toContain('stood still');
  });
});

describe('stopping', () => {
  it('while connected leaves no fault behind, and gives back what was not used', async () => {
    await rig.start();
    await rig.connect(30_000);
    await rig.gate.stop();
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'clear' });
    const memory = await rig.files.readMemory();
    expect(memory?.budget.entries).toHaveLength(1);
    expect(memory?.budget.entries[0]?.ms).toBeLessThan(1000);
  });

  it('connects nothing any more, though the keeper asks and the budget was just charged', async () => {
    await rig.start();
    rig.ask();
    const stopped = rig.gate.stop();
    rig.ask();
    await stopped;
    await until(() => rig.answers.length === 2);
    expect(rig.answers.map(({ type }) => type)).toEqual(['refused', 'refused']);
    expect(rig.board.given).not.toContain('relay 1');
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'clear' });
  });

  it('still latches a trip that arrives meanwhile', async () => {
    await rig.start();
    const stopped = rig.gate.stop();
    expect(await rig.trip()).toEqual({ type: 'tripped', durable: true });
    await stopped;
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'lockout' });
  });

  it('works before start, and twice', async () => {
    await rig.gate.stop();
    await rig.gate.stop();
    expect(rig.board.energised).toBe(false);
  });
});

describe('a board that refuses commands', () => {
  it('on connecting is a fault, latched on disk, and nothing recurses', async () => {
    await rig.start();
    rig.ask();
    rig.board.failing = { drive: true };
    await until(async () => (await rig.latchOnDisk())['state'] === 'fault');
    expect(rig.gate.view.latch.kind).toBe('fault');
    expect(rig.errors.filter((message) => message.includes('refused a command'))).toHaveLength(1);
    rig.clock.advance(60_000);
    expect(rig.errors.filter((message) => message.includes('refused a command'))).toHaveLength(1);
    rig.board.failing = {};
  });

  it('on a trip is a fault on the disk too, never softened to a lockout', async () => {
    await rig.start();
    await rig.connect();
    rig.board.failing = { drive: true };
    expect(await rig.trip()).toEqual({ type: 'tripped', durable: true });
    await until(() => {
      const { latch } = rig.gate.view;
      return latch.kind === 'fault' && latch.durable;
    });
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'fault' });
    rig.board.failing = {};
  });

  it.each(['lockout', 'fault'] as const)('is not reset out of a %s', async (kind) => {
    await rig.start();
    if (kind === 'fault') {
      rig.board.readings = { contact: 'alive' };
      rig.clock.advance(3000);
      rig.board.readings = {};
    } else await rig.trip();
    rig.clock.advance(100);
    await until(async () => (await rig.latchOnDisk())['state'] === kind);
    rig.board.failing = { drive: true };
    rig.hold();
    await until(() => {
      const { latch } = rig.gate.view;
      return latch.kind === 'fault' && latch.durable;
    });
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'fault' });
    expect(rig.types()).not.toContain('gate.reset');
    rig.board.failing = {};
    rig.hold();
    await until(() => rig.gate.view.latch.kind === 'clear');
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'clear' });
  });
});

describe('the latch', () => {
  it('that cannot be written holds in memory, says so, and is durable once the disk is back', async () => {
    await rig.start();
    const putBack = await takeDiskAway();
    expect(await rig.trip()).toEqual({ type: 'tripped', durable: false });
    expect(await rig.trip('again')).toEqual({ type: 'tripped', durable: false });
    rig.ask();
    expect(rig.answers.at(-1)).toMatchObject({ type: 'refused' });
    rig.clock.advance(5000);
    expect(rig.gate.view.latch).toMatchObject({ kind: 'lockout', durable: false });
    await putBack();
    await until(() => {
      rig.clock.advance(1000);
      const { latch } = rig.gate.view;
      return latch.kind === 'lockout' && latch.durable;
    });
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'lockout', cause: { reason: 'test' } });
  });

  it('survives the gate: a new one starts in lockout', async () => {
    await rig.start();
    await rig.trip('kept');
    expect(await rig.files.readLatch(0)).toMatchObject({ kind: 'lockout', cause: { reason: 'kept' } });
  });

  it('of a trip during the reset wins over the reset, on disk and in memory', async () => {
    await rig.start();
    await rig.trip('first');
    rig.hold();
    const answered = rig.trip('second');
    expect(await answered).toEqual({ type: 'tripped', durable: true });
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'lockout', cause: { reason: 'second' } });
    expect(rig.gate.view.latch).toMatchObject({ kind: 'lockout', durable: true });
  });
});

describe('the wall clock', () => {
  it('below what a trusted clock has shown before connects nothing on schedule', async () => {
    await rig.start();
    await rig.connect();
    rig.gate.dispatch({ type: 'release', holder: rig.holder, reason: 'done' });
    rig.clock.advance(2000);
    await until(async () => ((await rig.files.readMemory())?.wall ?? 0) > 0);
    rig.clock.wallOffset -= 3_600_000;
    rig.clock.advance(1100);
    rig.ask();
    expect(rig.answers.at(-1)).toMatchObject({ type: 'refused', interlocks: [{ name: 'clock' }] });
  });

  it('stepping while connected does not lengthen the connection', async () => {
    await rig.start();
    await rig.connect(5000);
    rig.clock.wallOffset -= 60_000;
    rig.clock.advance(5000);
    expect(rig.board.energised).toBe(false);
  });
});

describe('what happens during what happens', () => {
  it('comes next, in the same turn, and never in the middle', async () => {
    await rig.start();
    const seen: string[] = [];
    rig.gate.watch({
      view: () => {},
      record: ({ type }) => {
        seen.push(type);
        if (type === 'gate.connecting') rig.gate.dispatch({ type: 'holder-gone', holder: rig.holder });
      },
    });
    rig.ask();
    expect(seen.slice(0, 2)).toEqual(['gate.connecting', 'gate.isolating']);
    expect(rig.gate.view.link).toBe('isolating');
    // The charge was on its way to the disk before what came of it: the refund is what stands there.
    await rig.files.settled();
    const { budget } = JSON.parse(await readFile(join(rig.folder, 'state', 'gate-memory.json'), 'utf8'));
    expect(budget.entries[0].ms).toBe(0);
  });
});

describe('after a restart', () => {
  it('an absent state directory is lockout and a used-up budget', async () => {
    const putBack = await takeDiskAway();
    await mkdir(join(rig.folder, 'state'));
    await writeFile(join(rig.folder, 'state', 'gate-memory.json'), 'nonsense');
    await rig.start();
    expect(rig.gate.view.latch.kind).toBe('lockout');
    expect(rig.gate.view.interlocks.find(({ name }) => name === 'budget')?.ok).toBe(false);
    await rename(join(rig.folder, 'state'), join(rig.folder, 'other'));
    await putBack();
  });
});

describe('two doors', () => {
  beforeEach(() => {
    rig.board.wiring = { relays: 2, uplink: true, supply: true };
  });

  it('are commanded one after the other, never both, with a proof test before the first connection', async () => {
    await rig.start();
    rig.clock.advance(1500);
    expect(rig.board.uplink).toBe(true);
    expect(rig.gate.view).toMatchObject({ uplink: 'connected', readings: { uplink: 'alive', supply: 'alive' } });
    rig.ask();
    expect(rig.board.uplink).toBe(false);
    await rig.files.settled();
    rig.clock.advance(400);
    expect(rig.gate.view).toMatchObject({ link: 'connected', uplink: 'isolated' });
    const relays = rig.board.given.filter((what) => what.startsWith('relay') || what.startsWith('uplink'));
    expect(relays.slice(relays.indexOf('uplink 1'))).toEqual([
      'uplink 1',
      'uplink 0',
      'relay 1 only 1',
      'relay 0',
      'relay 1 only 2',
      'relay 1',
    ]);
    rig.gate.dispatch({ type: 'release', holder: rig.holder, reason: 'done' });
    rig.clock.advance(1500);
    expect(rig.gate.view).toMatchObject({ link: 'isolated', uplink: 'connected', proofTest: { passed: true } });
    await rig.files.settled();
    expect((await rig.files.readMemory())?.proofTest).toMatchObject({ passed: true });
  });

  it('a trip drops the vault before the uplink, both in the turn of the trip', async () => {
    await rig.start();
    rig.clock.advance(1500);
    const tripped = rig.trip();
    expect(rig.board.given.slice(-3)).toEqual(['relay 0', 'uplink 0', 'uplink 0']);
    expect(await tripped).toEqual({ type: 'tripped', durable: true });
  });

  it('a door that refuses its command is a fault, and is told off until it is', async () => {
    await rig.start();
    rig.clock.advance(1500);
    rig.board.failing = { drive: true };
    rig.ask();
    expect(rig.gate.view.latch.kind).toBe('fault');
    expect(rig.board.uplink).toBe(true);
    rig.board.failing = {};
    rig.clock.advance(1500);
    expect(rig.board.uplink).toBe(false);
    expect(rig.board.energised).toBe(false);
  });
});
