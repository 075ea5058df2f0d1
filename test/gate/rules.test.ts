import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { GateConfig, Limits } from '../../daemon/gate/config.ts';
import { currentWindow, rulesOf } from '../../daemon/gate/rules.ts';
import type { Answer } from '../../daemon/gate/state.ts';
import { CONFIG, GateRig, LIMITS, until } from './rig.ts';

/** The clock of the rig starts at eight: a minute from then on. */
const MORNING = { name: 'morning', cron: '0 8 * * *', durationMs: 60_000, timezone: 'UTC' };

/** In no window that is accepted: those begin with the hour. */
const HALF = { ...MORNING, name: 'half', cron: '30 8 * * *' };

let rig: GateRig;
let rigs: GateRig[];

beforeEach(async () => {
  rig = await GateRig.create();
  rigs = [rig];
});

afterEach(async () => {
  for (const each of rigs.reverse()) await each.dispose();
});

const having = (limits: Partial<Limits>, more: Partial<GateConfig> = {}): GateConfig => ({
  ...CONFIG,
  limits: { ...LIMITS, ...limits },
  ...more,
});

/** A gate that starts with `config` on a box where `accepted` is accepted. */
async function started(config: GateConfig, accepted: GateConfig | undefined): Promise<GateRig> {
  if (accepted === undefined) await rm(join(rig.folder, 'state', 'rules.json'));
  else await rig.files.writeAccepted(accepted);
  const next = rig.again(config);
  rigs.push(next);
  await next.start();
  return next;
}

const lost = (gate: GateRig, name: string) =>
  gate.gate.view.interlocks.find((each) => each.name === name)?.ok === false;
const data = (gate: GateRig, type: string) => gate.records.findLast((record) => record.type === type)?.data;

describe('a gate that starts', () => {
  it('with what was accepted has nothing to say, and writes nothing', async () => {
    await rig.start();
    expect(rig.types()).not.toContain('gate.rules_waiting');
    expect(rig.types()).not.toContain('gate.rules_applied');
    expect(rig.gate.view.waiting).toBeUndefined();
  });

  it('with less goes by that from the start, and it is what is accepted from then on', async () => {
    const less = having({ maxConnectionMs: 5000 });
    const gate = await started(less, CONFIG);
    await gate.connect(30_000);
    gate.clock.advance(5000);
    expect(gate.board.energised).toBe(false);
    await gate.files.settled();
    expect(await gate.files.readAccepted()).toEqual(less);
    expect(data(gate, 'gate.rules_applied')).toEqual({ by: 'start', reasons: [] });
  });

  it('with a window longer than accepted ends at the accepted end', async () => {
    const accepted = having({}, { windows: [MORNING] });
    const gate = await started(having({}, { windows: [{ ...MORNING, durationMs: 120_000 }] }), accepted);
    expect(gate.gate.view.window?.endsWall).toBe(1_800_000_060_000);
    await gate.connect(300_000);
    gate.clock.advance(1_800_000_059_900 - gate.clock.wall());
    expect(gate.board.energised).toBe(true);
    gate.clock.advance(200);
    expect(gate.board.energised).toBe(false);
    gate.clock.advance(5000);
    gate.ask();
    expect(gate.answers.at(-1)).toMatchObject({ type: 'refused', interlocks: [{ name: 'window' }] });
    expect(gate.gate.view.waiting).toEqual(['The window morning (0 8 * * * in UTC, for 2m) lies in no accepted one.']);
    expect(data(gate, 'gate.rules_waiting')).toEqual({ reasons: gate.gate.view.waiting, blocks: false });
    expect(await gate.files.readAccepted()).toEqual(accepted);
  });

  it('with a larger cap goes by the accepted one, and with a smaller one beside it, by the accepted ones', async () => {
    const gate = await started(
      having({ maxConnectionMs: 50_000, maxConnections: 2 }),
      having({ maxConnectionMs: 5000 }),
    );
    await gate.connect(30_000);
    gate.clock.advance(5000);
    expect(gate.board.energised).toBe(false);
    expect(gate.gate.view.budget.connectionsMax).toBe(LIMITS.maxConnections);
    expect(gate.gate.limits).toEqual(having({ maxConnectionMs: 5000 }).limits);
  });

  it('without a proof that was required goes on requiring it, until a person accepts that', async () => {
    const gate = await started(CONFIG, { ...CONFIG, reported: { carrier: 'eth0' } });
    expect(lost(gate, 'carrier')).toBe(true);
    expect(await gate.apply(CONFIG)).toMatchObject([{ type: 'pending' }]);
    gate.press();
    expect(gate.gate.view.interlocks.map(({ name }) => name)).not.toContain('carrier');
  });

  it.each([
    ['nothing accepted', undefined],
    ['another appliance accepted', { ...CONFIG, appliance: 'other' }],
    ['another board accepted', { ...CONFIG, board: { ...CONFIG.board, directory: '/other' } as GateConfig['board'] }],
  ])('with %s connects nothing, not even with presence, until a person accepts the rules', async (_, accepted) => {
    const gate = await started(CONFIG, accepted);
    expect(lost(gate, 'rules')).toBe(true);
    if (accepted?.board === undefined || accepted.appliance !== CONFIG.appliance)
      expect(gate.gate.view.window).toBeUndefined();
    gate.ask();
    expect(gate.answers.at(-1)).toMatchObject({ type: 'refused' });
    const answers: Answer[] = [];
    const ref = gate.gate.ref((answer) => answers.push(answer));
    gate.gate.dispatch({ type: 'request', ref, verb: 'connect', reason: 'test', seconds: 5 });
    expect(answers).toMatchObject([{ type: 'denied' }]);
    expect(data(gate, 'gate.rules_waiting')).toMatchObject({ blocks: true });

    const asked = await gate.apply(CONFIG);
    expect(asked).toMatchObject([{ type: 'pending' }]);
    expect(lost(gate, 'rules')).toBe(true);
    gate.press();
    expect(asked.at(-1)).toEqual({ type: 'approved' });
    await gate.connect();
    await gate.files.settled();
    expect(await gate.files.readAccepted()).toEqual(CONFIG);
  });

  it('in mid-window with a window less connects nothing in it', async () => {
    const gate = await started({ ...CONFIG, windows: [] }, CONFIG);
    gate.ask();
    expect(gate.answers.at(-1)).toMatchObject({ type: 'refused', interlocks: [{ name: 'window' }] });
  });
});

describe('what narrows, applied to a gate that runs', () => {
  it.each<[string, GateConfig]>([
    ['the window goes', { ...CONFIG, windows: [] }],
    [
      'the window ends before now',
      { ...CONFIG, windows: CONFIG.windows.map((each) => ({ ...each, durationMs: 500 })) },
    ],
    ['a connection may not be as long', having({ maxConnectionMs: 29_999 })],
    ['no second connection is left', having({ maxConnections: 1 })],
    ['not as much time is left', having({ maxConnectedMs: 30_100 })],
    ['the lease is shorter than what was given', having({ leaseMs: 200 })],
  ])('ends the connection that is up, in the same turn, where %s', async (_, less) => {
    await rig.start();
    // The one before is in the budget.
    await rig.connect(1000);
    rig.clock.advance(3000);
    await rig.connect(30_000);
    const answers = await rig.apply(less);
    expect(rig.board.energised).toBe(false);
    expect(rig.gate.view.latch.kind).toBe('clear');
    await until(() => answers.length > 0);
    expect(answers).toEqual([{ type: 'approved' }]);
    expect(await rig.files.readAccepted()).toEqual(less);
    expect(data(rig, 'gate.rules_applied')).toEqual({ by: 'apply', reasons: [] });
  });

  it('leaves a connection alone that the new rules would have granted', async () => {
    await rig.start();
    await rig.connect(10_000);
    await rig.apply(having({ maxConnectionMs: 10_000, maxConnections: 1, maxConnectedMs: 10_000, minOffMs: 60_000 }));
    rig.clock.advance(5000);
    expect(rig.board.energised).toBe(true);
    rig.clock.advance(5000);
    expect(rig.board.energised).toBe(false);
    rig.clock.advance(5000);
    rig.ask();
    expect(rig.answers.at(-1)).toMatchObject({
      type: 'refused',
      interlocks: expect.arrayContaining([expect.objectContaining({ name: 'off-time' })]),
    });
  });

  it('takes back an approval that waits no further than the caps now go', async () => {
    await rig.start();
    const ref = rig.gate.ref(() => {});
    rig.gate.dispatch({ type: 'request', ref, verb: 'connect', reason: 'test', seconds: 60 });
    rig.press();
    await rig.apply(having({ maxConnectionMs: 2000 }));
    await rig.connect(60_000);
    rig.clock.advance(2000);
    expect(rig.board.energised).toBe(false);
  });

  it('ends the waiting of what widened before', async () => {
    await rig.start();
    await rig.apply(having({ leaseMs: 5000 }));
    expect(rig.gate.view.waiting).toHaveLength(1);
    const less = having({ minOffMs: 1000 });
    rig.clock.advance(LIMITS.presenceMs + 100);
    expect(rig.gate.view.waiting).toHaveLength(1);
    await rig.apply(less);
    expect(rig.gate.view.waiting).toBeUndefined();
  });

  it('holds in memory where it cannot be written, and says so', async () => {
    await rig.start();
    await mkdir(join(rig.folder, 'state', '.rules.json.tmp'));
    const less = having({ maxConnectionMs: 2000 });
    const answers = await rig.apply(less);
    expect(rig.gate.limits.maxConnectionMs).toBe(2000);
    await until(() => answers.length > 0);
    expect(rig.types()).toContain('gate.rules_not_durable');
    expect(await rig.files.readAccepted()).toEqual(CONFIG);
    // Applied again once there is room: then it is durable.
    await rm(join(rig.folder, 'state', '.rules.json.tmp'), { recursive: true });
    const again = await rig.apply(less);
    await until(() => again.length > 0);
    expect(await rig.files.readAccepted()).toEqual(less);
  });
});

describe('what widens, applied to a gate that runs', () => {
  const more = having({ maxConnectionMs: 120_000 }, { windows: [...CONFIG.windows, HALF] });
  const less = having({ maxConnectionMs: 30_000 });

  it('waits for a press; until then the old rules hold', async () => {
    await rig.start();
    const answers = await rig.apply(more);
    expect(answers).toMatchObject([{ type: 'pending' }]);
    expect(rig.gate.view).toMatchObject({ presence: { kind: 'pending', verb: 'apply' } });
    expect(rig.gate.view.waiting).toHaveLength(2);
    expect(rig.gate.limits).toEqual(LIMITS);
    rig.press();
    expect(answers.at(-1)).toEqual({ type: 'approved' });
    expect(rig.gate.limits).toEqual(more.limits);
    expect(rig.gate.view.waiting).toBeUndefined();
    await rig.files.settled();
    expect(await rig.files.readAccepted()).toEqual(more);
    expect(data(rig, 'gate.rules_applied')).toEqual({
      by: 'presence',
      reasons: [
        'The window half (30 8 * * * in UTC, for 1m) lies in no accepted one.',
        'gate.maxConnection rises from 1m to 2m.',
      ],
    });
    expect(rig.board.given).not.toContain('relay 1');
  });

  it('is adopted as it was announced, whatever gate.json says when the button is pressed', async () => {
    await rig.start();
    await rig.apply(more);
    rig.proposal = async () => having({ maxConnectionMs: 500_000 });
    rig.press();
    expect(rig.gate.limits).toEqual(more.limits);
    await rig.files.settled();
    expect(await rig.files.readAccepted()).toEqual(more);
  });

  it('is not accepted by a spike, a withdrawn request, or nobody', async () => {
    await rig.start();
    const answers = await rig.apply(more);
    rig.gate.dispatch({ type: 'press' });
    rig.clock.advance(50);
    rig.gate.dispatch({ type: 'unpress', heldMs: 50 });
    expect(rig.gate.limits).toEqual(LIMITS);
    rig.clock.advance(LIMITS.presenceMs);
    expect(answers.at(-1)).toMatchObject({ type: 'denied' });
    rig.press();
    expect(rig.gate.limits).toEqual(LIMITS);
    expect(rig.gate.view.waiting).toHaveLength(2);
    expect(rig.types().filter((type) => type === 'gate.rules_waiting')).toHaveLength(1);
    expect(await rig.files.readAccepted()).toEqual(CONFIG);
  });

  it('is not announced while a connection is up: a press would trip', async () => {
    await rig.start();
    await rig.connect();
    expect(await rig.apply(more)).toMatchObject([{ type: 'denied', reason: expect.stringContaining('trip') }]);
    expect(rig.gate.view.presence.kind).toBe('none');
    expect(rig.gate.view.waiting).toHaveLength(2);
    expect(rig.board.energised).toBe(true);
  });

  it('is withdrawn when narrower rules are applied meanwhile: it was compared with those before', async () => {
    await rig.start();
    const announced = await rig.apply(more);
    const answers = await rig.apply(less);
    expect(announced.at(-1)).toMatchObject({ type: 'denied' });
    rig.press();
    expect(rig.gate.limits).toEqual(less.limits);
    await until(() => answers.length > 0);
    expect(await rig.files.readAccepted()).toEqual(less);
  });

  it('asked for twice at once is withdrawn both times', async () => {
    await rig.start();
    const [first, second] = [await rig.apply(more), await rig.apply(having({ leaseMs: 2000 }))];
    expect([first.at(-1), second.at(-1)]).toMatchObject([{ type: 'denied' }, { type: 'denied' }]);
    rig.press();
    expect(rig.gate.limits).toEqual(LIMITS);
  });

  it('holds in memory where it cannot be written; the gate after this one goes by the rules before', async () => {
    await rig.start();
    await mkdir(join(rig.folder, 'state', '.rules.json.tmp'));
    await rig.apply(more);
    rig.press();
    expect(rig.gate.limits).toEqual(more.limits);
    await rig.files.settled();
    await until(() => rig.types().includes('gate.rules_not_durable'));
    await rig.gate.stop();
    const next = rig.again(more);
    rigs.push(next);
    await next.start();
    expect(next.gate.limits).toEqual(LIMITS);
    expect(next.gate.view.waiting).toHaveLength(2);
  });

  it('is forgotten by a crash between the press and the disk: the next gate goes by the rules before', async () => {
    await rig.start();
    await rig.apply(more);
    // The disk takes its time; the gate dies meanwhile.
    let write = () => {};
    rig.files.writeAccepted = () =>
      new Promise((resolve) => {
        write = resolve;
      });
    rig.press();
    expect(rig.gate.limits).toEqual(more.limits);
    const next = rig.again(more);
    rigs.push(next);
    await next.start();
    expect(next.gate.limits).toEqual(LIMITS);
    await until(() => rig.types().includes('gate.rules_applied'));
    await new Promise((resolve) => setImmediate(resolve));
    write();
  });
});

describe('gate.json, read again,', () => {
  it.each<[string, Partial<GateConfig>]>([
    ['board', { board: { driver: 'simulated', directory: '/board', vault: '/vault', uplink: true } }],
    ['set of proofs', { reported: { probe: 'nas port 445' } }],
    ['state', { state: '/elsewhere' }],
    ['runtime', { runtime: '/elsewhere' }],
    ['appliance', { appliance: 'another' }],
  ])(
    'with another %s than the one that runs is denied until the gate is restarted, even where it narrows',
    async (_, change) => {
      await rig.start();
      const answers = await rig.apply({ ...CONFIG, ...change, windows: [] });
      expect(answers).toMatchObject([{ type: 'denied', reason: expect.stringContaining('restart the gate') }]);
      expect(rig.gate.view.window).toBeDefined();
      expect(rig.gate.view.waiting).toBeUndefined();
    },
  );

  it('that cannot be read changes nothing', async () => {
    await rig.start();
    const broken = { ...CONFIG, windows: [{ ...MORNING, cron: 'never' }] };
    expect(await rig.apply(broken)).toMatchObject([{ type: 'denied', reason: expect.stringContaining('morning') }]);
    rig.proposal = () => Promise.reject(new PortcullisError('config.gate', 'There is no such file.'));
    const answers: Answer[] = [];
    await rig.gate.apply(rig.gate.ref((answer) => answers.push(answer)));
    expect(answers).toEqual([{ type: 'denied', reason: 'There is no such file.' }]);
    await rig.connect();
  });

  it('slowly holds up nothing, and is not announced for somebody who has gone', async () => {
    await rig.start();
    await rig.connect();
    let read: (config: GateConfig) => void = () => {};
    rig.proposal = () =>
      new Promise((resolve) => {
        read = resolve;
      });
    const ref = rig.gate.ref(() => {});
    const applied = rig.gate.apply(ref);
    expect(await rig.trip()).toMatchObject({ type: 'tripped' });
    rig.gate.forget(ref);
    read(having({ leaseMs: 5000 }));
    await applied;
    expect(rig.gate.view.presence.kind).toBe('none');
    expect(rig.types()).not.toContain('gate.requested');
  });

  it('does not weaken a lockout: what widens can be accepted in it, and nothing connects', async () => {
    await rig.start();
    await rig.trip();
    await rig.apply(having({ leaseMs: 5000 }));
    rig.press();
    expect(rig.gate.limits.leaseMs).toBe(5000);
    expect(rig.gate.view.latch.kind).toBe('lockout');
    rig.ask();
    expect(rig.answers.at(-1)).toMatchObject({ type: 'refused' });
  });
});

it('of several windows the one that ends last counts, in whatever order they stand', () => {
  const windows = [MORNING, { ...MORNING, name: 'long', durationMs: 90_000 }, { ...MORNING, durationMs: 30_000 }];
  for (const order of [windows, windows.toReversed()]) {
    const rules = rulesOf({ ...CONFIG, windows: order });
    expect(currentWindow(rules.windows, 1_800_000_001_000)).toEqual({ name: 'long', endsWall: 1_800_000_090_000 });
    expect(currentWindow(rules.windows, 1_800_000_090_000)).toBeUndefined();
  }
});

it('what lies in rules.json is never taken for gate.json: nonsense there is nothing accepted', async () => {
  await writeFile(join(rig.folder, 'state', 'rules.json'), '{"version":1}');
  const gate = rig.again(CONFIG);
  rigs.push(gate);
  await gate.start();
  expect(lost(gate, 'rules')).toBe(true);
  expect(gate.gate.view.window).toBeUndefined();
});
