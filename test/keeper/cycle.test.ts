import { describe, expect, it } from 'vitest';
import type { GateView } from '../../daemon/base/protocol.ts';
import { decide, type Interval, type Situation } from '../../daemon/keeper/cycle.ts';

const nightly: Interval = { name: 'nightly', startWall: 1_000_000, endWall: 1_100_000 };
const tomorrow: Interval = { name: 'nightly', startWall: 87_400_000, endWall: 87_500_000 };

function gate(change: Partial<GateView> = {}): GateView {
  return {
    boot: 'b',
    link: 'isolated',
    since: 0,
    sinceWall: 0,
    why: '',
    latch: { kind: 'clear' },
    readings: { contact: 'dead', device: 'dead', at: 0 },
    led: 'steady-green',
    presence: { kind: 'none' },
    budget: { connections: 0, connectionsMax: 1, seconds: 0, secondsMax: 1 },
    interlocks: [{ name: 'latch', ok: true, reason: '', remedy: '' }],
    ...change,
  };
}

function situation(change: Partial<Situation> = {}): Situation {
  return {
    wall: 1_010_000,
    window: nightly,
    next: tomorrow,
    sealedFor: nightly.startWall,
    sealing: false,
    stagingFull: false,
    cutShort: 0,
    lastSealMs: 10_000,
    staged: 1,
    connecting: false,
    resting: false,
    gate: gate(),
    uplinkAway: false,
    ...change,
  };
}

describe('what the keeper begins', () => {
  it('connects for the rest of the window once everything is sealed', () => {
    expect(decide(situation())).toEqual([{ do: 'connect', permit: 'window', window: nightly, seconds: 90 }]);
  });

  it('never connects with nothing staged: no exposure without use', () => {
    expect(decide(situation({ staged: 0 }))).toEqual([]);
  });

  it('never asks while the gate does not answer, is not isolated, or misses an interlock', () => {
    expect(decide(situation({ gate: undefined }))).toEqual([]);
    expect(decide(situation({ gate: gate({ link: 'isolating' }) }))).toEqual([]);
    const lost = { name: 'clock', ok: false, reason: '', remedy: '' };
    expect(decide(situation({ gate: gate({ interlocks: [lost] }) }))).toEqual([]);
  });

  it('never asks outside a window', () => {
    expect(decide(situation({ window: undefined, wall: 2_000_000 }))).toEqual([]);
  });

  it('waits for sealing until half of the window is gone, then ships what there is', () => {
    expect(decide(situation({ sealing: true, wall: 1_049_000 }))).toEqual([]);
    expect(decide(situation({ sealing: true, wall: 1_051_000 }))).toHaveLength(1);
    // It would wait for ever: room comes only from shipping.
    expect(decide(situation({ sealing: true, stagingFull: true, wall: 1_049_000 }))).toHaveLength(1);
    expect(decide(situation({ sealing: true, stagingFull: true, staged: 0, wall: 1_049_000 }))).toEqual([]);
  });

  it('begins to seal ahead of the window by twice the last duration and a margin', () => {
    const before = { window: undefined, next: nightly, sealedFor: 0, staged: 0 };
    expect(decide(situation({ ...before, wall: nightly.startWall - 26_000 }))).toEqual([]);
    expect(decide(situation({ ...before, wall: nightly.startWall - 24_000 }))).toEqual([
      { do: 'seal', window: nightly },
    ]);
  });

  it('seals once for a window, at once when it begins late, and not for an older one', () => {
    expect(decide(situation({ sealedFor: 0, staged: 0 }))).toEqual([{ do: 'seal', window: nightly }]);
    expect(decide(situation({ sealedFor: tomorrow.startWall, staged: 0 }))).toEqual([]);
    expect(decide(situation({ sealedFor: 0, staged: 0, sealing: true }))).toEqual([]);
  });

  it('does not seal for the next window while inside one', () => {
    const soon = { ...tomorrow, startWall: nightly.endWall + 1, endWall: nightly.endWall + 2 };
    expect(decide(situation({ next: soon, staged: 0 }))).toEqual([]);
  });

  it('gives a person who pressed the button the connection asked for, window or not', () => {
    const approved = gate({
      presence: { kind: 'approved', verb: 'connect', reason: 'restore', until: 9, seconds: 60 },
    });
    expect(decide(situation({ window: undefined, staged: 0, gate: approved }))).toEqual([
      { do: 'connect', permit: 'presence', seconds: 60, reason: 'restore' },
    ]);
  });

  it('asks once at a time', () => {
    expect(decide(situation({ connecting: true }))).toEqual([]);
  });

  it('holds a window back after failures, and never a person', () => {
    expect(decide(situation({ resting: true }))).toEqual([]);
    const approved = gate({
      presence: { kind: 'approved', verb: 'connect', reason: 'restore', until: 9, seconds: 60 },
    });
    expect(decide(situation({ resting: true, gate: approved }))).toHaveLength(1);
  });
});

describe('a second door', () => {
  const away = { uplinkAway: true, gate: gate({ uplink: 'isolated' }) };
  const there = { gate: gate({ uplink: 'connected' }) };

  it('that is not connected keeps sealing from beginning, before a window and in it', () => {
    const before = { window: undefined, next: nightly, sealedFor: 0, staged: 0, wall: nightly.startWall - 24_000 };
    expect(decide(situation({ ...before, ...away }))).toEqual([{ do: 'await-uplink' }]);
    expect(decide(situation({ ...before, ...there }))).toEqual([{ do: 'seal', window: nightly }]);
    expect(decide(situation({ ...away, sealedFor: 0, staged: 0 }))).toEqual([{ do: 'await-uplink' }]);
    expect(decide(situation({ ...away, staged: 0 }))).toEqual([]);
  });

  it('holds a connection back while something is, or is to be, sealed, until half of the window is gone', () => {
    const late = { wall: 1_051_000 };
    expect(decide(situation({ ...there, sealing: true }))).toEqual([]);
    expect(decide(situation({ ...there, ...late, sealing: true }))).toMatchObject([{ do: 'connect' }]);
    expect(decide(situation({ ...away, sealedFor: 0 }))).toEqual([{ do: 'await-uplink' }]);
    expect(decide(situation({ ...away, ...late, sealedFor: 0 }))).toMatchObject([
      { do: 'await-uplink' },
      { do: 'connect' },
    ]);
  });

  it('that went away while sealing has it done again, once it is back and the window is over', () => {
    const after = { window: undefined, cutShort: 1, staged: 0 };
    expect(decide(situation({ ...there, cutShort: 1, staged: 0 }))).toEqual([]);
    expect(decide(situation({ ...after, ...away }))).toEqual([{ do: 'await-uplink' }]);
    expect(decide(situation({ ...after, ...there }))).toEqual([{ do: 'seal-again' }]);
    expect(decide(situation({ ...after, ...there, sealing: true }))).toEqual([]);
    // What is due anyway seals everything.
    const due = { next: nightly, sealedFor: 0, wall: nightly.startWall - 24_000 };
    expect(decide(situation({ ...after, ...there, ...due }))).toEqual([{ do: 'seal', window: nightly }]);
  });
});
