import { describe, expect, test } from 'vitest';
import type { GateView } from '../../daemon/base/protocol.ts';
import {
  alarm,
  alertEntry,
  alertSource,
  atRest,
  bytes,
  entryWords,
  freshView,
  headline,
  interlocks,
  presence,
  proofs,
  proofTest,
  sourceState,
  span,
  supply,
  uplink,
  waitingRules,
} from '../../daemon/web/page/view.js';
import { entry } from './helpers.ts';
import { CONNECTED, gateView, keeperStatus, LOCKOUT, TWO_DOORS, WALL, withoutGate } from './samples.ts';

const live = (view: GateView) => ({ status: keeperStatus(view), sinceStatus: 100, sinceWord: 100 });
const readings = (contact: 'alive' | 'dead' | 'unknown', device: 'alive' | 'dead' | 'unknown') => ({
  contact,
  device,
  at: 1,
});

describe('the headline says what was measured', () => {
  const CASES: [string, GateView, string, string][] = [
    ['both dead', gateView(), 'isolated', 'Isolated'],
    ['one dead, one cannot tell', gateView({ readings: readings('dead', 'unknown') }), 'isolated', 'Isolated'],
    ['none can tell', gateView({ readings: readings('unknown', 'unknown') }), 'unproven', 'Isolated, unproven'],
    ['one says alive', gateView({ readings: readings('dead', 'alive') }), 'alarm', 'Not isolated'],
    ['lockout', LOCKOUT, 'isolated', 'Isolated'],
    ['connected', CONNECTED, 'connected', 'Connected'],
    ['connecting', gateView({ link: 'connecting', readings: readings('alive', 'unknown') }), 'moving', 'Connecting'],
    ['isolating', gateView({ link: 'isolating', readings: readings('alive', 'alive') }), 'moving', 'Isolating'],
    [
      'a welded contact',
      gateView({
        link: 'isolating',
        readings: readings('alive', 'unknown'),
        latch: { kind: 'fault', cause: { kind: 'gate', reason: 'welded' }, wall: WALL, durable: true },
      }),
      'alarm',
      'Not isolated',
    ],
  ];
  test.each(CASES)('%s', (_, view, kind, title) => {
    expect(headline(live(view))).toMatchObject({ kind, title });
  });
});

test('says of working copies whether they can be read by whoever takes the box away', () => {
  const words = (kind: 'encrypted' | 'plaintext' | 'unknown') => atRest({ path: '/work', atRest: kind, detail: 'sda' });
  expect(atRest(undefined)).toBe('');
  expect(words('encrypted')).toBe('Working copies: encrypted at rest');
  expect(words('plaintext')).toBe('Working copies: plaintext at rest in /work (sda)');
  expect(words('unknown')).toBe('Working copies: perhaps plaintext at rest in /work (sda)');
});

describe('what a source is doing', () => {
  const source = { name: 'files', kind: 'directory' } as const;

  test('says how far it is, at what rate, and for how long still', () => {
    const progress = { files: 0, bytes: 3_000_000_000, total: 12_000_000_000 };
    expect(sourceState({ ...source, state: 'shipping', progress })).toBe('Shipping: 3.0 GB of 12 GB');
    const pace = { bytesPerSecond: 100_000_000, leftMs: 90_000 };
    expect(sourceState({ ...source, state: 'shipping', progress: { ...progress, pace } })).toBe(
      'Shipping: 3.0 GB of 12 GB, 100 MB/s, 1 min 30 s left',
    );
    expect(sourceState({ ...source, state: 'sealing', progress: { files: 2, bytes: 5 } })).toBe(
      'Sealing: 2 files, 5 B',
    );
  });

  test('says what its source is doing while there is nothing to seal yet', () => {
    const progress = { what: 'issues of acme/app: 200 (3 of 12)', files: 0, bytes: 0 };
    expect(sourceState({ ...source, state: 'sealing', progress })).toBe('Sealing: issues of acme/app: 200 (3 of 12)');
  });
});

describe("the keeper's proofs", () => {
  const known = (view: GateView, reported: object) => ({
    ...live(view),
    status: keeperStatus(view, { proofs: reported }),
  });

  test('that find the link alive while the relay is off leave it unproven, and are named', () => {
    expect(headline(known(gateView(), { carrier: 'dead', probe: 'alive' }))).toMatchObject({
      kind: 'unproven',
      detail: 'The relay is off, but the probe still finds the link alive.',
    });
    expect(headline(known(gateView({ readings: readings('alive', 'dead') }), { probe: 'alive' })).kind).toBe('alarm');
    expect(headline(known(CONNECTED, { probe: 'alive' })).kind).toBe('connected');
  });

  test('prove nothing by themselves', () => {
    const blind = gateView({ readings: readings('unknown', 'unknown') });
    expect(headline(known(blind, { carrier: 'dead', probe: 'dead' })).kind).toBe('unproven');
  });

  test("stand beside the gate's", () => {
    expect(proofs(gateView(), {})).toBe('contact dead, device dead');
    expect(proofs(TWO_DOORS, { carrier: 'dead', probe: 'unknown' })).toBe(
      'contact dead (relay 1 dead, relay 2 dead), device dead, carrier dead, probe cannot tell',
    );
  });
});

describe('what not every box has', () => {
  test('the second door: what it is, and what is measured', () => {
    expect(uplink(gateView())).toBeUndefined();
    expect(uplink(TWO_DOORS)).toBe('Connected; measured alive');
    expect(uplink(gateView({ uplink: 'isolating' }))).toBe('Isolating, not proven yet; measured cannot tell');
  });

  test("the coils' supply", () => {
    expect(supply(gateView())).toBeUndefined();
    expect(supply(TWO_DOORS)).toBe('There');
    expect(supply(gateView({ readings: { ...readings('dead', 'dead'), supply: 'dead' } }))).toMatch(/^Gone/);
  });

  test('rules that wait for a person', () => {
    expect(waitingRules(undefined)).toBeUndefined();
    expect(waitingRules(gateView({ waiting: [] }))).toBeUndefined();
    expect(waitingRules(gateView({ waiting: ['Window nightly is longer.', 'The probe is gone.'] }))).toBe(
      'The old rules hold. New ones that permit more wait for `portcullis config apply` and the button: Window nightly is longer. The probe is gone.',
    );
  });
});

test('the proof test: never, passed or failed, with its moment', () => {
  expect(proofTest(gateView())).toEqual({
    wall: undefined,
    verdict: 'Never: the next connection begins with it',
    detail: '',
  });
  expect(proofTest(TWO_DOORS)).toMatchObject({ wall: WALL - 86_400_000, verdict: 'Passed' });
  const failed = { wall: WALL, passed: false, detail: 'Relay 1 is welded.' };
  expect(proofTest(gateView({ proofTest: failed }))).toEqual({ wall: WALL, verdict: 'FAILED', detail: failed.detail });
});

describe('what is stale claims nothing', () => {
  const status = keeperStatus();
  const CASES = {
    'nothing heard yet': {
      status: undefined,
      sinceStatus: Number.POSITIVE_INFINITY,
      sinceWord: Number.POSITIVE_INFINITY,
    },
    'the stream is silent': { status, sinceStatus: 3001, sinceWord: 3001 },
    'the gate does not answer': { status: withoutGate(), sinceStatus: 0, sinceWord: 0 },
    'beats come, but no new view': { status, sinceStatus: 2900, sinceWord: 10 },
    'the keeper repeats an old view': {
      status: keeperStatus(gateView(), { gate: { view: gateView(), receivedWall: WALL - 3001 } }),
      sinceStatus: 0,
      sinceWord: 0,
    },
    'a clock that stepped back': {
      status: keeperStatus(gateView(), { gate: { view: gateView(), receivedWall: WALL + 60_000 } }),
      sinceStatus: 0,
      sinceWord: 0,
    },
  };
  test.each(Object.entries(CASES))('%s', (_, known) => {
    expect(freshView(known)).toBeUndefined();
    expect(headline(known)).toMatchObject({ kind: 'unknown', title: 'Not known' });
  });
  test('just fresh enough', () => {
    expect(freshView({ status, sinceStatus: 2799, sinceWord: 2799 })).toBeDefined();
  });
});

describe('the alarm', () => {
  test('names cause, door and what to do', () => {
    expect(alarm(LOCKOUT)).toEqual({
      title: 'Lockout: isolated until reset at the box',
      cause: 'Mass deletion of volumes by an agent (by an alert: alertmanager, rule volumes-deleted)',
      wall: WALL - 60_000,
      remedy: expect.stringMatching(/^Find out why/),
    });
    expect(alarm(gateView())).toBeUndefined();
    expect(alarm(undefined)).toBeUndefined();
  });

  test('says when the lockout is not on the disk', () => {
    const latch = LOCKOUT.latch.kind === 'lockout' ? { ...LOCKOUT.latch, durable: false } : LOCKOUT.latch;
    expect(alarm({ ...LOCKOUT, latch })?.remedy).toMatch(/^It is not on the disk yet/);
  });
});

test('a request that waits for the button, with what is left of it', () => {
  const view = gateView({ presence: { kind: 'pending', verb: 'reset', reason: 'checked', until: 8_545_000 } });
  expect(presence(view, 2000)).toBe('A request to reset waits for one press of the button, at most 50 s more: checked');
  expect(presence(gateView(), 0)).toBeUndefined();
});

test('lost interlocks come first', () => {
  expect(interlocks(gateView()).map(({ name }) => name)[0]).toBe('window');
});

test('an entry in one line: words first, bytes as bytes, nothing for programs', () => {
  const data = {
    boot: 'b',
    seq: 3,
    gateWall: 1,
    bytes: 48_300_000,
    was: 'connected',
    reason: 'Deleted',
    newBytes: 12,
    list: [1],
  };
  expect(entryWords({ ...entry(1), data })).toBe('Deleted · bytes 48 MB · was connected · new bytes 12 B');
  expect(entryWords({ ...entry(1), data: { what: 'x'.repeat(1000) } })).toHaveLength(300);
  expect(entryWords({ ...entry(1), data: {} })).toBe('');
});

test('lengths of time', () => {
  expect([-5, 0, 999, 1000, 61_000, 1_800_000, 3_600_000, 5_400_000, 90_000_000, 86_400_000].map(span)).toEqual([
    '0 s',
    '0 s',
    '0 s',
    '1 s',
    '1 min 1 s',
    '30 min',
    '1 h',
    '1 h 30 min',
    '1 d 1 h',
    '1 d',
  ]);
});

test('bytes', () => {
  expect([0, 999, 1000, 9_940, 48_300_000, 999_600, 2e12, 5e18].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '9.9 kB',
    '48 MB',
    '1.0 MB',
    '2.0 TB',
    '5000 PB',
  ]);
});

describe('who may send alerts', () => {
  const heartbeat = { everyMs: 300_000, silence: 'degrade', afterMs: 259_200_000 } as const;
  const CASES: [string, Parameters<typeof alertSource>[0], ReturnType<typeof alertSource>][] = [
    [
      'heard',
      { name: 'a', heartbeat, state: 'alive', blocks: false },
      {
        state: 'Heard',
        policy: 'Expected every 5 min. Its silence blocks connecting for 3 d, then only warns.',
        tone: 'good',
      },
    ],
    [
      'silent',
      { name: 'a', heartbeat: { ...heartbeat, silence: 'block' }, state: 'silent', blocks: true },
      {
        state: 'Silent: nothing connects until it is heard',
        policy: 'Expected every 5 min. Its silence blocks connecting.',
        tone: 'alarm',
      },
    ],
    [
      'silent where that only warns',
      { name: 'a', heartbeat: { ...heartbeat, silence: 'warn' }, state: 'silent', blocks: false },
      { state: 'Silent', policy: 'Expected every 5 min. Its silence only warns.', tone: 'alarm' },
    ],
    [
      'silent for too long',
      { name: 'a', heartbeat, state: 'degraded', blocks: false },
      {
        state: 'Silent for so long that nothing waits for it any more',
        policy: 'Expected every 5 min. Its silence blocks connecting for 3 d, then only warns.',
        tone: 'alarm',
      },
    ],
    [
      'not watched',
      { name: 'a', state: 'unwatched', blocks: false },
      {
        state: 'Not watched',
        policy: 'No heartbeat is configured: nobody would notice its silence.',
        tone: 'lacking',
      },
    ],
  ];
  test.each(CASES)('%s', (_, source, words) => {
    expect(alertSource(source)).toEqual(words);
  });
});

describe('what a source sent', () => {
  const told = (type: string, data: ReturnType<typeof entry>['data']) => alertEntry({ ...entry(1), type, data });

  test('says what came of it, by which rule, how fast, and carries what arrived as it is', () => {
    const data = { source: 'siem', rule: 'wipe', latencyMs: 0.8, detail: 'An agent wipes.', receivedWall: WALL - 5 };
    expect(told('alert.tripped', { ...data, payload: '<b>x</b>', replay: true })).toEqual({
      wall: WALL - 5,
      outcome: 'Tripped',
      tone: 'alarm',
      words: 'siem · rule wipe · relay off after 0.8 ms · a repetition · An agent wipes.',
      payload: '<b>x</b>',
    });
  });

  test('that is not there is not claimed', () => {
    expect(told('alert.refused', { source: '(unknown)', detail: 'From ::1.' })).toMatchObject({
      outcome: 'Refused',
      words: '(unknown) · From ::1.',
      payload: '',
    });
    expect(told('alert.unrecorded', { source: 'siem', outcome: 'matched-none', count: 70 })).toMatchObject({
      outcome: 'Not recorded',
      words: 'siem · 70 more: matched-none',
      wall: WALL + 1,
    });
    expect(told('alert.later', {})).toMatchObject({ outcome: 'alert.later', tone: 'plain' });
  });
});
