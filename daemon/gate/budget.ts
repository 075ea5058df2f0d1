import { integer, list, number, type Of, object } from '../base/shape.ts';

/** What stands on disk. `uptime` is all the uptime the gate has observed so far, in ms; entries are placed on that axis. */
export const budgetFile = object({
  version: integer(1, 1),
  uptime: number(0),
  entries: list(object({ at: number(0), ms: number(0) }), 100_000),
});
export type BudgetFile = Of<typeof budgetFile>;

/**
 * Connections of the last 24 h of observed uptime. Uptime, not time: time in which nobody watched the gate gives
 * nothing back, so neither a crash loop nor a clock step buys a connection.
 */
export interface Budget {
  /** Observed uptime at `startedAt`. */
  readonly base: number;
  /** Monotonic time from which uptime is counted on. */
  readonly startedAt: number;
  readonly entries: readonly { readonly at: number; readonly ms: number }[];
}

export const BUDGET_PERIOD_MS = 24 * 3_600_000;

export function startBudget(file: BudgetFile, now: number): Budget {
  return { base: file.uptime, startedAt: now, entries: file.entries };
}

/** A budget whose history is unknown is used up. */
export function exhaustedBudget(now: number): Budget {
  return { base: 0, startedAt: now, entries: [{ at: 0, ms: Number.MAX_SAFE_INTEGER }] };
}

export const EMPTY_BUDGET: BudgetFile = { version: 1, uptime: 0, entries: [] };

function uptime(budget: Budget, now: number): number {
  return budget.base + Math.max(0, now - budget.startedAt);
}

export function budgetUsed(budget: Budget, now: number): { connections: number; ms: number } {
  const from = uptime(budget, now) - BUDGET_PERIOD_MS;
  const recent = budget.entries.filter((entry) => entry.at > from || from < 0);
  return { connections: recent.length, ms: recent.reduce((sum, entry) => sum + entry.ms, 0) };
}

/** Adds one connection of `ms`, and forgets what has aged out. */
export function charge(budget: Budget, now: number, ms: number): Budget {
  const at = uptime(budget, now);
  const from = at - BUDGET_PERIOD_MS;
  return { ...budget, entries: [...budget.entries.filter((entry) => entry.at > from || from < 0), { at, ms }] };
}

/** Replaces the last charge by what was really used. */
export function settle(budget: Budget, ms: number): Budget {
  const last = budget.entries.at(-1);
  if (last === undefined) return budget;
  return { ...budget, entries: [...budget.entries.slice(0, -1), { at: last.at, ms: Math.min(ms, last.ms) }] };
}

export function saveBudget(budget: Budget, now: number): BudgetFile {
  return { version: 1, uptime: uptime(budget, now), entries: [...budget.entries] };
}
