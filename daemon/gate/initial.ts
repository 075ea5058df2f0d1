import type { Wiring } from './board.ts';
import { exhaustedBudget, startBudget } from './budget.ts';
import type { Memory } from './files.ts';
import type { LatchContent, State } from './state.ts';

/** At start the relays have been commanded off and nothing has been measured yet. */
export function initialState(
  wiring: Wiring,
  latch: LatchContent,
  memory: Memory | undefined,
  now: number,
  wall: number,
): State {
  return {
    wiring,
    rules: { kind: 'current' },
    link: { kind: 'isolating', since: now, sinceWall: wall, why: 'The gate started.' },
    uplink: wiring.uplink ? { kind: 'isolating', since: now } : { kind: 'none' },
    latch: latch.kind === 'clear' ? latch : { ...latch, write: { kind: 'durable' } },
    presence: { kind: 'none' },
    readings: { contact: 'unknown', device: 'unknown', at: now },
    intakeUntil: 0,
    report: undefined,
    calendar: { clockSane: false },
    budget: memory === undefined ? exhaustedBudget(now) : startBudget(memory.budget, now),
    budgetSavedAt: now,
    offSince: now,
    disagreeSince: undefined,
    uplinkDisagreesSince: undefined,
    proofTest: memory?.proofTest,
    shown: undefined,
    press: { kind: 'none' },
    buttonStuck: false,
    pole: 'untried',
    stopping: false,
    nextId: 1,
  };
}
