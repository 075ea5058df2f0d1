import { charge } from './budget.ts';
import type { Limits } from './config.ts';
import { isProvenDead, lost, permittedMs, standingInterlocks, startInterlocks } from './interlocks.ts';
import { dismissPresence, isolate } from './isolate.ts';
import type { Event, Ref, Session, State } from './state.ts';
import { andThen, answer, record, type Stamp, type Step, sessionOf, still } from './step.ts';

export const NOT_PROVEN_DEAD = 'The relay is off, yet the link is no longer proven dead.';

/** Begins a connection: charges the budget, relays still off. */
export function connect(limits: Limits, state: State, event: Extract<Event, { type: 'connect' }>): Step {
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
  const { presence } = state;
  const permit = presence.kind === 'approved' ? 'presence' : 'window';
  const session: Session = {
    id: state.nextId,
    holder: event.holder,
    ref: event.ref,
    purpose: event.purpose,
    permit,
    deadline: event.now + ms,
    leaseUntil: event.now + limits.leaseMs,
    charged: ms,
    test: (presence.kind === 'approved' && presence.test) || isProofTestDue(limits, state, event.wall),
  };
  const budget = charge(state.budget, event.now, ms);
  // A press must not be able to mean two things: a request still waiting is dismissed, an approval is used up.
  return andThen(dismissPresence(state, 'A connection has begun: a press now trips.'), (now) =>
    still(
      {
        ...now,
        link: {
          kind: 'charging',
          since: event.now,
          sinceWall: event.wall,
          why: event.purpose,
          session,
          paid: false,
        },
        budget,
        nextId: state.nextId + 1,
      },
      { do: 'save-budget', budget, session: session.id },
      record('gate.connecting', { purpose: event.purpose, permit, seconds: ms / 1000, test: session.test }),
    ),
  );
}

/** A result that the clock has left behind, or is ahead of it, or was bad, is due again. */
function isProofTestDue(limits: Limits, { proofTest }: State, wall: number): boolean {
  return (
    proofTest === undefined || !proofTest.passed || wall < proofTest.wall || wall - proofTest.wall >= limits.proofTestMs
  );
}

export function charged(state: State, at: Stamp, id: number, ok: boolean): Step {
  const { link } = state;
  if (link.kind !== 'charging' || link.session.id !== id) return still(state);
  if (!ok) return isolate(state, at, 'The budget could not be written: nothing connects uncharged.');
  return andThen(holdInterlocks({ ...state, link: { ...link, paid: true } }, at), (held) => energise(held, at));
}

/** Energises what has been paid for, once the link is proven dead and, of two doors, the other one as well (G6). */
export function energise(state: State, at: Stamp): Step {
  const { link, uplink, readings, wiring } = state;
  if (link.kind !== 'charging' || !link.paid) return still(state);
  if (!isProvenDead(state, at.now)) return isolate(state, at, NOT_PROVEN_DEAD);
  if (uplink.kind !== 'none' && !(uplink.kind === 'isolated' && readings.uplink === 'dead')) return still(state);
  const session: Session = { ...link.session, energisedAt: at.now };
  const since = { since: at.now, sinceWall: at.wall, why: link.why, session };
  const ready: State = { ...state, disagreeSince: undefined, shown: session.test ? [] : undefined };
  return session.test && wiring.relays === 2
    ? still(
        { ...ready, link: { kind: 'proving', ...since, stage: 'first' } },
        { do: 'relay', energised: true, only: 1 },
      )
    : still({ ...ready, link: { kind: 'energised', ...since } }, { do: 'relay', energised: true });
}

export function renew(limits: Limits, state: State, at: Stamp, holder: Ref): Step {
  const { link } = state;
  if (link.kind === 'isolated' || link.kind === 'isolating' || link.session.holder !== holder) return still(state);
  // A lease that has lapsed is over, even if the tick that would have noticed is late.
  if (link.session.leaseUntil <= at.now) return isolate(state, at, 'The lease was not renewed in time.');
  return still({ ...state, link: { ...link, session: { ...link.session, leaseUntil: at.now + limits.leaseMs } } });
}

/** Isolates when a condition of the running connection no longer holds. */
export function holdInterlocks(state: State, at: Stamp): Step {
  const session = sessionOf(state.link);
  if (session === undefined) return still(state);
  if (session.leaseUntil <= at.now) return isolate(state, at, 'The lease was not renewed in time.');
  if (session.deadline <= at.now) return isolate(state, at, 'The connection reached its time limit.');
  const lost = standingInterlocks(state, at.now, session.permit).find((interlock) => !interlock.ok);
  return lost === undefined ? still(state) : isolate(state, at, lost.reason);
}
