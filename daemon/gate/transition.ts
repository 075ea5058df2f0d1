/**
 * The gate's whole behaviour: `transition(limits, state, event)` is pure and total. Relay effects come first in every
 * list of effects, and are carried out in the same event-loop turn in which the event arrived.
 */
import type { BoardReading } from './board.ts';
import type { Limits } from './config.ts';
import { charged, connect, holdInterlocks, renew } from './connection.ts';
import { isolate } from './isolate.ts';
import { fault, latchWritten, retryLatch, trip } from './latch.ts';
import { expirePresence, firm, press, request, seePole, unpress, withdraw } from './presence.ts';
import { judgeProofs } from './proofs.ts';
import type { Event, State } from './state.ts';
import { andThen, record, type Stamp, type Step, sessionOf, still } from './step.ts';
import { judgeUplink, keepApart } from './uplink.ts';

/**
 * With more than this between two looks at the link nobody knows what it did meanwhile, and a dead-man may have dropped
 * the relay by itself, which must not be taken for a broken contact. Below the shortest dead-man, 500 ms.
 */
const STALL_MS = 400;
/** Uptime is saved this often, so that a crash loses no more of it than this. */
const SAVE_UPTIME_MS = 10 * 60_000;

export function transition(limits: Limits, state: State, event: Event): Step {
  return keepApart(decide(limits, state, event), event);
}

function decide(limits: Limits, state: State, event: Event): Step {
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
      return andThen(
        sessionOf(state.link)?.holder === event.holder ? isolate(state, event, 'The keeper went away.') : still(state),
        (now) => still(now.report?.holder === event.holder ? { ...now, report: undefined } : now),
      );
    case 'request':
      return request(limits, state, event);
    case 'request-gone':
      return withdraw(state, event);
    case 'press':
      return press(state, event);
    case 'firm':
      return firm(state);
    case 'unpress':
      return unpress(state, event.heldMs);
    case 'button-stuck':
      return andThen(
        still(
          {
            ...state,
            buttonStuck: true,
            press: { kind: 'spent', opened: state.press.kind !== 'none' && state.press.opened },
          },
          record('gate.button_stuck'),
        ),
        (stuck) => holdInterlocks(stuck, event),
      );
    case 'board-failed':
      return fault(state, event, event.reason);
    case 'rules':
      return holdInterlocks({ ...state, rules: event.rules }, event);
    case 'stop':
      return holdInterlocks({ ...state, stopping: true }, event);
    default:
      return event satisfies never;
  }
}

function tick(limits: Limits, state: State, at: Stamp, readings: BoardReading): Step {
  const stoodStillMs = at.now - state.readings.at;
  const measured = seePole({ ...state, readings: { ...readings, at: at.now } });
  return [
    holdInterlocks,
    (now: State) =>
      stoodStillMs > STALL_MS ? isolate(now, at, `The gate itself stood still for ${stoodStillMs} ms.`) : still(now),
    expirePresence,
    retryLatch,
    saveUptime,
    (now: State) => judgeProofs(limits, now, at),
    (now: State) => judgeUplink(limits, now, at),
  ].reduce<Step>((step, next) => andThen(step, (now) => next(now, at)), still(measured));
}

function saveUptime(state: State, at: Stamp): Step {
  if (at.now - state.budgetSavedAt < SAVE_UPTIME_MS) return still(state);
  return still({ ...state, budgetSavedAt: at.now }, { do: 'save-budget', budget: state.budget });
}
