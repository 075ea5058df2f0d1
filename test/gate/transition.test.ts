import { describe, expect, it } from 'vitest';
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
      (story) => story.does({ type: 'report', report: { holder: 1, clockTrusted: false, blocks: [], attention: [] } }),
    ],
    ['window', (story) => story.does({ type: 'calendar', calendar: { clockSane: true } })],
    ['button', (story) => story.does({ type: 'button-stuck' })],
    ['gate', (story) => story.does({ type: 'stop' })],
    [
      'ledger',
      (story) => {
        const blocks = [{ name: 'ledger', ok: false, reason: 'full', remedy: '' }];
        story.does({ type: 'report', report: { holder: 1, clockTrusted: true, blocks, attention: [] } });
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
    story.does({ type: 'press' });
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
    expect(story.answer(60)?.type).toBe('approved');
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
      story.does({ type: 'press' });
      expect(story.state.presence.kind).toBe('none');
    }
  });

  it('approved one request, and a second one before it is used cancels that too', () => {
    const story = new Story();
    story.request('connect');
    story.does({ type: 'press' });
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
    story.does({ type: 'press' });
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
