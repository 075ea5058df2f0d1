/**
 * The gate's whole behaviour: `transition(limits, state, event)` is pure and total. Relay effects come first in every
 * list of effects, and are carried out in the same event-loop turn in which the event arrived.
 */
import type { Cause } from '../base/protocol.ts';
import { charge, settle } from './budget.ts';
import type { Limits } from './config.ts';
import { isProvenDead, linkName, lost, permittedMs, standingInterlocks, startInterlocks } from './interlocks.ts';
import type { Answer, Effect, Event, Latch, LatchContent, Link, Ref, Session, State, Write } from './state.ts';

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** How long a button must be held, and then released, to reset a lockout. */
export const RESET_HOLD_MS = 5000;
/** A latch that could not be written is tried again this often. */
const LATCH_RETRY_MS = 1000;
/**
 * With more than this between two looks at the link nobody knows what it did meanwhile, and a dead-man may have dropped
 * the relay by itself, which must not be taken for a broken contact. Below the shortest dead-man, 500 ms.
 */
const STALL_MS = 400;
const NOT_PROVEN_DEAD = 'The relay is off, yet the link is no longer proven dead.';
/** Uptime is saved this often, so that a crash loses no more of it than this. */
const SAVE_UPTIME_MS = 10 * 60_000;

/** Interlocks that neither a window nor the next second will mend: a request to connect is denied for them at once. */
const LASTING: readonly string[] = ['latch', 'proofs', 'off-time', 'budget', 'button'];

type Stamp = { readonly now: number; readonly wall: number };

const RELAY_OFF: Effect = { do: 'relay', energised: false };
const answer = (ref: Ref, what: Answer): Effect => ({ do: 'answer', ref, answer: what });
const record = (type: string, data: Readonly<Record<string, unknown>> = {}): Effect => ({ do: 'record', type, data });
const still = (state: State, ...effects: Effect[]): Step => ({ state, effects });

/** Carries out `next` on the outcome of a step, keeping all effects, relay first. */
function then(step: Step, next: (state: State) => Step): Step {
  const after = next(step.state);
  const effects = [...step.effects, ...after.effects];
  return {
    state: after.state,
    effects: [
      ...effects.filter((effect) => effect.do === 'relay'),
      ...effects.filter((effect) => effect.do !== 'relay'),
    ],
  };
}

export function sessionOf(link: Link): Session | undefined {
  return link.kind === 'charging' || link.kind === 'energised' || link.kind === 'connected' ? link.session : undefined;
}

/** A reset is on its way to the disk: the latch holds until it has arrived. */
export function isBeingCleared(latch: Latch): boolean {
  return latch.kind !== 'clear' && latch.write.kind === 'writing' && latch.write.clears;
}

export function transition(limits: Limits, state: State, event: Event): Step {
  switch (event.type) {
    case 'trip':
      return trip(state, event, event.cause, event.ref);
    case 'tick':
      return tick(limits, state, event, event.readings);
    case 'calendar':
      return holdInterlocks({ ...state, calendar: event.calendar }, event);
    case 'latch-written':
      return latchWritten(state, event, event.id, event.ok);
    case 'intake-alive':
      return still({ ...state, intakeUntil: event.until });
    case 'intake-gone':
      return holdInterlocks({ ...state, intakeUntil: 0 }, event);
    case 'connect':
      return connect(limits, state, event);
    case 'charged':
      return charged(state, event, event.session, event.ok);
    case 'renew':
      return renew(limits, state, event, event.holder);
    case 'release':
      return sessionOf(state.link)?.holder === event.holder ? isolate(state, event, event.reason) : still(state);
    case 'report':
      return holdInterlocks({ ...state, report: event.report }, event);
    case 'holder-gone':
      return then(
        sessionOf(state.link)?.holder === event.holder ? isolate(state, event, 'The keeper went away.') : still(state),
        (now) => still(now.report?.holder === event.holder ? { ...now, report: undefined } : now),
      );
    case 'request':
      return request(limits, state, event);
    case 'request-gone':
      return state.presence.kind === 'pending' && state.presence.ref === event.ref
        ? still(
            { ...state, presence: { kind: 'none' } },
            record('gate.request_withdrawn', { verb: state.presence.verb }),
          )
        : still(state);
    case 'press':
      return press(state, event);
    case 'unpress':
      return unpress(state, event.heldMs);
    case 'button-stuck':
      return then(
        still({ ...state, buttonStuck: true, press: { kind: 'spent' } }, record('gate.button_stuck')),
        (stuck) => holdInterlocks(stuck, event),
      );
    case 'board-failed':
      return fault(state, event, event.reason);
    case 'stop':
      return holdInterlocks({ ...state, stopping: true }, event);
    default:
      return event satisfies never;
  }
}

/** Isolates and latches. In any state the relay is commanded off again: a command too many hurts nobody. */
function trip(state: State, at: Stamp, cause: Cause, ref?: Ref): Step {
  const told = still(state, RELAY_OFF, record('gate.tripped', { ...cause, was: linkName(state.link.kind) }));
  const isolated = then(told, (now) => isolate(now, at, `Trip: ${cause.reason}`));
  const dismissed = then(isolated, (now) => dismissPresence(now, 'The gate was tripped.'));
  return then(dismissed, (now) => latch(now, { kind: 'lockout', cause, wall: at.wall }, ref));
}

function fault(state: State, at: Stamp, reason: string): Step {
  // A fault is told once; but one that is just being cleared is latched anew.
  if (state.latch.kind === 'fault' && !isBeingCleared(state.latch))
    return then(still(state, RELAY_OFF), (now) => isolate(now, at, `Fault: ${reason}`));
  const told = still(state, RELAY_OFF, record('gate.fault', { reason }));
  const isolated = then(told, (now) => isolate(now, at, `Fault: ${reason}`));
  const dismissed = then(isolated, (now) => dismissPresence(now, `Fault: ${reason}`));
  return then(dismissed, (now) => latch(now, { kind: 'fault', cause: { kind: 'gate', reason }, wall: at.wall }));
}

/**
 * Ends everything a press could still mean: a pending request (and tells who waits), an unused approval, and a hold that
 * began before what happened now and would reset it unseen.
 */
function dismissPresence(state: State, reason: string): Step {
  const { presence, press: pressing } = state;
  const waits = presence.kind === 'pending' ? [denied(presence.ref, reason)] : [];
  return still(
    { ...state, presence: { kind: 'none' }, press: pressing.kind === 'none' ? pressing : { kind: 'spent' } },
    ...waits,
  );
}

function denied(ref: Ref, reason: string): Effect {
  return answer(ref, { type: 'denied', reason: reason.slice(0, 500) });
}

/**
 * Takes the latch. What is latched already stays: the first cause is the one an operator must understand, and a fault
 * is never softened to a lockout. Only a latch that is being cleared, or a lockout that becomes a fault, is written anew.
 */
function latch(state: State, content: Exclude<LatchContent, { kind: 'clear' }>, ref?: Ref): Step {
  const { latch: old } = state;
  const waits = ref === undefined ? [] : [ref];
  const keeps = old.kind !== 'clear' && !(old.kind === 'lockout' && content.kind === 'fault') && !isBeingCleared(old);
  if (keeps) {
    switch (old.write.kind) {
      case 'durable':
        return still(state, ...waits.map((waiting) => answer(waiting, { type: 'tripped', durable: true })));
      case 'writing':
        return still({
          ...state,
          latch: { ...old, write: { ...old.write, waiting: [...old.write.waiting, ...waits] } },
        });
      case 'failed':
        return writeLatch(state, { kind: old.kind, cause: old.cause, wall: old.wall }, waits);
      default:
        return old.write satisfies never;
    }
  }
  const waiting = old.kind !== 'clear' && old.write.kind === 'writing' ? [...old.write.waiting, ...waits] : waits;
  return writeLatch(state, content, waiting);
}

function writeLatch(state: State, content: Exclude<LatchContent, { kind: 'clear' }>, waiting: readonly Ref[]): Step {
  const write: Write = { kind: 'writing', id: state.nextId, waiting, clears: false };
  return still(
    { ...state, latch: { ...content, write }, nextId: state.nextId + 1 },
    { do: 'write-latch', id: state.nextId, latch: content },
  );
}

function latchWritten(state: State, at: Stamp, id: number, ok: boolean): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind !== 'writing' || old.write.id !== id) return still(state);
  const { waiting, clears } = old.write;
  const answers = waiting.map((ref) => answer(ref, { type: 'tripped', durable: ok }));
  if (!ok) {
    const failed: Write = { kind: 'failed', retryAt: at.now + LATCH_RETRY_MS };
    return still(
      { ...state, latch: { ...old, write: failed } },
      ...answers,
      record('gate.latch_unwritable', { clears }),
    );
  }
  if (!clears) return still({ ...state, latch: { ...old, write: { kind: 'durable' } } }, ...answers);
  const cleared = still(
    { ...state, latch: { kind: 'clear' }, offSince: at.now },
    ...answers,
    record('gate.reset', { was: old.kind, cause: old.cause.reason }),
  );
  return then(cleared, (now) => dismissPresence(now, 'The latch has been reset.'));
}

/** Drops the relay without a latch. Does nothing where no connection is up or coming up. */
function isolate(state: State, at: Stamp, why: string): Step {
  const { link } = state;
  const session = sessionOf(link);
  if (session === undefined) return still(state);
  const since = { since: at.now, sinceWall: at.wall, why };
  const usedMs = link.kind === 'charging' ? 0 : at.now - (link.kind === 'connected' ? link.energisedAt : link.since);
  const budget = settle(state.budget, usedMs);
  const effects: Effect[] = [
    RELAY_OFF,
    { do: 'save-budget', budget },
    record('gate.isolating', { why, seconds: usedMs / 1000, purpose: session.purpose }),
  ];
  if (link.kind !== 'connected') {
    effects.push(
      answer(session.ref, {
        type: 'refused',
        interlocks: [lost('connection', why, '')],
      }),
    );
  }
  return still({ ...state, link: { kind: 'isolating', ...since }, budget, disagreeSince: undefined }, ...effects);
}

function connect(limits: Limits, state: State, event: Extract<Event, { type: 'connect' }>): Step {
  const ms = Math.min(event.ms, permittedMs(limits, state, event.now, event.wall));
  const lacking = startInterlocks(limits, state, event.now).filter((interlock) => !interlock.ok);
  // The calendar is looked at once a second: a window may have ended since. Nothing is charged for no time at all.
  const blocked =
    lacking.length > 0 || ms > 0
      ? lacking
      : [lost('time', 'No time is left to be connected for.', 'Wait for the next window.')];
  if (blocked.length > 0) {
    return still(
      state,
      answer(event.ref, { type: 'refused', interlocks: blocked }),
      record('gate.refused', { purpose: event.purpose, interlocks: blocked.map((interlock) => interlock.name) }),
    );
  }
  const permit = state.presence.kind === 'approved' ? 'presence' : 'window';
  const session: Session = {
    id: state.nextId,
    holder: event.holder,
    ref: event.ref,
    purpose: event.purpose,
    permit,
    deadline: event.now + ms,
    leaseUntil: event.now + limits.leaseMs,
    charged: ms,
  };
  const budget = charge(state.budget, event.now, ms);
  // A press must not be able to mean two things: a request still waiting is dismissed, an approval is used up.
  return then(dismissPresence(state, 'A connection has begun: a press now trips.'), (now) =>
    still(
      {
        ...now,
        link: { kind: 'charging', since: event.now, sinceWall: event.wall, why: event.purpose, session },
        budget,
        nextId: state.nextId + 1,
      },
      { do: 'save-budget', budget, session: session.id },
      record('gate.connecting', { purpose: event.purpose, permit, seconds: ms / 1000 }),
    ),
  );
}

function charged(state: State, at: Stamp, id: number, ok: boolean): Step {
  const { link } = state;
  if (link.kind !== 'charging' || link.session.id !== id) return still(state);
  if (!ok) return isolate(state, at, 'The budget could not be written: nothing connects uncharged.');
  return then(holdInterlocks(state, at), (held) => {
    if (held.link.kind !== 'charging') return still(held);
    if (!isProvenDead(held, at.now)) return isolate(held, at, NOT_PROVEN_DEAD);
    const { session, why } = held.link;
    return still(
      {
        ...held,
        link: { kind: 'energised', since: at.now, sinceWall: at.wall, why, session },
        disagreeSince: undefined,
      },
      { do: 'relay', energised: true },
    );
  });
}

function renew(limits: Limits, state: State, at: Stamp, holder: Ref): Step {
  const { link } = state;
  const session = sessionOf(link);
  if (session === undefined || session.holder !== holder || link.kind === 'isolated' || link.kind === 'isolating')
    return still(state);
  // A lease that has lapsed is over, even if the tick that would have noticed is late.
  if (session.leaseUntil <= at.now) return isolate(state, at, 'The lease was not renewed in time.');
  return still({ ...state, link: { ...link, session: { ...session, leaseUntil: at.now + limits.leaseMs } } });
}

/** Isolates when a condition of the running connection no longer holds. */
function holdInterlocks(state: State, at: Stamp): Step {
  const session = sessionOf(state.link);
  if (session === undefined) return still(state);
  if (session.leaseUntil <= at.now) return isolate(state, at, 'The lease was not renewed in time.');
  if (session.deadline <= at.now) return isolate(state, at, 'The connection reached its time limit.');
  const lost = standingInterlocks(state, at.now, session.permit).find((interlock) => !interlock.ok);
  return lost === undefined ? still(state) : isolate(state, at, lost.reason);
}

function tick(
  limits: Limits,
  state: State,
  at: Stamp,
  readings: { contact: State['readings']['contact']; device: State['readings']['device'] },
): Step {
  const stoodStillMs = at.now - state.readings.at;
  const measured: State = { ...state, readings: { ...readings, at: at.now } };
  return [
    holdInterlocks,
    (now: State) =>
      stoodStillMs > STALL_MS ? isolate(now, at, `The gate itself stood still for ${stoodStillMs} ms.`) : still(now),
    expirePresence,
    retryLatch,
    saveUptime,
    (now: State) => judgeProofs(limits, now, at),
  ].reduce<Step>((step, next) => then(step, (now) => next(now, at)), still(measured));
}

function expirePresence(state: State, at: Stamp): Step {
  const { presence } = state;
  if (presence.kind === 'none' || presence.until > at.now) return still(state);
  const expired: State = { ...state, presence: { kind: 'none' } };
  return presence.kind === 'pending'
    ? still(
        expired,
        denied(presence.ref, 'Nobody pressed the button in time.'),
        record('gate.request_expired', { verb: presence.verb }),
      )
    : still(expired, record('gate.approval_expired'));
}

function retryLatch(state: State, at: Stamp): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind !== 'failed' || old.write.retryAt > at.now) return still(state);
  return writeLatch(state, { kind: old.kind, cause: old.cause, wall: old.wall }, []);
}

function saveUptime(state: State, at: Stamp): Step {
  if (at.now - state.budgetSavedAt < SAVE_UPTIME_MS) return still(state);
  return still({ ...state, budgetSavedAt: at.now }, { do: 'save-budget', budget: state.budget });
}

/** Compares what was commanded with what is measured, and moves the measured state along. */
function judgeProofs(limits: Limits, state: State, at: Stamp): Step {
  const { link, readings } = state;
  const agreed: State = state.disagreeSince === undefined ? state : { ...state, disagreeSince: undefined };
  const disagreeing = (limitMs: number, over: () => Step): Step => {
    const since = state.disagreeSince ?? at.now;
    return at.now - since >= limitMs ? over() : still({ ...state, disagreeSince: since });
  };
  switch (link.kind) {
    case 'charging':
      return isProvenDead(agreed, at.now) ? still(agreed) : isolate(agreed, at, NOT_PROVEN_DEAD);
    case 'energised': {
      if (readings.contact === 'dead')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The relay is commanded on, but its contact does not make.'),
        );
      if (readings.device === 'dead' || noProofSays('alive', state)) {
        return at.now - link.since >= limits.deviceTimeoutMs
          ? isolate(agreed, at, 'The relay is on, but the device behind the link did not appear.')
          : still(agreed);
      }
      const { session, why } = link;
      return still(
        {
          ...agreed,
          link: { kind: 'connected', since: at.now, sinceWall: at.wall, why, session, energisedAt: link.since },
        },
        answer(session.ref, { type: 'connected', deadline: session.deadline }),
        record('gate.connected', { purpose: session.purpose, permit: session.permit, afterMs: at.now - link.since }),
      );
    }
    case 'connected':
      if (readings.contact === 'dead')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The contact broke while the relay was commanded on.'),
        );
      if (readings.device === 'dead' || noProofSays('alive', state))
        return disagreeing(limits.settleMs, () =>
          isolate(state, at, 'The device behind the link vanished while connected.'),
        );
      return still(agreed);
    case 'isolating':
      if (readings.contact === 'alive')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The relay is off, but its contact has not broken: it may be welded.'),
        );
      if (readings.device === 'alive')
        return disagreeing(limits.deviceTimeoutMs, () =>
          fault(state, at, 'The relay is off, but the device behind the link is still there.'),
        );
      if (noProofSays('dead', state)) return still(agreed);
      return still(
        { ...agreed, link: { kind: 'isolated', since: at.now, sinceWall: at.wall, why: link.why }, offSince: at.now },
        record('gate.isolated', { why: link.why, afterMs: at.now - link.since }),
      );
    case 'isolated':
      if (readings.contact === 'alive' || readings.device === 'alive') {
        return disagreeing(limits.settleMs, () =>
          then(fault(state, at, 'The relay is off, yet a proof says the link is alive.'), (faulty) =>
            // Say what is measured: this is not isolated.
            still({
              ...faulty,
              link: { kind: 'isolating', since: at.now, sinceWall: at.wall, why: 'A proof says the link is alive.' },
            }),
          ),
        );
      }
      return still(agreed);
    default:
      return link satisfies never;
  }
}

function noProofSays(what: 'alive' | 'dead', { readings }: State): boolean {
  return readings.contact !== what && readings.device !== what;
}

function request(limits: Limits, state: State, event: Extract<Event, { type: 'request' }>): Step {
  const { presence } = state;
  const deny = (reason: string) => denied(event.ref, reason);
  if (presence.kind !== 'none') {
    const reason = 'Two requests at once cancel each other: a press must mean exactly one.';
    const first = presence.kind === 'pending' ? presence.verb : 'connect';
    return then(dismissPresence(state, reason), (now) =>
      still(now, deny(reason), record('gate.requests_cancelled', { verbs: [first, event.verb] })),
    );
  }
  if (event.verb === 'reset' && state.latch.kind === 'clear') return still(state, deny('Nothing is latched.'));
  if (event.verb === 'connect') {
    if (event.seconds <= 0) return still(state, deny('It does not say for how long.'));
    // Told now, not after the press: a person who pressed would wait for nothing.
    const blocked = startInterlocks(limits, state, event.now).filter(({ name, ok }) => !ok && LASTING.includes(name));
    const reasons = blocked.map(({ reason }) => reason).join(' ');
    if (reasons !== '') return still(state, deny(reasons.slice(0, 500)));
  }
  const until = event.now + limits.presenceMs;
  return still(
    {
      ...state,
      presence: {
        kind: 'pending',
        ref: event.ref,
        verb: event.verb,
        reason: event.reason,
        seconds: event.seconds,
        until,
      },
    },
    answer(event.ref, { type: 'pending', until }),
    record('gate.requested', { verb: event.verb, reason: event.reason, seconds: event.seconds }),
  );
}

function press(state: State, at: Stamp): Step {
  const spent: State = { ...state, press: { kind: 'spent' } };
  if (sessionOf(state.link) !== undefined)
    return trip(spent, at, { kind: 'button', reason: 'The button was pressed.' });
  const { presence, latch: held } = state;
  if (presence.kind === 'pending') {
    if (held.kind !== 'clear' && held.write.kind === 'writing') return still(spent);
    const approved = [
      answer(presence.ref, { type: 'approved' }),
      record('gate.approved', { verb: presence.verb, reason: presence.reason }),
    ] as const;
    if (presence.verb === 'reset') return then(still({ ...spent, presence: { kind: 'none' } }, ...approved), reset);
    const { reason, seconds } = presence;
    // The approval waits for the keeper as long as the request would have waited for the press.
    return still({ ...spent, presence: { kind: 'approved', reason, seconds, until: presence.until } }, ...approved);
  }
  return still({ ...state, press: { kind: state.latch.kind === 'clear' ? 'spent' : 'reset-if-held' } });
}

function unpress(state: State, heldMs: number): Step {
  const released: State = { ...state, press: { kind: 'none' }, buttonStuck: false };
  if (state.press.kind !== 'reset-if-held' || heldMs < RESET_HOLD_MS) return still(released);
  return then(
    still(
      released,
      record('gate.approved', { verb: 'reset', reason: `The button was held for ${Math.round(heldMs)} ms.` }),
    ),
    (now) => reset(now),
  );
}

/**
 * Begins to clear the latch: it is gone only when its absence is durable. Ends in isolated, never in connected.
 * A latch still on its way to the disk is not cleared: a trip that waits for its answer must not be told of a lock that
 * is gone. It takes milliseconds; the person presses again.
 */
function reset(state: State): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind === 'writing') return still(state);
  const write: Write = { kind: 'writing', id: state.nextId, waiting: [], clears: true };
  return then(dismissPresence(state, 'The latch is being reset.'), (now) =>
    still({ ...now, latch: { ...old, write }, nextId: now.nextId + 1 }, RELAY_OFF, {
      do: 'write-latch',
      id: now.nextId,
      latch: { kind: 'clear' },
    }),
  );
}
