import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import type { Verb } from '../../daemon/base/protocol.ts';
import { type BoardReading, PLAIN_WIRING, type Wiring } from '../../daemon/gate/board.ts';
import { EMPTY_BUDGET } from '../../daemon/gate/budget.ts';
import type { Limits } from '../../daemon/gate/config.ts';
import type { Happening } from '../../daemon/gate/gate.ts';
import { initialState } from '../../daemon/gate/initial.ts';
import type { Effect, Event, Latch, Report, State } from '../../daemon/gate/state.ts';
import { sessionOf } from '../../daemon/gate/step.ts';
import { transition } from '../../daemon/gate/transition.ts';

/**
 * Every state the transition can reach, with time in steps of one tick and each limit one tick or two long, and every
 * event in each of them. The budget is left out (`model.test.ts` has it); everything else is there.
 */
const TICK = 400;
const LIMITS: Limits = {
  leaseMs: 2 * TICK,
  intakeLeaseMs: TICK,
  maxConnectionMs: 3 * TICK,
  maxConnections: 100,
  maxConnectedMs: 1e9,
  minOffMs: TICK,
  settleMs: TICK,
  deviceTimeoutMs: TICK,
  presenceMs: TICK,
  proofTestMs: 1e12,
};
const DEAD = { contact: 'dead', device: 'dead' } as const;
const ALIVE = { contact: 'alive', device: 'alive' } as const;
const BLIND = { contact: 'unknown', device: 'unknown' } as const;

/** The boards walked through, each with what it may read. */
interface Build {
  readonly name: string;
  readonly wiring: Wiring;
  readonly readings: readonly BoardReading[];
  readonly proofs: readonly Report['proofs'][];
  /** Every connection begins with a proof test. */
  readonly tests: boolean;
  /** All events; otherwise those that concern neither presence nor the disk's failures, which no wiring changes. */
  readonly everything: boolean;
}
const BUILDS: readonly Build[] = [
  {
    name: 'one door',
    wiring: PLAIN_WIRING,
    readings: [DEAD, ALIVE, { contact: 'alive', device: 'dead' }, { contact: 'dead', device: 'unknown' }, BLIND],
    proofs: [{}],
    tests: false,
    everything: true,
  },
  {
    name: 'two doors',
    wiring: { ...PLAIN_WIRING, uplink: true },
    readings: [
      { ...DEAD, uplink: 'dead' },
      { ...DEAD, uplink: 'alive' },
      { ...DEAD, uplink: 'unknown' },
      { ...ALIVE, uplink: 'dead' },
      { ...ALIVE, uplink: 'alive' },
      { ...BLIND, uplink: 'dead' },
    ],
    proofs: [{}],
    tests: false,
    everything: false,
  },
  {
    name: 'two relays in series, coil supply, a carrier',
    wiring: { relays: 2, uplink: false, supply: true, reported: ['carrier'] },
    readings: [
      { ...DEAD, contacts: ['dead', 'dead'], supply: 'alive' },
      { ...DEAD, contacts: ['alive', 'dead'], supply: 'alive' },
      { ...DEAD, contacts: ['dead', 'alive'], supply: 'alive' },
      { ...ALIVE, contacts: ['alive', 'alive'], supply: 'alive' },
      { ...DEAD, contacts: ['dead', 'dead'], supply: 'dead' },
    ],
    proofs: [{ carrier: 'dead' }, { carrier: 'alive' }],
    tests: true,
    everything: false,
  },
];

/** A time that no tick reaches: intake's lease ends by `intake-gone`. */
const FAR = 1e6;
const BUDGET = initialState(PLAIN_WIRING, { kind: 'clear' }, { budget: EMPTY_BUDGET, wall: 0 }, 0, 0).budget;
const REF = 7;
const CAUSE = { kind: 'gate', reason: '' } as const;
const DONE = { wall: 0, passed: true, detail: '' } as const;

/** The same state at time 0, with what nothing depends on left out. */
function canonical(state: State, now: number, tests: boolean): State {
  const ahead = (at: number) => Math.max(0, at - now);
  const behind = (at: number, limit: number) => Math.max(-limit, at - now);
  const { link, latch, presence, readings, uplink, wiring } = state;
  const session = sessionOf(link);
  const timed =
    link.kind === 'energised' || link.kind === 'proving' || (link.kind === 'charging' && link.paid && wiring.uplink);
  const since = { since: timed ? behind(link.since, 2 * TICK) : 0, sinceWall: 0, why: '' };
  const kept = session && {
    ...session,
    id: 1,
    deadline: ahead(session.deadline),
    leaseUntil: ahead(session.leaseUntil),
    charged: 0,
    ...(session.energisedAt === undefined ? {} : { energisedAt: 0 }),
  };
  return {
    ...state,
    link: { ...link, ...since, ...(kept === undefined ? {} : { session: kept }) } as State['link'],
    latch: latch.kind === 'clear' ? latch : { kind: latch.kind, cause: CAUSE, wall: 0, write: writeOf(latch, now) },
    uplink: uplink.kind === 'none' ? uplink : { kind: uplink.kind, since: behind(uplink.since, 3 * TICK) },
    presence: presence.kind === 'none' ? presence : { ...presence, until: ahead(presence.until) },
    readings: { ...readings, at: 0 },
    intakeUntil: state.intakeUntil > now ? FAR : 0,
    budget: BUDGET,
    budgetSavedAt: 0,
    offSince: link.kind === 'isolated' ? behind(state.offSince, TICK) : 0,
    disagreeSince: state.disagreeSince === undefined ? undefined : behind(state.disagreeSince, TICK),
    uplinkDisagreesSince:
      state.uplinkDisagreesSince === undefined ? undefined : behind(state.uplinkDisagreesSince, TICK),
    proofTest: tests ? undefined : DONE,
    shown: state.shown === undefined ? undefined : [],
    nextId: 3,
  };
}

function writeOf(latch: Exclude<Latch, { kind: 'clear' }>, now: number): (typeof latch)['write'] {
  const { write } = latch;
  if (write.kind === 'failed') return { kind: 'failed', retryAt: write.retryAt > now ? TICK : 0 };
  return write.kind === 'durable' ? write : { ...write, id: 2, waiting: write.waiting.slice(0, 1) };
}

const report = (proofs: Report['proofs']): Happening => ({
  type: 'report',
  report: { holder: 1, clockTrusted: true, blocks: [], attention: [], proofs },
});
const request = (verb: Verb): Happening => ({ type: 'request', ref: REF, verb, reason: '', seconds: 1 });
const window = { name: '', endsWall: 1e6 };

const eventsOf = ({ readings, proofs, everything }: Build): readonly Happening[] => [
  ...readings.map((reading): Happening => ({ type: 'tick', readings: reading })),
  { type: 'calendar', calendar: { clockSane: true } },
  { type: 'calendar', calendar: { clockSane: true, window } },
  { type: 'trip', cause: CAUSE, ref: REF },
  { type: 'latch-written', id: 2, ok: true },
  ...[true, false].map((ok): Happening => ({ type: 'charged', session: 1, ok })),
  { type: 'intake-alive', until: FAR },
  { type: 'intake-gone' },
  ...eventsOfHolder(1),
  ...proofs.map(report),
  { type: 'press' },
  { type: 'unpress', heldMs: 4999 },
  { type: 'unpress', heldMs: 5000 },
  { type: 'board-failed', reason: '' },
  { type: 'stop' },
  ...(everything ? RARE : []),
];

const eventsOfHolder = (holder: number): Happening[] => [
  { type: 'connect', holder, ref: REF, purpose: '', ms: 6 * TICK },
  { type: 'renew', holder },
  { type: 'release', holder, reason: '' },
  { type: 'holder-gone', holder },
];

const RARE: readonly Happening[] = [
  { type: 'latch-written', id: 2, ok: false },
  ...[true, false].map((ok): Happening => ({ type: 'latch-written', id: 99, ok })),
  ...[true, false].map((ok): Happening => ({ type: 'charged', session: 99, ok })),
  ...eventsOfHolder(2),
  request('reset'),
  request('connect'),
  request('apply'),
  { type: 'request-gone', ref: REF },
  { type: 'firm' },
  { type: 'button-stuck' },
];

const energised = ({ link }: State) =>
  link.kind === 'energised' || link.kind === 'connected' || (link.kind === 'proving' && link.stage !== 'between');
const clearing = ({ latch }: State) => latch.kind !== 'clear' && latch.write.kind === 'writing' && latch.write.clears;
const asking = ({ link: { kind } }: State) => kind === 'charging' || kind === 'proving' || kind === 'energised';
const provenDead = ({ readings: { contact, device } }: State) =>
  (contact === 'dead' || device === 'dead') && contact !== 'alive' && device !== 'alive';

/** Everything that must hold of one step, on what was commanded and not on what is claimed. */
function judge(before: State, event: Event, after: State, effects: readonly Effect[]): void {
  const answers = effects.flatMap((effect) => (effect.do === 'answer' ? [effect.answer.type] : []));
  const relay = judgeCommands(before, event, after, effects);
  if (after.latch.kind !== 'clear' || after.stopping) assert(!relay && sessionOf(after.link) === undefined);
  // G2
  if (event.type === 'trip')
    assert(effects[0]?.do === 'relay' && !effects[0].energised && after.latch.kind !== 'clear');
  if (event.type === 'press' && sessionOf(before.link) !== undefined) assert(after.latch.kind === 'lockout');
  // G3, G5: what holds a connection holds after every look at the time.
  const session = sessionOf(after.link);
  if (session !== undefined && event.type === 'tick') {
    assert(session.leaseUntil > event.now && session.deadline > event.now && after.intakeUntil > event.now);
    assert(after.report !== undefined && after.report.blocks.length === 0 && !after.buttonStuck);
    if (session.permit === 'window')
      assert(after.calendar.window !== undefined && after.calendar.clockSane && after.report.clockTrusted);
  }
  if (session !== undefined && sessionOf(before.link) === undefined) {
    assert(event.type === 'connect' && before.latch.kind === 'clear');
    assert.equal(session.permit === 'presence', before.presence.kind === 'approved');
    assert(after.presence.kind === 'none');
    assert(!before.wiring.supply || before.readings.supply === 'alive');
    for (const name of before.wiring.reported) assert(before.report?.proofs[name] === 'dead');
  }
  // G5, G8: only a press that lasted approves, exactly what was announced when it began; only presence begins to clear.
  if (after.presence.kind === 'approved' && before.presence.kind !== 'approved')
    assert(event.type === 'firm' && before.presence.kind === 'pending' && before.presence.verb === 'connect');
  if (event.type === 'firm' && before.press.kind !== 'may-approve') assert.equal(after, before);
  if (effects.some((effect) => effect.do === 'adopt-rules'))
    assert(event.type === 'firm' && before.presence.kind === 'pending' && before.presence.verb === 'apply');
  if (clearing(after) && !clearing(before)) {
    const pressed = event.type === 'firm' && before.presence.kind === 'pending' && before.presence.verb === 'reset';
    const held = event.type === 'unpress' && event.heldMs >= 5000 && before.press.kind === 'reset-if-held';
    assert((pressed || held) && !relay);
  }
  if (event.type === 'trip' || event.type === 'board-failed')
    assert(after.press.kind !== 'reset-if-held' || before.latch.kind === 'fault');
  // G7: it ends only when its absence is durable, and a fault is never softened.
  if (before.latch.kind !== 'clear' && after.latch.kind === 'clear')
    assert(clearing(before) && event.type === 'latch-written' && event.ok && event.id === 2);
  if (before.latch.kind === 'fault' && !clearing(before)) assert(after.latch.kind === 'fault');
  // G10: measured before it is said.
  const { contact, device } = after.readings;
  if (after.link.kind === 'isolated' && before.link.kind !== 'isolated') assert(provenDead(after));
  if (after.link.kind === 'connected' && before.link.kind !== 'connected')
    assert((contact === 'alive' || device === 'alive') && contact !== 'dead' && device !== 'dead');
  // Nobody waits for ever: whoever is no longer waited for has been answered, and once.
  if (event.type !== 'connect' && asking(before)) {
    const told = answers.filter((type) => type === 'connected' || type === 'refused').length;
    assert.equal(told, asking(after) ? 0 : 1);
  }
  if (before.presence.kind === 'pending' && after.presence.kind !== 'pending' && event.type !== 'request-gone')
    assert(answers.includes('approved') || answers.includes('denied'));
  const waited = waitingIn(before) + (event.type === 'trip' ? 1 : 0);
  assert.equal(answers.filter((type) => type === 'tripped').length + waitingIn(after), waited);
}

/** G1 and G6, on the commands. Returns whether any of the vault's relays is energised afterwards. */
function judgeCommands(before: State, event: Event, after: State, effects: readonly Effect[]): boolean {
  const drives = effects.filter((effect) => effect.do === 'relay');
  const doors = effects.filter((effect) => effect.do === 'uplink');
  // Relays before all else, off before on.
  const commands = effects.slice(0, drives.length + doors.length);
  assert(commands.every((effect) => effect.do === 'relay' || effect.do === 'uplink'));
  const firstOn = commands.findIndex((effect) => 'energised' in effect && effect.energised);
  if (firstOn !== -1) assert(commands.slice(firstOn).every((effect) => 'energised' in effect && effect.energised));
  // G1, and its other half.
  const last = drives.at(-1);
  const relay = last?.energised ?? energised(before);
  assert.equal(relay, energised(after));
  if (relay && !energised(before)) {
    const { link } = before;
    if (link.kind !== 'charging') assert(link.kind === 'proving' && link.stage === 'between' && event.type === 'tick');
    else if (event.type === 'charged') assert(event.ok && event.session === link.session.id);
    else assert(event.type === 'tick' && link.paid);
    assert(provenDead(after));
  }
  // In a proof test never both relays in series; all of them in `energised` alone.
  if (last?.energised) assert.equal(last.only === undefined, after.link.kind === 'energised');
  // G6: never both doors, and each is energised only where the other is proven dead.
  const uplink = doors.at(-1)?.energised ?? before.uplink.kind === 'connected';
  assert.equal(uplink, after.uplink.kind === 'connected');
  assert(!(uplink && relay));
  if (relay && after.uplink.kind !== 'none')
    assert(after.uplink.kind === 'isolated' && after.readings.uplink === 'dead');
  if (uplink && before.uplink.kind !== 'connected')
    assert(event.type === 'tick' && provenDead(after) && after.readings.uplink === 'dead');
  if (uplink) assert(after.link.kind === 'isolated' && after.latch.kind === 'clear' && !after.stopping);
  return relay;
}

function waitingIn({ latch }: State): number {
  return latch.kind !== 'clear' && latch.write.kind === 'writing' ? latch.write.waiting.length : 0;
}

describe('the transition', () => {
  it.each(BUILDS)(
    'keeps every rule in every state it can reach, whatever happens there: $name',
    (build) => {
      const initial = initialState(build.wiring, { kind: 'clear' }, { budget: EMPTY_BUDGET, wall: 0 }, 0, 0);
      const start = canonical({ ...initial, calendar: { clockSane: true } }, 0, build.tests);
      const events = eventsOf(build);
      // The stages of a proof test take a tick each.
      const limits = build.tests ? { ...LIMITS, maxConnectionMs: 6 * TICK } : LIMITS;
      const seen = new Set([JSON.stringify(start)]);
      const queue = [start];
      const visited = new Map<string, number>();
      const count = (what: string) => visited.set(what, (visited.get(what) ?? 0) + 1);
      let steps = 0;
      for (let before = queue.pop(); before !== undefined; before = queue.pop()) {
        count(before.link.kind);
        if (before.latch.kind !== 'clear') count('latched');
        if (before.stopping) count('stopping');
        if (before.uplink.kind === 'connected') count('uplink connected');
        for (const happening of events) {
          const event = { ...happening, now: happening.type === 'tick' ? TICK : 0, wall: 0 } as Event;
          const { state, effects } = transition(limits, before, event);
          steps += 1;
          try {
            judge(before, event, state, effects);
          } catch (error) {
            throw new Error(`${JSON.stringify({ before, event, state, effects }, null, 1)}`, { cause: error });
          }
          const next = canonical(state, event.now, build.tests);
          const key = JSON.stringify(next);
          // A gate on its way out is followed where it might still connect.
          if (seen.has(key) || (next.stopping && next.latch.kind !== 'clear')) continue;
          seen.add(key);
          queue.push(next);
        }
      }
      console.log(
        `gate walk, ${build.name}: ${seen.size} states, ${steps} transitions, ${JSON.stringify(Object.fromEntries(visited))}`,
      );
      const links = ['charging', 'energised', 'connected', 'isolating', 'isolated', 'latched', 'stopping'];
      for (const kind of links) expect(visited.get(kind), kind).toBeGreaterThan(0);
      expect(visited.has('proving')).toBe(build.wiring.relays === 2);
      expect(visited.has('uplink connected')).toBe(build.wiring.uplink);
    },
    300_000,
  );
});
