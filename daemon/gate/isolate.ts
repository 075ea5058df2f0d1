import { settle } from './budget.ts';
import { lost } from './interlocks.ts';
import type { Effect, State } from './state.ts';
import { answer, denied, RELAY_OFF, record, type Stamp, type Step, sessionOf, still } from './step.ts';

/** Drops the relays without a latch. Does nothing where no connection is up or coming up. */
export function isolate(state: State, at: Stamp, why: string): Step {
  const { link } = state;
  const session = sessionOf(link);
  if (session === undefined) return still(state);
  const usedMs = session.energisedAt === undefined ? 0 : at.now - session.energisedAt;
  const budget = settle(state.budget, usedMs);
  const early = link.kind !== 'connected';
  const effects: Effect[] = [
    RELAY_OFF,
    { do: 'save-budget', budget },
    record('gate.isolating', { why, seconds: usedMs / 1000, purpose: session.purpose }),
    ...(early ? [answer(session.ref, { type: 'refused', interlocks: [lost('connection', why, '')] })] : []),
    ...(early && state.shown !== undefined ? [record('gate.proof_test_cut', { why })] : []),
  ];
  return still(
    {
      ...state,
      link: { kind: 'isolating', since: at.now, sinceWall: at.wall, why },
      budget,
      disagreeSince: undefined,
      // What never got as far as connected has shown nothing that could be completed.
      shown: early ? undefined : state.shown,
    },
    ...effects,
  );
}

/**
 * Ends everything a press could still mean: a pending request (and tells who waits), an unused approval, and a hold that
 * began before what happened now and would reset it unseen.
 */
export function dismissPresence(state: State, reason: string): Step {
  const { presence, press } = state;
  const waits = presence.kind === 'pending' ? [denied(presence.ref, reason)] : [];
  return still(
    {
      ...state,
      presence: { kind: 'none' },
      press: press.kind === 'none' ? press : { kind: 'spent', opened: press.opened },
    },
    ...waits,
  );
}
