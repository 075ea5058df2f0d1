import type { GateView } from '../../daemon/base/protocol.ts';
import type { KeeperStatus } from '../../daemon/keeper/ports.ts';

export const WALL = Date.UTC(2026, 7, 1, 2, 0, 0);

/** The gate isolated and proven, outside every window. */
export function gateView(change: Partial<GateView> = {}): GateView {
  return {
    boot: 'b00t',
    link: 'isolated',
    since: 1_000_000,
    sinceWall: WALL - 7_500_000,
    why: 'The window has nothing left to ship.',
    latch: { kind: 'clear' },
    readings: { contact: 'dead', device: 'dead', at: 8_500_000 },
    led: 'steady-green',
    presence: { kind: 'none' },
    budget: { connections: 2, connectionsMax: 24, seconds: 41.2, secondsMax: 14_400 },
    interlocks: [
      { name: 'latch', ok: true, reason: 'No trip is latched.', remedy: '' },
      { name: 'intake', ok: true, reason: 'Alerts can arrive.', remedy: '' },
      { name: 'clock', ok: true, reason: 'The clock is trusted.', remedy: '' },
      { name: 'window', ok: false, reason: 'No window contains now.', remedy: 'Wait for the next window.' },
      { name: 'proofs', ok: true, reason: 'Every proof says the link is dead.', remedy: '' },
    ],
    ...change,
  };
}

export function keeperStatus(view: GateView = gateView(), change: Partial<KeeperStatus> = {}): KeeperStatus {
  return {
    appliance: 'vault-one',
    version: '0.1.0',
    wall: WALL,
    gate: { view, receivedWall: WALL - 200 },
    nextWindow: { name: 'nightly', startWall: WALL + 5_400_000, endWall: WALL + 7_200_000 },
    sources: [
      {
        name: 'code',
        kind: 'git',
        state: 'idle',
        lastSnapshot: {
          snapshot: 's1',
          seq: 12,
          wall: WALL - 7_500_000,
          files: 18_204,
          bytes: 734_003_200,
          partial: false,
          readBack: 'direct',
        },
      },
      {
        name: 'orders-db',
        kind: 'command',
        state: 'idle',
        lastFailure: { wall: WALL - 7_400_000, what: 'pg_dump ended with 1: connection refused.' },
      },
    ],
    alertSources: [
      {
        name: 'alertmanager',
        heartbeat: { everyMs: 300_000, silence: 'degrade', afterMs: 259_200_000 },
        lastHeardWall: WALL - 61_000,
        state: 'alive',
        blocks: false,
      },
      { name: 'github', state: 'unwatched', blocks: false },
    ],
    lastWindow: {
      name: 'nightly',
      startWall: WALL - 9_000_000,
      outcome: 'partial',
      connectedSeconds: 20.6,
      bytes: 48_300_000,
      why: '1 sources could not be sealed.',
    },
    activity: 'Waiting for the next window.',
    attention: [],
    proofs: {},
    figures: {
      connectedSeconds: 20.6,
      alerts: [
        { source: 'alertmanager', outcome: 'matched-none', count: 288 },
        { source: 'alertmanager', outcome: 'tripped', count: 2 },
      ],
      trips: {
        seconds: 0.0042,
        count: 2,
        buckets: [
          { le: 0.001, count: 1 },
          { le: 0.005, count: 2 },
        ],
      },
    },
    ledgerSeq: 42,
    ...change,
  };
}

export const LOCKOUT = gateView({
  latch: {
    kind: 'lockout',
    cause: {
      kind: 'alert',
      reason: 'Mass deletion of volumes by an agent',
      source: 'alertmanager',
      rule: 'volumes-deleted',
    },
    wall: WALL - 60_000,
    durable: true,
  },
  led: 'fast-red',
  why: 'Trip: Mass deletion of volumes by an agent',
  since: 8_440_000,
  interlocks: [
    {
      name: 'latch',
      ok: false,
      reason: 'Lockout: Mass deletion of volumes by an agent',
      remedy: 'Find out why, then hold the button for 5 s and release it, or run `portcullis reset` and press it.',
    },
    { name: 'intake', ok: true, reason: 'Alerts can arrive.', remedy: '' },
  ],
});

export const CONNECTED = gateView({
  link: 'connected',
  readings: { contact: 'alive', device: 'alive', at: 8_500_000 },
  led: 'slow-white',
  why: 'Connected for window nightly.',
  since: 8_492_000,
  window: { name: 'nightly', endsWall: WALL + 1_600_000 },
  connection: { purpose: 'window nightly', deadline: 10_100_000, permit: 'window' },
  interlocks: gateView().interlocks.map((one) => ({
    ...one,
    ok: true,
    reason: one.ok ? one.reason : 'Inside window nightly.',
  })),
});

/** Everything a box can have: two relays and contacts, a second door, a sensed coil supply. */
export const TWO_DOORS = gateView({
  readings: {
    contact: 'dead',
    device: 'dead',
    contacts: ['dead', 'dead'],
    uplink: 'alive',
    supply: 'alive',
    at: 8_500_000,
  },
  uplink: 'connected',
  proofTest: {
    wall: WALL - 86_400_000,
    passed: true,
    detail: 'Relays, contacts, carrier and probe each broke and made.',
  },
});

/** The gate does not answer the keeper. */
export function withoutGate(): KeeperStatus {
  const { gate: _, ...rest } = keeperStatus();
  return rest;
}
