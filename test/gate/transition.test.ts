import { describe, expect, it } from 'vitest';
import type { Reading } from '../../daemon/base/protocol.ts';
import { type BoardReading, PLAIN_WIRING } from '../../daemon/gate/board.ts';
import type { Limits } from '../../daemon/gate/config.ts';
import { ledFor } from '../../daemon/gate/led.ts';
import { Story } from './driver.ts';

const DEAD = { contact: 'dead', device: 'dead' } as const;
const BLIND = { contact: 'unknown', device: 'unknown' } as const;

describe('interlocks', () => {
  it('none is missing on a healthy gate', () => {
    const story = new Story();
    story.connect();
    expect(story.state.link.kind).toBe('connected');
  });

  it.each<[string, (story: Story) => void]>([
    ['latch', (story) => story.trip()],
    ['intake', (story) => story.does({ type: 'intake-gone' })],
    ['keeper', (story) => story.does({ type: 'holder-gone', holder: 1 })],
    [
      'clock',
      (story) => story.does({ type: 'calendar', calendar: { clockSane: false, window: { name: 'w', endsWall: 1e6 } } }),
    ],
    [
      'clock',
      (story) =>
        story.does({
          type: 'report',
          report: { holder: 1, clockTrusted: false, blocks: [], attention: [], proofs: {} },
        }),
    ],
    ['window', (story) => story.does({ type: 'calendar', calendar: { clockSane: true } })],
    ['button', (story) => story.does({ type: 'button-stuck' })],
    ['gate', (story) => story.does({ type: 'stop' })],
    [
      'ledger',
      (story) => {
        const blocks = [{ name: 'ledger', ok: false, reason: 'full', remedy: '' }];
        story.does({ type: 'report', report: { holder: 1, clockTrusted: true, blocks, attention: [], proofs: {} } });
      },
    ],
  ])('losing %s blocks a connection, and isolates one that is up or coming up', (name, lose) => {
    const blocked = new Story();
    lose(blocked);
    expect(blocked.refusedFor()).toContain(name);
    expect(blocked.drives()).not.toContain(true);
    const connected = new Story();
    connected.connect();
    lose(connected);
    expect(connected.drives()).toContain(false);
    expect(connected.state.link.kind).toBe('isolating');
    const charging = new Story();
    charging.ask();
    const { link } = charging.state;
    lose(charging);
    if (link.kind === 'charging') charging.does({ type: 'charged', session: link.session.id, ok: true });
    expect(charging.drives()).not.toContain(true);
    expect(charging.state.link.kind).toBe('isolating');
  });

  it.each([
    ['proofs', (story: Story) => story.tick(200, { contact: 'alive', device: 'dead' })],
    ['proofs', (story: Story) => story.tick(200, BLIND)],
    [
      'proofs',
      (story: Story) => {
        story.now += 1000;
      },
    ],
    [
      'off-time',
      (story: Story) => {
        story.connect();
        story.does({ type: 'release', holder: 1, reason: 'done' });
        story.tick(200);
      },
    ],
  ])('without %s nothing begins', (name, lose) => {
    const story = new Story();
    lose(story);
    expect(story.refusedFor()).toContain(name);
    expect(story.state.link.kind).not.toBe('charging');
  });

  it('the budget ends connecting, by number and by time', () => {
    const story = new Story({ kind: 'clear' }, { maxConnections: 3 });
    for (let count = 0; count < 3; count += 1) {
      story.connect();
      story.does({ type: 'release', holder: 1, reason: 'done' });
      story.tick(1000);
    }
    expect(story.refusedFor()).toEqual(['budget']);
    const timed = new Story({ kind: 'clear' }, { maxConnectedMs: 5000 });
    timed.connect();
    timed.tick(10_000);
    expect(timed.refusedFor()).toEqual(['budget']);
  });

  it('of the running connection need neither clock nor window where a person permits it', () => {
    const story = new Story();
    story.does({ type: 'calendar', calendar: { clockSane: false } });
    story.request('connect');
    story.press();
    story.connect();
    story.tick(5000);
    expect(story.state.link.kind).toBe('connected');
    story.tick(6000);
    expect(story.state.link.kind).toBe('isolated');
  });
});

describe('a connection', () => {
  it('of no time at all is refused and charges nothing', () => {
    const story = new Story();
    story.does({ type: 'calendar', calendar: { clockSane: true, window: { name: 'w', endsWall: 0 } } });
    expect(story.refusedFor()).toEqual(['time']);
    expect(story.state.budget.entries).toEqual([]);
  });

  it('never outlasts the cap, the window or what was asked for', () => {
    for (const [ms, limits] of [
      [10_000, {}],
      [90_000, { maxConnectionMs: 10_000 }],
      [90_000, { maxConnectedMs: 10_000 }],
    ] as const) {
      const story = new Story({ kind: 'clear' }, limits);
      story.connect(ms);
      const from = story.now;
      while (story.state.link.kind === 'connected') story.tick(200);
      expect(story.now - from).toBe(10_000);
    }
  });

  it('is not energised by the charge of one before it, that the disk was slow to write', () => {
    const story = new Story();
    story.ask();
    const first = story.state.link;
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(1000);
    story.ask();
    expect(story.state.link.kind).toBe('charging');
    if (first.kind === 'charging') story.does({ type: 'charged', session: first.session.id, ok: true });
    expect(story.drives()).toEqual([]);
    expect(story.state.link.kind).toBe('charging');
  });

  it('is not held by a renewal that comes too late, before any look at the time', () => {
    const story = new Story();
    story.connect();
    story.now += 1000;
    story.does({ type: 'renew', holder: 1 });
    expect(story.drives()).toEqual([false]);
  });

  it('is not renewed, released or ended by another holder', () => {
    const story = new Story();
    story.connect();
    const until = () => ('session' in story.state.link ? story.state.link.session.leaseUntil : 0);
    const before = until();
    story.now += 100;
    for (const type of ['renew', 'holder-gone'] as const) story.does({ type, holder: 2 });
    story.does({ type: 'release', holder: 2, reason: 'mine' });
    expect(until()).toBe(before);
    expect(story.state.link.kind).toBe('connected');
  });

  it('is not said to be connected, nor isolated, before anything measured it', () => {
    const story = new Story();
    story.ask();
    if (story.state.link.kind === 'charging')
      story.does({ type: 'charged', session: story.state.link.session.id, ok: true });
    story.tick(3800, BLIND);
    expect(story.state.link.kind).toBe('energised');
    story.tick(400, BLIND);
    expect(story.state.link.kind).toBe('isolating');
    expect(story.state.latch.kind).toBe('clear');
    story.tick(60_000, BLIND);
    expect(story.state.link.kind).toBe('isolating');
    story.tick(0, DEAD);
    expect(story.state.link.kind).toBe('isolated');
  });

  it('ends without a latch when every proof goes blind', () => {
    const story = new Story();
    story.connect();
    story.tick(1400, BLIND);
    expect(story.state.link.kind).toBe('isolating');
    expect(story.state.latch.kind).toBe('clear');
  });
});

describe('a fault', () => {
  it.each([
    ['the contact does not make', 'energised', DEAD],
    ['the contact breaks', 'connected', { contact: 'dead', device: 'alive' }],
    ['the contact is welded', 'isolating', { contact: 'alive', device: 'unknown' }],
    ['a device stays', 'isolating', { contact: 'unknown', device: 'alive' }],
    ['the link comes alive by itself', 'isolated', { contact: 'alive', device: 'alive' }],
  ] as const)('is when %s', (_, when, readings) => {
    const story = new Story();
    if (when !== 'isolated') {
      story.ask();
      if (story.state.link.kind === 'charging')
        story.does({ type: 'charged', session: story.state.link.session.id, ok: true });
    }
    if (when === 'connected' || when === 'isolating') story.tick();
    if (when === 'isolating') story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(200, readings);
    expect(story.state.latch.kind).toBe('clear');
    story.tick(5000, readings);
    expect(story.state.latch.kind).toBe('fault');
    expect(story.state.link.kind).toBe(
      when === 'isolated' || readings.contact !== 'dead' ? 'isolating' : story.state.link.kind,
    );
    story.latchWritten();
    // Reset while it lasts, and it is back.
    story.does({ type: 'press' });
    story.does({ type: 'unpress', heldMs: 5000 });
    story.latchWritten();
    if (readings.contact === 'dead') return;
    story.tick(1400, readings);
    expect(story.state.latch.kind).toBe('fault');
  });

  it('is not softened by a trip, and hardens a lockout', () => {
    const story = new Story();
    story.trip();
    story.does({ type: 'board-failed', reason: 'dead' });
    expect(story.state.latch.kind).toBe('fault');
    story.trip();
    expect(story.state.latch.kind).toBe('fault');
    expect(story.drives()).toContain(false);
  });

  it('is told once, however often it is seen', () => {
    const story = new Story();
    story.does({ type: 'board-failed', reason: 'dead' });
    expect(story.records()).toContain('gate.fault');
    story.does({ type: 'board-failed', reason: 'dead' });
    expect(story.records()).toEqual([]);
    expect(story.drives()).toContain(false);
  });
});

describe('the button', () => {
  it.each(['charging', 'energised', 'connected'])('trips while %s, on the edge', (when) => {
    const story = new Story();
    story.ask();
    const { link } = story.state;
    if (when !== 'charging' && link.kind === 'charging')
      story.does({ type: 'charged', session: link.session.id, ok: true });
    if (when === 'connected') story.tick();
    expect(story.state.link.kind).toBe(when);
    story.does({ type: 'press' });
    expect(story.drives()[0]).toBe(false);
    expect(story.state.latch.kind).toBe('lockout');
    // The same press, held on, is not the reset of what it tripped.
    story.latchWritten();
    story.does({ type: 'unpress', heldMs: 20_000 });
    expect(story.state.latch).toMatchObject({ kind: 'lockout', write: { kind: 'durable' } });
  });

  it('approves one request once, and nothing else', () => {
    const story = new Story();
    story.does({ type: 'press' });
    expect(story.state.presence.kind).toBe('none');
    story.does({ type: 'unpress', heldMs: 100 });
    story.request('connect');
    expect(story.state.presence.kind).toBe('pending');
    story.does({ type: 'press' });
    expect(story.state.presence.kind).toBe('pending');
    expect(story.does({ type: 'firm' })).toContainEqual({ do: 'answer', ref: 60, answer: { type: 'approved' } });
    story.does({ type: 'unpress', heldMs: 200 });
    story.connect();
    expect(story.state.presence.kind).toBe('none');
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(1000);
    story.does({ type: 'calendar', calendar: { clockSane: true } });
    expect(story.refusedFor()).toEqual(['window']);
  });

  it('has nothing to approve once the request has lapsed, was withdrawn, or met a second one', () => {
    for (const end of [
      (story: Story) => story.tick(15_000),
      (story: Story) => story.does({ type: 'request-gone', ref: 60 }),
      (story: Story) => story.request('connect', 61),
    ]) {
      const story = new Story();
      story.request('connect');
      end(story);
      story.press();
      expect(story.state.presence.kind).toBe('none');
    }
  });

  it('approved one request, and a second one before it is used cancels that too', () => {
    const story = new Story();
    story.request('connect');
    story.press();
    expect(story.state.presence.kind).toBe('approved');
    expect(story.request('connect', 61)).toMatchObject({ type: 'denied' });
    expect(story.state.presence.kind).toBe('none');
  });

  it('held for 5 s and released resets; a moment less does not; and neither connects', () => {
    for (const [heldMs, resets] of [
      [4999, false],
      [5000, true],
    ] as const) {
      const story = new Story();
      story.trip();
      story.latchWritten();
      story.does({ type: 'press' });
      story.does({ type: 'unpress', heldMs });
      expect(story.effects.some((effect) => effect.do === 'write-latch')).toBe(resets);
      if (!resets) continue;
      expect(story.state.latch.kind).toBe('lockout');
      story.latchWritten();
      expect(story.state.latch.kind).toBe('clear');
      expect(story.drives()).not.toContain(true);
    }
  });

  it.each<[string, (story: Story) => void]>([
    ['a trip', (story) => story.trip()],
    ['a fault', (story) => story.does({ type: 'board-failed', reason: 'dead' })],
  ])('held for a reset does not reset %s that came meanwhile', (_, comes) => {
    const story = new Story();
    story.trip();
    story.latchWritten();
    story.does({ type: 'press' });
    comes(story);
    if (story.state.latch.kind !== 'clear' && story.state.latch.write.kind === 'writing') story.latchWritten();
    story.does({ type: 'unpress', heldMs: 6000 });
    expect(story.effects.some((effect) => effect.do === 'write-latch')).toBe(false);
    expect(story.state.latch.kind).not.toBe('clear');
  });

  it('does nothing to a latch that is still on its way to the disk', () => {
    const story = new Story();
    story.trip();
    story.request('reset');
    story.does({ type: 'press' });
    story.does({ type: 'firm' });
    expect(story.state.presence.kind).toBe('pending');
    story.does({ type: 'unpress', heldMs: 6000 });
    expect(story.effects.some((effect) => effect.do === 'write-latch')).toBe(false);
  });
});

describe('requests', () => {
  it('that make no sense are denied', () => {
    const story = new Story();
    expect(story.request('reset')).toMatchObject({ type: 'denied' });
    expect(story.request('connect', 60, 0)).toMatchObject({ type: 'denied' });
    story.connect();
    expect(story.request('connect')).toMatchObject({ type: 'denied' });
    story.trip();
    expect(story.request('connect')).toMatchObject({ type: 'denied' });
  });

  it('are dismissed when a connection begins: a press trips from now on', () => {
    const story = new Story();
    story.request('connect');
    story.ask();
    expect(story.answer(60)).toMatchObject({ type: 'denied' });
    story.does({ type: 'press' });
    expect(story.state.latch.kind).toBe('lockout');
  });

  it('are dismissed by a trip', () => {
    const story = new Story();
    story.request('connect');
    story.trip();
    expect(story.answer(60)).toMatchObject({ type: 'denied' });
    story.latchWritten();
    story.press();
    expect(story.state.presence.kind).toBe('none');
  });
});

describe('a trip', () => {
  it('between the charge and the relay is never overtaken by the charge', () => {
    const story = new Story();
    story.ask();
    const { link } = story.state;
    story.trip();
    if (link.kind === 'charging') story.does({ type: 'charged', session: link.session.id, ok: true });
    expect(story.drives()).toEqual([]);
    expect(story.state.link.kind).toBe('isolating');
  });

  it('during a reset is answered only when its own lockout is durable', () => {
    const story = new Story();
    story.trip();
    story.latchWritten();
    story.does({ type: 'press' });
    story.does({ type: 'unpress', heldMs: 5000 });
    const clearing =
      story.state.latch.kind === 'lockout' && story.state.latch.write.kind === 'writing' && story.state.latch.write.id;
    story.does({ type: 'trip', cause: { kind: 'alert', reason: 'second' }, ref: 70 });
    expect(story.answer(70)).toBeUndefined();
    story.does({ type: 'latch-written', id: Number(clearing), ok: true });
    expect(story.state.latch).toMatchObject({ kind: 'lockout', cause: { reason: 'second' } });
    story.latchWritten();
    expect(story.answer(70)).toEqual({ type: 'tripped', durable: true });
  });

  it('whose latch cannot be written is answered so, and written again every second until it is', () => {
    const story = new Story();
    story.does({ type: 'trip', cause: { kind: 'alert', reason: 'test' }, ref: 70 });
    story.latchWritten(false);
    expect(story.answer(70)).toEqual({ type: 'tripped', durable: false });
    story.tick(800);
    expect(story.effects.some((effect) => effect.do === 'write-latch')).toBe(false);
    story.tick(200);
    expect(story.effects.some((effect) => effect.do === 'write-latch')).toBe(true);
    story.latchWritten();
    expect(story.state.latch).toMatchObject({ write: { kind: 'durable' } });
  });

  it('after a reset that failed on the disk finds the lock where it was', () => {
    const story = new Story();
    story.trip();
    story.latchWritten();
    story.does({ type: 'press' });
    story.does({ type: 'unpress', heldMs: 5000 });
    story.latchWritten(false);
    expect(story.state.latch).toMatchObject({ kind: 'lockout', write: { kind: 'failed' } });
    story.does({ type: 'trip', cause: { kind: 'alert', reason: 'x' }, ref: 70 });
    expect(story.effects.find((effect) => effect.do === 'write-latch')).toMatchObject({ latch: { kind: 'lockout' } });
  });
});

describe('the gate that stood still', () => {
  it.each([
    [400, 'connected'],
    [401, 'isolating'],
  ])('for %i ms is %s afterwards', (ms, link) => {
    const story = new Story();
    story.connect();
    story.now += ms;
    story.does({ type: 'tick', readings: { contact: 'alive', device: 'alive' } });
    expect(story.state.link.kind).toBe(link);
    expect(story.state.latch.kind).toBe('clear');
  });
});

describe('a press that must be a person’s', () => {
  it('is none when it was a spike: nothing is approved, however many there are', () => {
    const story = new Story();
    story.request('connect');
    for (let spike = 0; spike < 20; spike += 1) {
      story.does({ type: 'press' });
      story.does({ type: 'unpress', heldMs: 3 });
    }
    expect(story.state.presence.kind).toBe('pending');
  });

  it('approves the request that was announced when it began, not one that came while it was down', () => {
    const story = new Story();
    story.does({ type: 'press' });
    story.request('connect');
    story.does({ type: 'firm' });
    expect(story.state.presence.kind).toBe('pending');
    story.does({ type: 'unpress', heldMs: 200 });
    story.does({ type: 'press' });
    story.does({ type: 'request-gone', ref: 60 });
    story.request('connect', 61);
    story.does({ type: 'firm' });
    expect(story.state.presence).toMatchObject({ kind: 'pending', ref: 61 });
  });

  it('takes over the rules that were announced, and no others', () => {
    const story = new Story();
    story.does({ type: 'rules', rules: { kind: 'waiting', reasons: ['more'], blocks: true } });
    expect(story.refusedFor()).toEqual(['rules']);
    story.does({ type: 'request', ref: 60, verb: 'apply', reason: 'more', seconds: 0 });
    story.does({ type: 'press' });
    expect(story.does({ type: 'firm' })).toContainEqual({ do: 'adopt-rules' });
    expect(story.state.rules.kind).toBe('current');
    expect(story.refusedFor()).toEqual([]);
  });
});

describe('the coils’ supply', () => {
  const wiring = { ...PLAIN_WIRING, supply: true };
  const gone = { contact: 'dead', device: 'dead', supply: 'dead' } as const;

  it('missing keeps from connecting', () => {
    const story = new Story({ kind: 'clear' }, {}, wiring);
    story.tick(0, { supply: 'dead' });
    expect(story.refusedFor()).toEqual(['coil-supply']);
    story.tick(0, { supply: 'unknown' });
    expect(story.refusedFor()).toEqual(['coil-supply']);
  });

  it('lost while connected isolates, without taking the open contact for a broken one', () => {
    const story = new Story({ kind: 'clear' }, { settleMs: 50 }, wiring);
    story.connect();
    story.tick(100, gone);
    expect(story.state.link.kind).toBe('connected');
    story.tick(200, gone);
    story.tick(1000);
    expect(story.state).toMatchObject({ link: { kind: 'isolated' }, latch: { kind: 'clear' } });
  });

  it('lost a moment before the press is seen: that press trips', () => {
    const story = new Story({ kind: 'clear' }, { settleMs: 50 }, wiring);
    story.connect();
    story.tick(100, gone);
    story.does({ type: 'press' });
    expect(story.state.latch.kind).toBe('lockout');
  });

  it('must go with every press: a pole that does not open makes the button one that cannot be relied on', () => {
    const story = new Story({ kind: 'clear' }, {}, wiring);
    story.press(400);
    expect(story.state.pole).toBe('opens');
    story.does({ type: 'press' });
    story.tick(400, { supply: 'alive' });
    expect(story.does({ type: 'unpress', heldMs: 400 })).toContainEqual({
      do: 'record',
      type: 'gate.button_pole',
      data: { opened: false },
    });
    story.tick(100);
    expect(story.refusedFor()).toEqual(['button']);
    // Too short to say anything.
    story.does({ type: 'press' });
    story.does({ type: 'unpress', heldMs: 30 });
    expect(story.state.pole).toBe('fails');
    story.press(400);
    story.tick(100);
    expect(story.refusedFor()).toEqual([]);
  });
});

describe('a proof that the keeper reports', () => {
  const wiring = { ...PLAIN_WIRING, reported: ['carrier', 'probe'] as const };
  const reports = (story: Story, carrier?: Reading, probe?: Reading) =>
    story.does({
      type: 'report',
      report: {
        holder: 1,
        clockTrusted: true,
        blocks: [],
        attention: [],
        proofs: { ...(carrier && { carrier }), ...(probe && { probe }) },
      },
    });
  const told = (carrier?: Reading, probe?: Reading) => {
    const story = new Story({ kind: 'clear' }, {}, wiring);
    reports(story, carrier, probe);
    return story;
  };

  it('blocks where it is missing, and where it says alive while the relay is off', () => {
    expect(told().refusedFor()).toEqual(['carrier', 'probe']);
    expect(told('dead').refusedFor()).toEqual(['probe']);
    expect(told('dead', 'alive').refusedFor()).toEqual(['proofs']);
    expect(told('dead', 'unknown').refusedFor()).toEqual([]);
  });

  it('says no more than the gate’s own: dead from the keeper alone proves nothing', () => {
    const story = told('dead', 'dead');
    story.tick(0, { contact: 'unknown', device: 'unknown' });
    expect(story.refusedFor()).toEqual(['proofs']);
  });

  it('that says alive once more before the relay moves keeps it from moving; and the LED is not green', () => {
    const story = told('dead', 'dead');
    story.ask();
    const { link } = story.state;
    reports(story, 'alive', 'dead');
    if (link.kind === 'charging') story.does({ type: 'charged', session: link.session.id, ok: true });
    expect(story.drives()).toEqual([false]);
    story.tick();
    expect(ledFor(story.state, story.now)).toBe('slow-yellow');
    reports(story, 'dead', 'dead');
    story.tick();
    expect(ledFor(story.state, story.now)).toBe('steady-green');
  });

  it('must all be alive before the link is called connected, in time', () => {
    const story = told('dead', 'dead');
    story.connect();
    expect(story.state.link.kind).toBe('energised');
    reports(story, 'alive', 'dead');
    story.tick(1000);
    expect(story.state.link.kind).toBe('energised');
    reports(story, 'alive', 'alive');
    story.tick();
    expect(story.state.link.kind).toBe('connected');
    const late = told('dead', 'dead');
    late.connect();
    late.tick(4000);
    expect(late.state).toMatchObject({ link: { kind: 'isolating' }, latch: { kind: 'clear' } });
  });

  it('lost while connected isolates after the time to settle, without latch; a flicker does not', () => {
    const story = told('dead', 'dead');
    story.connect();
    reports(story, 'alive', 'alive');
    story.tick();
    reports(story, 'dead', 'alive');
    story.tick(800);
    reports(story, 'alive', 'alive');
    story.tick(800);
    expect(story.state.link.kind).toBe('connected');
    reports(story, 'dead', 'alive');
    story.tick(1200);
    expect(story.state.link.kind).toBe('isolating');
    reports(story, 'dead', 'dead');
    story.tick(1200);
    expect(story.state).toMatchObject({ link: { kind: 'isolated' }, latch: { kind: 'clear' } });
  });

  it('that stays alive after isolating, or comes alive later, is a fault', () => {
    const story = told('dead', 'dead');
    story.connect();
    reports(story, 'alive', 'alive');
    story.tick();
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(3900);
    expect(story.state).toMatchObject({ link: { kind: 'isolating' }, latch: { kind: 'clear' } });
    story.tick(400);
    expect(story.state.latch.kind).toBe('fault');
    const later = told('dead', 'dead');
    reports(later, 'dead', 'alive');
    later.tick(4400);
    expect(later.state).toMatchObject({ link: { kind: 'isolating' }, latch: { kind: 'fault' } });
  });
});

describe('two doors', () => {
  const wiring = { ...PLAIN_WIRING, uplink: true };
  const made = (limits: Partial<Limits> = {}) => {
    const story = new Story({ kind: 'clear' }, limits, wiring);
    story.tick(2000);
    expect(story.state.uplink.kind).toBe('connected');
    return story;
  };
  const paid = (story: Story) => {
    const { link } = story.state;
    if (link.kind === 'charging') story.does({ type: 'charged', session: link.session.id, ok: true });
  };

  it('the uplink falls as soon as the vault is asked for, and the vault waits until that is measured', () => {
    const story = made();
    story.ask();
    expect(story.effects).toContainEqual({ do: 'uplink', energised: false });
    paid(story);
    expect(story.drives()).toEqual([]);
    story.tick(600, { uplink: 'alive' });
    expect(story.drives()).toEqual([]);
    story.tick();
    expect(story.state.uplink.kind).toBe('isolated');
    story.tick();
    expect(story.drives()).toEqual([true]);
    story.tick();
    expect(story.state.link.kind).toBe('connected');
  });

  it('the uplink comes back once the vault is proven dead, after a rest', () => {
    const story = made();
    story.connect();
    story.tick(1000);
    expect(story.state).toMatchObject({ link: { kind: 'connected' }, uplink: { kind: 'isolated' } });
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(600, { contact: 'alive' });
    expect(story.state.uplink.kind).toBe('isolated');
    story.tick(400);
    expect(story.state).toMatchObject({ link: { kind: 'isolated' }, uplink: { kind: 'connected' } });
  });

  it('an uplink that does not break is a fault, and the vault is never energised', () => {
    const story = made();
    story.ask();
    paid(story);
    story.tick(1000, { uplink: 'alive' });
    expect(story.state.link.kind).toBe('charging');
    story.tick(200, { uplink: 'alive' });
    expect(story.state).toMatchObject({ latch: { kind: 'fault' }, link: { kind: 'isolating' } });
  });

  it('an uplink whose break cannot be read gives the connection up, without latch', () => {
    const story = made();
    story.ask();
    paid(story);
    story.tick(2400, { uplink: 'unknown' });
    expect(story.state.latch.kind).toBe('clear');
    expect(story.state.link.kind).not.toBe('energised');
    expect(story.refusedFor()).toContain('uplink');
  });

  it.each(['alive', 'unknown'] as const)(
    'any doubt about the uplink (%s) isolates a connected vault at once',
    (uplink) => {
      const story = made();
      story.connect();
      story.tick(500);
      expect(story.state.link.kind).toBe('connected');
      story.tick(0, { uplink });
      expect(story.drives()).toEqual([false]);
      expect(story.state.link.kind).toBe('isolating');
      story.tick(1200, { uplink });
      expect(story.state.latch.kind).toBe(uplink === 'alive' ? 'fault' : 'clear');
    },
  );

  it.each<[string, (story: Story) => void]>([
    ['a trip', (story) => story.trip()],
    ['a fault', (story) => story.does({ type: 'board-failed', reason: 'x' })],
    ['the end of the gate', (story) => story.does({ type: 'stop' })],
    ['a proof that says the vault is alive', (story) => story.tick(0, { contact: 'alive' })],
    ['a vault that can no longer be proven dead', (story) => story.tick(0, { contact: 'unknown', device: 'unknown' })],
  ])('the uplink falls in the same turn as %s', (_, happens) => {
    const story = made();
    happens(story);
    expect(story.effects).toContainEqual({ do: 'uplink', energised: false });
    expect(story.effects[0]?.do === 'relay' || story.effects[0]?.do === 'uplink').toBe(true);
  });

  it('a latch keeps the uplink isolated too, until reset', () => {
    const story = made();
    story.trip();
    story.latchWritten();
    story.tick(5000);
    expect(story.state.uplink.kind).toBe('isolated');
  });

  it('a flicker of a proof costs the uplink a rest, so that no relay chatters', () => {
    const story = made();
    story.tick(0, { contact: 'alive' });
    expect(story.state.uplink.kind).toBe('isolating');
    story.tick(1000);
    expect(story.state.uplink.kind).toBe('isolated');
    story.tick(200);
    expect(story.state.uplink.kind).toBe('connected');
  });

  it('a contact that does not make cannot prove a break: fault', () => {
    const story = made();
    story.tick(1400, { uplink: 'dead' });
    expect(story.state.latch.kind).toBe('fault');
  });
});

describe('the proof test', () => {
  const wiring = { ...PLAIN_WIRING, relays: 2 } as const;
  const made = () => new Story({ kind: 'clear' }, {}, wiring);
  const stage = ({ state: { link } }: Story) => (link.kind === 'proving' ? link.stage : link.kind);
  const passed = () => {
    const story = made();
    story.connect();
    story.tick(1000);
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(200);
    return story;
  };

  it('makes each relay alone, then both, and is dated once the link is isolated again', () => {
    const story = made();
    story.ask();
    const { link } = story.state;
    if (link.kind === 'charging') story.does({ type: 'charged', session: link.session.id, ok: true });
    const seen: string[] = [];
    for (let tick = 0; tick < 8; tick += 1) {
      seen.push(stage(story));
      story.tick(50);
    }
    expect([...new Set(seen)]).toEqual(['first', 'between', 'second', 'energised', 'connected']);
    expect(story.state.proofTest).toBeUndefined();
    story.does({ type: 'release', holder: 1, reason: 'done' });
    story.tick(200);
    expect(story.state.proofTest).toMatchObject({ passed: true });
    expect(story.records()).toContain('gate.proof_test');
    expect(story.effects.some((effect) => effect.do === 'save-budget')).toBe(true);
  });

  it('reads one line with both mirror contacts as what it is', () => {
    const story = made();
    story.ask();
    const { link } = story.state;
    if (link.kind === 'charging') story.does({ type: 'charged', session: link.session.id, ok: true });
    for (const [contact, next] of [
      ['alive', 'between'],
      ['dead', 'second'],
      ['alive', 'energised'],
    ] as const) {
      story.tick(50, { contact: 'unknown', contacts: [contact] });
      expect(stage(story)).toBe(next);
    }
    const stuck = made();
    stuck.connect();
    stuck.tick(1400, { contact: 'unknown', contacts: ['dead'] });
    expect(stuck.state.latch.kind).toBe('fault');
  });

  it('is not repeated before it is due, and is then', () => {
    const story = passed();
    story.tick(600);
    story.ask();
    expect(story.state.link).toMatchObject({ session: { test: false } });
    const due = passed();
    due.state = { ...due.state, proofTest: { wall: -31 * 86_400_000, passed: true, detail: '' } };
    due.tick(600);
    due.ask();
    expect(due.state.link).toMatchObject({ session: { test: true } });
    const ahead = passed();
    ahead.state = { ...ahead.state, proofTest: { wall: 1e12, passed: true, detail: '' } };
    ahead.tick(600);
    ahead.ask();
    expect(ahead.state.link).toMatchObject({ session: { test: true } });
  });

  it.each<[string, Partial<BoardReading>, string]>([
    ['the second contact made with the first', { contacts: ['alive', 'alive'] }, 'contact 2 is made'],
    ['no contact made at all', { contacts: ['dead', 'dead'] }, 'contact 1 is not made'],
    ['the device there with one relay', { device: 'alive' }, 'the device behind the link is there'],
  ])('finds %s: a fault, and the result says so', (_, readings, found) => {
    const story = made();
    story.connect();
    story.tick(1400, { contact: 'dead', contacts: ['alive', 'dead'], device: 'dead', ...readings });
    expect(story.state.latch).toMatchObject({ kind: 'fault', cause: { reason: expect.stringContaining(found) } });
    expect(story.state.proofTest).toMatchObject({ passed: false, detail: expect.stringContaining(found) });
  });

  it('cut short has shown nothing', () => {
    const story = made();
    story.connect();
    story.tick(50);
    expect(stage(story)).toBe('between');
    story.does({ type: 'release', holder: 1, reason: 'done' });
    expect(story.records()).toContain('gate.proof_test_cut');
    story.tick(500);
    expect(story.state.proofTest).toBeUndefined();
  });
});
