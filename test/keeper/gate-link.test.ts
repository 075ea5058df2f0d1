import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../daemon/base/log.ts';
import type { GateRecord, GateView } from '../../daemon/base/protocol.ts';
import { type Connection, GateLink } from '../../daemon/keeper/gate-link.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { until } from '../gate/rig.ts';
import { FakeGate, gateRecord, gateView } from './fake-gate.ts';

let gate: FakeGate;
let clock: FakeClock;
let link: GateLink;
let views: (GateView | undefined)[];
let written: number[];
/** What the ledger does with a record. */
let ledger: (record: GateRecord) => Promise<void>;

beforeEach(async () => {
  gate = await FakeGate.create();
  clock = new FakeClock();
  views = [];
  written = [];
  ledger = async () => {};
  link = new GateLink({
    path: gate.path,
    clock,
    log: silentLog,
    report: () => ({ clockTrusted: true, blocks: [], attention: [], proofs: { carrier: 'dead' } }),
    record: async (record) => {
      await ledger(record);
      written.push(record.seq);
    },
    changed: (view) => views.push(view),
  });
});

afterEach(async () => {
  link.stop();
  await gate.dispose();
});

/** Time passes until `condition` holds. */
function untilLater(condition: () => boolean): Promise<void> {
  return until(() => {
    if (condition()) return true;
    clock.advance(50);
    return false;
  });
}

async function started(): Promise<void> {
  await gate.start();
  link.start();
  await until(() => link.view !== undefined);
}

async function held(): Promise<Connection> {
  const asked = link.connect('test', 10);
  await until(() => gate.of('connect').length === 1);
  gate.say({ type: 'connected', id: gate.of('connect')[0]?.id ?? 0, deadline: 5000 });
  gate.say({ type: 'view', view: gateView({ link: 'connected' }) });
  const connection = await asked;
  await until(() => link.view?.link === 'connected');
  return connection;
}

describe('the way to the gate', () => {
  it('is tried until the gate is there, and taken up again when it has gone', async () => {
    link.start();
    clock.advance(1000);
    await gate.start();
    await untilLater(() => link.view !== undefined);
    gate.cut();
    await until(() => link.view === undefined);
    expect(views.at(-1)).toBeUndefined();
    await untilLater(() => link.view !== undefined);
    expect(gate.conversations).toBe(2);
  });

  it('tells the gate about the keeper at once, and every second', async () => {
    await started();
    await until(() => gate.of('report').length === 1);
    clock.advance(3000);
    await until(() => gate.of('report').length === 4);
  });

  it('is not taken up again after stop, from whatever state', async () => {
    link.stop();
    await gate.start();
    link.start();
    link.stop();
    link.stop();
    clock.advance(10_000);
    expect(clock.timers).toBe(0);
    await until(() => !gate.connected);
    expect(link.view).toBeUndefined();
  });
});

describe('a connection', () => {
  it('is asked for with the gate own nonce, renewed four times per lease while asking and held, and not after', async () => {
    await started();
    const asked = link.connect('nightly', 10);
    await until(() => gate.of('connect').length === 1);
    expect(gate.of('connect')[0]).toMatchObject({ boot: 'boot', purpose: 'nightly', seconds: 10 });
    clock.advance(1000);
    await until(() => gate.of('renew').length === 4);
    gate.say({ type: 'connected', id: gate.of('connect')[0]?.id ?? 0, deadline: 5000 });
    const connection = await asked;
    expect(connection.deadline).toBe(5000);
    clock.advance(1000);
    await until(() => gate.of('renew').length === 8);
    connection.release('done');
    await until(() => gate.of('release').length === 1);
    clock.advance(5000);
    await until(() => gate.of('report').length >= 7);
    expect(gate.of('renew')).toHaveLength(8);
    expect(connection.lost.aborted).toBe(true);
    connection.release('again');
    expect(gate.of('release')).toHaveLength(1);
  });

  it('is renewed faster as soon as the gate says that a lease is shorter now', async () => {
    await started();
    await held();
    const reports = gate.of('report').length;
    gate.say({ type: 'hello', boot: 'boot', ttlMs: 400 });
    await until(() => gate.of('report').length > reports);
    const renewals = gate.of('renew').length;
    clock.advance(400);
    await until(() => gate.of('renew').length >= renewals + 4);
    expect(gate.of('renew')).toHaveLength(renewals + 4);
  });

  it('that is refused names the interlocks and is not renewed', async () => {
    await started();
    const asked = link.connect('test', 10);
    await until(() => gate.of('connect').length === 1);
    const lost = { name: 'window', ok: false, reason: 'No window contains now.', remedy: '' };
    gate.say({ type: 'refused', id: gate.of('connect')[0]?.id ?? 0, interlocks: [lost] });
    await expect(asked).rejects.toMatchObject({ code: 'gate.refused', message: expect.stringContaining('No window') });
    const renewals = gate.of('renew').length;
    clock.advance(5000);
    await until(() => gate.of('report').length >= 5);
    expect(gate.of('renew')).toHaveLength(renewals);
  });

  it('is lost as soon as the gate says so, in the gate own words', async () => {
    await started();
    const connection = await held();
    gate.say({ type: 'view', view: gateView({ link: 'isolating', why: 'Trip: an agent destroys.' }) });
    await until(() => connection.lost.aborted);
    expect(connection.lost.reason).toBe('Trip: an agent destroys.');
    const renewals = gate.of('renew').length;
    clock.advance(2000);
    await until(() => gate.of('report').length >= 3);
    expect(gate.of('renew')).toHaveLength(renewals);
  });

  it('is lost when the gate dies, held or asked for', async () => {
    await started();
    const connection = await held();
    await gate.stop();
    await until(() => connection.lost.aborted);
    await gate.start('next');
    await untilLater(() => link.view?.boot === 'next');
    const asked = link.connect('test', 10);
    await until(() => gate.of('connect').length === 2);
    expect(gate.of('connect')[1]?.boot).toBe('next');
    gate.cut();
    await expect(asked).rejects.toMatchObject({ code: 'socket.unreachable' });
  });

  it('is not asked for twice at a time, nor of a gate that does not answer', async () => {
    await expect(link.connect('test', 1)).rejects.toMatchObject({ code: 'socket.unreachable' });
    await started();
    const first = link.connect('test', 1);
    await expect(link.connect('test', 1)).rejects.toThrow('already under way');
    gate.cut();
    await expect(first).rejects.toMatchObject({ code: 'socket.unreachable' });
  });

  it('asked for or held is let go by stop', async () => {
    await started();
    const asked = link.connect('test', 10);
    await until(() => gate.of('connect').length === 1);
    link.stop();
    await expect(asked).rejects.toMatchObject({ code: 'socket.unreachable' });
    await until(() => gate.of('release').length === 1);
    expect(clock.timers).toBe(0);
  });
});

describe('records', () => {
  it('are confirmed only when the ledger has them, one after the other', async () => {
    await started();
    let finish = () => {};
    ledger = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    for (const seq of [1, 2, 3]) gate.say({ type: 'record', record: gateRecord(seq) });
    await until(() => link.unrecorded === 3);
    expect(gate.of('recorded')).toEqual([]);
    finish();
    await until(() => gate.of('recorded').length === 1);
    expect(gate.of('recorded')[0]).toMatchObject({ boot: 'boot', seq: 1 });
    expect(written).toEqual([1]);
    finish();
    await until(() => gate.of('recorded').length === 2);
    finish();
    await until(() => link.unrecorded === 0);
    expect(written).toEqual([1, 2, 3]);
  });

  it('that the ledger refuses are tried again, and nothing after them is confirmed before', async () => {
    await started();
    let failures = 3;
    ledger = async ({ seq }) => {
      if (seq === 1 && failures-- > 0) throw new Error('no space');
    };
    for (const seq of [1, 2]) gate.say({ type: 'record', record: gateRecord(seq) });
    await until(() => link.unrecorded === 2);
    await untilLater(() => gate.of('recorded').length === 2);
    expect(gate.of('recorded').map(({ seq }) => seq)).toEqual([1, 2]);
    expect(written).toEqual([1, 2]);
    expect(failures).toBe(-1);
  });

  it('sent again after a reconnect are written once and confirmed again', async () => {
    await started();
    let finish = () => {};
    ledger = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    gate.say({ type: 'record', record: gateRecord(1) });
    await until(() => link.unrecorded === 1);
    gate.cut();
    await until(() => link.view === undefined);
    await untilLater(() => link.view !== undefined);
    gate.say({ type: 'record', record: gateRecord(1) });
    gate.say({ type: 'record', record: gateRecord(2) });
    await until(() => link.unrecorded === 2);
    finish();
    await until(() => written.length === 1);
    finish();
    await until(() => written.length === 2);
    expect(written).toEqual([1, 2]);
    await until(() => gate.of('recorded').length === 2);
  });

  it('of a gate that died meanwhile are written, and not confirmed to its successor', async () => {
    await started();
    let finish = () => {};
    ledger = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    gate.say({ type: 'record', record: gateRecord(1) });
    await until(() => link.unrecorded === 1);
    await gate.stop();
    await gate.start('next');
    await untilLater(() => link.view?.boot === 'next');
    finish();
    await until(() => written.length === 1);
    gate.say({ type: 'record', record: gateRecord(1, { boot: 'next' }) });
    await until(() => link.unrecorded === 1);
    finish();
    await until(() => gate.of('recorded').length === 1);
    expect(gate.of('recorded')[0]?.boot).toBe('next');
  });
});
