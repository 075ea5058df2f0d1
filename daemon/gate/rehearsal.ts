import { tripRequest } from '../base/protocol.ts';
import type { Limits } from './config.ts';
import type { Session, State } from './state.ts';
import type { Stamp, Step } from './step.ts';
import { transition } from './transition.ts';

/** Enough for V8 to have compiled every function on the way, and to have seen what they are given. */
const ROUNDS = 20;

const LINE = JSON.stringify({ type: 'trip', id: 0, cause: { kind: 'gate', reason: 'A rehearsal.' } });

/**
 * Decides, again and again, what a trip of a connection on this board would come to, and carries nothing out: Node compiles a
 * function when it is first called, and a gate's first trip, perhaps years after its start, is the one that counts. Returns
 * the last decision.
 */
export function rehearseTrip(limits: Limits, state: State, at: Stamp): Step {
  const session: Session = {
    id: 0,
    holder: 0,
    ref: 0,
    purpose: 'A rehearsal.',
    permit: 'window',
    deadline: at.now,
    leaseUntil: at.now,
    charged: 0,
    test: false,
    energisedAt: at.now,
  };
  const connected: State = {
    ...state,
    link: { kind: 'connected', since: at.now, sinceWall: at.wall, why: session.purpose, session },
    latch: { kind: 'clear' },
  };
  let step: Step = { state: connected, effects: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const message = tripRequest(JSON.parse(LINE));
    if (message.type === 'trip')
      step = transition(limits, connected, { type: 'trip', cause: message.cause, ref: 0, now: at.now, wall: at.wall });
  }
  return step;
}
