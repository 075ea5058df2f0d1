import type { Answer, Effect, Link, Ref, Session, State } from './state.ts';

/** What a transition comes to: the next state, and what to do, relays first. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** When an event happened: monotonic, and by the wall clock. */
export interface Stamp {
  readonly now: number;
  readonly wall: number;
}

export const RELAY_OFF: Effect = { do: 'relay', energised: false };

export const answer = (ref: Ref, what: Answer): Effect => ({ do: 'answer', ref, answer: what });

export const denied = (ref: Ref, reason: string): Effect =>
  answer(ref, { type: 'denied', reason: reason.slice(0, 500) });

export const record = (type: string, data: Readonly<Record<string, unknown>> = {}): Effect => ({
  do: 'record',
  type,
  data,
});

export const still = (state: State, ...effects: Effect[]): Step => ({ state, effects: inOrder(effects) });

/** (Not `then`: a module that exports that is a thenable, and cannot be imported dynamically.) Carries out `next` on the outcome of a step, keeping all effects. */
export function andThen(step: Step, next: (state: State) => Step): Step {
  const after = next(step.state);
  return { state: after.state, effects: inOrder([...step.effects, ...after.effects]) };
}

/** Relays before all else, off before on, the vault's before the uplink's. */
function inOrder(effects: readonly Effect[]): readonly Effect[] {
  return effects.length < 2 ? effects : effects.toSorted((one, other) => rank(one) - rank(other));
}

function rank(effect: Effect): number {
  if (effect.do !== 'relay' && effect.do !== 'uplink') return 3;
  if (effect.energised) return 2;
  return effect.do === 'relay' ? 0 : 1;
}

export function sessionOf(link: Link): Session | undefined {
  return 'session' in link ? link.session : undefined;
}
