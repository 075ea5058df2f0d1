import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../daemon/base/protocol.ts';
import { PLAIN_WIRING } from '../../daemon/gate/board.ts';
import { EMPTY_BUDGET } from '../../daemon/gate/budget.ts';
import type { Limits } from '../../daemon/gate/config.ts';
import type { Happening } from '../../daemon/gate/gate.ts';
import { initialState } from '../../daemon/gate/initial.ts';
import type { Effect, Event, Latch, State } from '../../daemon/gate/state.ts';
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
const READINGS: readonly (readonly [contact: Reading, device: Reading])[] = [
  ['dead', 'dead'],
  ['alive', 'alive'],
  ['alive', 'dead'],
  ['dead', 'unknown'],
  ['unknown', 'unknown'],
];
/** A time that no tick reaches: intake's lease ends by `intake-gone`. */
const FAR = 1e6;
const BUDGET = initialState(PLAIN_WIRING, { kind: 'clear' }, { budget: EMPTY_BUDGET, wall: 0 }, 0, 0).budget;
const REF = 7;
const CAUSE = { kind: 'gate', reason: '' } as const;

/** The same state at time 0, with what nothing depends on left out. */
function canonical(state: State, now: number): State {
  const ahead = (at: number) => Math.max(0, at - now);
  const behind = (at: number, limit: number) => Math.max(-limit, at - now);
  const { link, latch, presence, readings } = state;
  const session = sessionOf(link);
  const since = { since: link.kind === 'energised' ? behind(link.since, TICK) : 0, sinceWall: 0, why: '' };
  const kept = session && {
    ...session,
    id: 1,
    deadline: ahead(session.deadline),
    leaseUntil: ahead(session.leaseUntil),
    charged: 0,
  };
  return {
    ...state,
    link: {
      ...link,
      ...since,
      ...(kept === undefined ? {} : { session: kept }),
      ...(link.kind === 'connected' ? { energisedAt: 0 } : {}),
    } as State['link'],
    latch: latch.kind === 'clear' ? latch : { kind: latch.kind, cause: CAUSE, wall: 0, write: writeOf(latch, now) },
    presence: presence.kind === 'none' ? presence : { ...presence, until: ahead(presence.until) },
    readings: { ...readings, at: 0 },
    intakeUntil: state.intakeUntil > now ? FAR : 0,
    budget: BUDGET,
    budgetSavedAt: 0,
    offSince: link.kind === 'isolated' ? behind(state.offSince, TICK) : 0,
    disagreeSince: state.disagreeSince === undefined ? undefined : behind(state.disagreeSince, TICK),
    nextId: 3,
  };
}

function writeOf(latch: Exclude<Latch, { kind: 'clear' }>, now: number): (typeof latch)['write'] {
  const { write } = latch;
  if (write.kind === 'failed') return { kind: 'failed', retryAt: write.retryAt > now ? TICK : 0 };
  return write.kind === 'durable' ? write : { ...write, id: 2, waiting: write.waiting.slice(0, 1) };
}

const report: Happening = {
  type: 'report',
  report: { holder: 1, clockTrusted: true, blocks: [], attention: [], proofs: {} },
};
const request = (verb: 'reset' | 'connect'): Happening => ({ type: 'request', ref: REF, verb, reason: '', seconds: 1 });
const window = { name: '', endsWall: 1e6 };

const EVENTS: readonly Happening[] = [
  ...READINGS.map(([contact, device]): Happening => ({ type: 'tick', readings: { contact, device } })),
  { type: 'calendar', calendar: { clockSane: true } },
  { type: 'calendar', calendar: { clockSane: true, window } },
  { type: 'trip', cause: CAUSE, ref: REF },
  ...[2, 99].flatMap((id) => [true, false].map((ok): Happening => ({ type: 'latch-written', id, ok }))),
  ...[1, 99].flatMap((session) => [true, false].map((ok): Happening => ({ type: 'charged', session, ok }))),
  { type: 'intake-alive', until: FAR },
  { type: 'intake-gone' },
  ...[1, 2].flatMap((holder): Happening[] => [
    { type: 'connect', holder, ref: REF, purpose: '', ms: 3 * TICK },
    { type: 'renew', holder },
    { type: 'release', holder, reason: '' },
    { type: 'holder-gone', holder },
  ]),
  report,
  request('reset'),
  request('connect'),
  { type: 'request-gone', ref: REF },
  { type: 'press' },
  { type: 'unpress', heldMs: 4999 },
  { type: 'unpress', heldMs: 5000 },
  { type: 'button-stuck' },
  { type: 'board-failed', reason: '' },
  { type: 'stop' },
];

const energised = ({ link }: State) => link.kind === 'energised' || link.kind === 'connected';
const clearing = ({ latch }: State) => latch.kind !== 'clear' && latch.write.kind === 'writing' && latch.write.clears;

/** Everything that must hold of one step, on what was commanded and not on what is claimed. */
function judge(before: State, event: Event, after: State, effects: readonly Effect[]): void {
  const drives = effects.filter((effect) => effect.do === 'relay');
  const answers = effects.flatMap((effect) => (effect.do === 'answer' ? [effect.answer.type] : []));
  const relay = drives.at(-1)?.energised ?? energised(before);
  // G1, and its other half.
  assert.equal(relay, energised(after));
  assert(effects.slice(0, drives.length).every((effect) => effect.do === 'relay'));
  if (after.latch.kind !== 'clear' || after.stopping) assert(!relay && sessionOf(after.link) === undefined);
  if (relay && !energised(before)) {
    assert(event.type === 'charged' && event.ok && before.link.kind === 'charging');
    assert.equal(event.session, before.link.session.id);
    assert(before.readings.contact === 'dead' || before.readings.device === 'dead');
    assert(before.readings.contact !== 'alive' && before.readings.device !== 'alive');
  }
  // G2
  if (event.type === 'trip') assert(drives[0]?.energised === false && after.latch.kind !== 'clear');
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
  }
  // G5, G8: only a press for it approves, and only presence begins to clear.
  if (after.presence.kind === 'approved' && before.presence.kind !== 'approved')
    assert(event.type === 'press' && before.presence.kind === 'pending' && before.presence.verb === 'connect');
  if (clearing(after) && !clearing(before)) {
    const pressed = event.type === 'press' && before.presence.kind === 'pending' && before.presence.verb === 'reset';
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
  if (after.link.kind === 'isolated' && before.link.kind !== 'isolated')
    assert((contact === 'dead' || device === 'dead') && contact !== 'alive' && device !== 'alive');
  if (after.link.kind === 'connected' && before.link.kind !== 'connected')
    assert((contact === 'alive' || device === 'alive') && contact !== 'dead' && device !== 'dead');
  // Nobody waits for ever: whoever is no longer waited for has been answered, and once.
  if (event.type !== 'connect' && (before.link.kind === 'charging' || before.link.kind === 'energised')) {
    const told = answers.filter((type) => type === 'connected' || type === 'refused').length;
    assert.equal(told, after.link.kind === 'charging' || after.link.kind === 'energised' ? 0 : 1);
  }
  if (before.presence.kind === 'pending' && after.presence.kind !== 'pending' && event.type !== 'request-gone')
    assert(answers.includes('approved') || answers.includes('denied'));
  const waited = waitingIn(before) + (event.type === 'trip' ? 1 : 0);
  assert.equal(answers.filter((type) => type === 'tripped').length + waitingIn(after), waited);
}

function waitingIn({ latch }: State): number {
  return latch.kind !== 'clear' && latch.write.kind === 'writing' ? latch.write.waiting.length : 0;
}

describe('the transition', () => {
  it('keeps every rule in every state it can reach, whatever happens there', () => {
    const initial = initialState(PLAIN_WIRING, { kind: 'clear' }, { budget: EMPTY_BUDGET, wall: 0 }, 0, 0);
    const start = canonical({ ...initial, calendar: { clockSane: true } }, 0);
    const seen = new Set([JSON.stringify(start)]);
    const queue = [start];
    const visited = { charging: 0, energised: 0, connected: 0, isolating: 0, isolated: 0, latched: 0, stopping: 0 };
    let steps = 0;
    for (let before = queue.pop(); before !== undefined; before = queue.pop()) {
      visited[before.link.kind] += 1;
      if (before.latch.kind !== 'clear') visited.latched += 1;
      if (before.stopping) visited.stopping += 1;
      for (const happening of EVENTS) {
        const event = { ...happening, now: happening.type === 'tick' ? TICK : 0, wall: 0 } as Event;
        const { state, effects } = transition(LIMITS, before, event);
        steps += 1;
        try {
          judge(before, event, state, effects);
        } catch (error) {
          throw new Error(`${JSON.stringify({ before, event, state, effects }, null, 1)}`, { cause: error });
        }
        const next = canonical(state, event.now);
        const key = JSON.stringify(next);
        // A gate on its way out is followed where it might still connect.
        if (seen.has(key) || (next.stopping && next.latch.kind !== 'clear')) continue;
        seen.add(key);
        queue.push(next);
      }
    }
    console.log(`gate walk: ${seen.size} states, ${steps} transitions, ${JSON.stringify(visited)}`);
    for (const [name, count] of Object.entries(visited)) expect(count, name).toBeGreaterThan(0);
  }, 120_000);
});
