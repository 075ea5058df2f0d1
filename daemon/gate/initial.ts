import { exhaustedBudget, startBudget } from './budget.ts';
import type { Memory } from './files.ts';
import type { LatchContent, State } from './state.ts';

/** At start the relay has been commanded off and nothing has been measured yet. */
export function initialState(latch: LatchContent, memory: Memory | undefined, now: number, wall: number): State {
  return {
    link: { kind: 'isolating', since: now, sinceWall: wall, why: 'The gate started.' },
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
    press: { kind: 'none' },
    buttonStuck: false,
    stopping: false,
    nextId: 1,
  };
}
