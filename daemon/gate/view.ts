import type { GateView } from '../base/protocol.ts';
import { budgetUsed } from './budget.ts';
import type { Limits } from './config.ts';
import { linkName, standingInterlocks, startInterlocks } from './interlocks.ts';
import { ledFor } from './led.ts';
import type { State } from './state.ts';
import { sessionOf } from './step.ts';

/** What the gate tells everybody about itself. */
export function viewOf(limits: Limits, state: State, boot: string, now: number): GateView {
  const { link, latch, presence, uplink, proofTest, rules } = state;
  const { contacts, ...readings } = state.readings;
  const session = sessionOf(link);
  const used = budgetUsed(state.budget, now);
  return {
    boot,
    link: linkName(link.kind),
    since: link.since,
    sinceWall: link.sinceWall,
    why: link.why.slice(0, 500),
    latch:
      latch.kind === 'clear'
        ? { kind: 'clear' }
        : { kind: latch.kind, cause: latch.cause, wall: latch.wall, durable: latch.write.kind === 'durable' },
    readings: { ...readings, ...(contacts === undefined ? {} : { contacts: [...contacts] }) },
    ...(uplink.kind === 'none' ? {} : { uplink: uplink.kind }),
    led: ledFor(state, now),
    presence:
      presence.kind === 'none'
        ? { kind: 'none' }
        : presence.kind === 'pending'
          ? { kind: 'pending', verb: presence.verb, reason: presence.reason, until: presence.until }
          : {
              kind: 'approved',
              verb: 'connect',
              reason: presence.reason,
              until: presence.until,
              seconds: presence.seconds,
            },
    ...(state.calendar.window === undefined ? {} : { window: state.calendar.window }),
    ...(session === undefined
      ? {}
      : { connection: { purpose: session.purpose, deadline: session.deadline, permit: session.permit } }),
    budget: {
      connections: used.connections,
      connectionsMax: limits.maxConnections,
      seconds: used.ms / 1000,
      secondsMax: limits.maxConnectedMs / 1000,
    },
    ...(proofTest === undefined ? {} : { proofTest }),
    ...(rules.kind === 'current' ? {} : { waiting: [...rules.reasons] }),
    // While connected, what must go on holding; otherwise, what a connection would need.
    interlocks:
      session === undefined ? startInterlocks(limits, state, now) : standingInterlocks(state, now, session.permit),
  };
}
