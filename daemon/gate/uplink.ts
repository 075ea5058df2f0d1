import type { Limits } from './config.ts';
import { isProvenDead } from './interlocks.ts';
import { isolate } from './isolate.ts';
import { fault } from './latch.ts';
import type { State } from './state.ts';
import { andThen, type Stamp, type Step, sessionOf, still } from './step.ts';

/** The door stays shut for this long before it opens again, so that a flickering proof makes no relay chatter. */
const REST_MS = 1000;

/**
 * G6: of two doors never both. The uplink is connected only while the vault is isolated, proven so, and nothing is latched:
 * what attacks production shall not reach the box either. Runs over the outcome of every transition.
 */
export function keepApart(step: Step, at: Stamp): Step {
  const { state } = step;
  if (state.uplink.kind !== 'connected' || mayConnect(state, at)) return step;
  return andThen(step, dropUplink(at));
}

const dropUplink =
  (at: Stamp) =>
  (state: State): Step =>
    still(
      { ...state, uplink: { kind: 'isolating', since: at.now }, uplinkDisagreesSince: undefined },
      { do: 'uplink', energised: false },
    );

function mayConnect(state: State, at: Stamp): boolean {
  return (
    state.link.kind === 'isolated' && isProvenDead(state, at.now) && state.latch.kind === 'clear' && !state.stopping
  );
}

/** Moves the uplink along as it is measured, and connects it when it may be. */
export function judgeUplink(limits: Limits, state: State, at: Stamp): Step {
  const { uplink, readings } = state;
  if (uplink.kind === 'none') return still(state);
  const reading = readings.uplink ?? 'unknown';
  // While the vault may be alive, no doubt at all about the other door.
  if (sessionOf(state.link)?.energisedAt !== undefined && reading !== 'dead')
    return andThen(isolate(state, at, 'The uplink is no longer proven dead.'), (now) => judgeUplink(limits, now, at));
  const agreed: State =
    state.uplinkDisagreesSince === undefined ? state : { ...state, uplinkDisagreesSince: undefined };
  const disagreeing = (now: State, reason: string): Step => {
    const since = state.uplinkDisagreesSince ?? at.now;
    const told: State = { ...now, uplinkDisagreesSince: since };
    return at.now - since >= limits.settleMs ? fault(told, at, reason) : still(told);
  };
  switch (uplink.kind) {
    case 'connected':
      // A contact that never makes cannot prove a break either.
      return reading === 'dead'
        ? disagreeing(state, "The uplink's relay is commanded on, but its contact does not make.")
        : still(agreed);
    case 'isolating':
      if (reading === 'alive')
        return disagreeing(state, "The uplink's relay is off, but its contact has not broken: it may be welded.");
      return reading === 'dead' ? still({ ...agreed, uplink: { kind: 'isolated', since: at.now } }) : still(agreed);
    case 'isolated':
      if (reading !== 'dead') return still({ ...agreed, uplink: { kind: 'isolating', since: at.now } });
      return mayConnect(agreed, at) && at.now - uplink.since >= REST_MS
        ? still({ ...agreed, uplink: { kind: 'connected', since: at.now } }, { do: 'uplink', energised: true })
        : still(agreed);
    default:
      return uplink satisfies never;
  }
}
