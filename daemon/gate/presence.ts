import type { Limits } from './config.ts';
import { startInterlocks } from './interlocks.ts';
import { dismissPresence } from './isolate.ts';
import { reset, trip } from './latch.ts';
import type { Event, State } from './state.ts';
import { andThen, answer, denied, record, type Stamp, type Step, sessionOf, still } from './step.ts';

/** How long a button must be held, and then released, to reset a lockout. */
export const RESET_HOLD_MS = 5000;
/** A press as long as this has moved the normally-closed pole too, and the gate has looked at it more than once. */
const POLE_MS = 250;

/** Interlocks that neither a window nor the next second will mend: a request to connect is denied for them at once. */
const LASTING: readonly string[] = ['latch', 'proofs', 'off-time', 'budget', 'button', 'coil-supply', 'rules'];

/** Announces one request; a second one cancels both. */
export function request(limits: Limits, state: State, event: Extract<Event, { type: 'request' }>): Step {
  const { presence } = state;
  const deny = (reason: string) => denied(event.ref, reason);
  if (presence.kind !== 'none') {
    const reason = 'Two requests at once cancel each other: a press must mean exactly one.';
    const first = presence.kind === 'pending' ? presence.verb : 'connect';
    return andThen(dismissPresence(state, reason), (now) =>
      still(now, deny(reason), record('gate.requests_cancelled', { verbs: [first, event.verb] })),
    );
  }
  if (event.verb === 'reset' && state.latch.kind === 'clear') return still(state, deny('Nothing is latched.'));
  if (event.verb === 'connect') {
    if (event.seconds <= 0) return still(state, deny('It does not say for how long.'));
    // Told now, not after the press: a person who pressed would wait for nothing.
    const blocked = startInterlocks(limits, state, event.now).filter(({ name, ok }) => !ok && LASTING.includes(name));
    const reasons = blocked.map(({ reason }) => reason).join(' ');
    if (reasons !== '') return still(state, deny(reasons));
  }
  const until = event.now + limits.presenceMs;
  const { ref, verb, reason, seconds, test = false } = event;
  return still(
    { ...state, presence: { kind: 'pending', ref, verb, reason, seconds, test, until } },
    answer(ref, { type: 'pending', until }),
    record('gate.requested', { verb, reason, seconds }),
  );
}

export function withdraw(state: State, event: Extract<Event, { type: 'request-gone' }>): Step {
  const { presence } = state;
  return presence.kind === 'pending' && presence.ref === event.ref
    ? still({ ...state, presence: { kind: 'none' } }, record('gate.request_withdrawn', { verb: presence.verb }))
    : still(state);
}

export function expirePresence(state: State, at: Stamp): Step {
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

/** The first edge: a trip at once where there is anything to trip; whatever else it means, it must first last. */
export function press(state: State, at: Stamp): Step {
  const spent: State = { ...state, press: { kind: 'spent', opened: false } };
  if (sessionOf(state.link) !== undefined)
    return trip(spent, at, { kind: 'button', reason: 'The button was pressed.' });
  const { presence } = state;
  if (presence.kind === 'pending')
    return still({ ...state, press: { kind: 'may-approve', opened: false, ref: presence.ref } });
  return still(state.latch.kind === 'clear' ? spent : { ...state, press: { kind: 'reset-if-held', opened: false } });
}

/** The press has lasted: it approves the request that was announced when it began, and no other. */
export function firm(state: State): Step {
  const { press: pressing, presence, latch: held } = state;
  if (pressing.kind !== 'may-approve') return still(state);
  const spent: State = { ...state, press: { kind: 'spent', opened: pressing.opened } };
  if (presence.kind !== 'pending' || presence.ref !== pressing.ref) return still(spent);
  if (held.kind !== 'clear' && held.write.kind === 'writing') return still(spent);
  const { verb, reason, seconds, test, until } = presence;
  const approved = still(
    { ...spent, presence: { kind: 'none' } },
    answer(presence.ref, { type: 'approved' }),
    record('gate.approved', { verb, reason }),
  );
  switch (verb) {
    case 'reset':
      return andThen(approved, reset);
    case 'connect':
      // The approval waits for the keeper as long as the request would have waited for the press.
      return andThen(approved, (now) =>
        still({ ...now, presence: { kind: 'approved', reason, seconds, test, until } }),
      );
    case 'apply':
      return andThen(approved, (now) => still({ ...now, rules: { kind: 'current' } }, { do: 'adopt-rules' }));
    default:
      return verb satisfies never;
  }
}

export function unpress(state: State, heldMs: number): Step {
  const { press: pressing } = state;
  const released: State = { ...state, press: { kind: 'none' }, buttonStuck: false };
  const judged = judgePole(released, pressing.kind !== 'none' && pressing.opened, heldMs);
  if (pressing.kind !== 'reset-if-held' || heldMs < RESET_HOLD_MS) return judged;
  const reason = `The button was held for ${Math.round(heldMs)} ms.`;
  return andThen(judged, (now) => andThen(still(now, record('gate.approved', { verb: 'reset', reason })), reset));
}

/**
 * The normally-closed pole, in series with the coils, must open with every press: it is the one thing that isolates a gate
 * that is wrong. One that did not is a button that cannot be relied on.
 */
function judgePole(state: State, opened: boolean, heldMs: number): Step {
  if (!state.wiring.supply || (!opened && heldMs < POLE_MS)) return still(state);
  const pole = opened ? 'opens' : 'fails';
  return pole === state.pole ? still(state) : still({ ...state, pole }, record('gate.button_pole', { opened }));
}

/** Notes that the coils' supply is gone while the button is down. */
export function seePole(state: State): State {
  const { press: pressing, readings } = state;
  if (pressing.kind === 'none' || pressing.opened || readings.supply !== 'dead') return state;
  return { ...state, press: { ...pressing, opened: true } };
}
