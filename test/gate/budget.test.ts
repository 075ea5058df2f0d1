import { describe, expect, it } from 'vitest';
import {
  BUDGET_PERIOD_MS,
  budgetFile,
  budgetUsed,
  charge,
  EMPTY_BUDGET,
  exhaustedBudget,
  saveBudget,
  settle,
  startBudget,
} from '../../daemon/gate/budget.ts';

const DAY = BUDGET_PERIOD_MS;

describe('the budget', () => {
  it('counts connections and time of the last 24 h of uptime, and forgets older ones', () => {
    let budget = startBudget(EMPTY_BUDGET, 1000);
    budget = charge(budget, 1000, 500);
    budget = charge(budget, 1000 + DAY / 2, 700);
    expect(budgetUsed(budget, 1000 + DAY / 2)).toEqual({ connections: 2, ms: 1200 });
    expect(budgetUsed(budget, 1000 + DAY - 1)).toEqual({ connections: 2, ms: 1200 });
    expect(budgetUsed(budget, 1000 + DAY + 1)).toEqual({ connections: 1, ms: 700 });
    expect(charge(budget, 1000 + DAY + 1, 1).entries).toHaveLength(2);
    expect(budgetUsed(budget, 1000 + 2 * DAY)).toEqual({ connections: 0, ms: 0 });
  });

  it('does not age while nobody watched: time between two runs counts for nothing', () => {
    const first = charge(startBudget(EMPTY_BUDGET, 0), 100, 500);
    const file = saveBudget(first, 1000);
    // A year later, on a monotonic clock that began anew.
    const second = startBudget(file, 5);
    expect(budgetUsed(second, 5 + DAY - 1000)).toEqual({ connections: 1, ms: 500 });
    expect(budgetUsed(second, 5 + DAY)).toEqual({ connections: 0, ms: 0 });
  });

  it('buys nothing by crashing in a loop: whatever was not saved has not happened', () => {
    let file = EMPTY_BUDGET;
    for (let run = 0; run < 1000; run += 1) {
      const charged = charge(startBudget(file, run * DAY), run * DAY + 50, 1000);
      // It is saved when it is charged, and never again: the crash comes an hour later.
      file = saveBudget(charged, run * DAY + 50);
      expect(budgetUsed(startBudget(file, (run + 1) * DAY), (run + 1) * DAY)).toEqual({
        connections: run + 1,
        ms: (run + 1) * 1000,
      });
    }
  });

  it('is not lengthened by a monotonic clock that seems to go back', () => {
    const budget = charge(startBudget(EMPTY_BUDGET, 1000), 1000, 5);
    expect(budgetUsed(budget, 0)).toEqual({ connections: 1, ms: 5 });
    expect(saveBudget(budget, 0).uptime).toBe(0);
  });

  it('whose history is unknown is used up, until a whole day of uptime has been seen', () => {
    const budget = exhaustedBudget(7);
    expect(budgetUsed(budget, 7).ms).toBe(Number.MAX_SAFE_INTEGER);
    const again = startBudget(saveBudget(budget, 7 + DAY / 2), 0);
    expect(budgetUsed(again, DAY / 2 - 1).ms).toBe(Number.MAX_SAFE_INTEGER);
    expect(budgetUsed(again, DAY / 2).ms).toBe(0);
  });

  it('gives back what was not used, and never more was used than was charged', () => {
    const budget = charge(charge(startBudget(EMPTY_BUDGET, 0), 0, 100), 0, 1000);
    expect(settle(budget, 300).entries.map(({ ms }) => ms)).toEqual([100, 300]);
    expect(settle(budget, 5000).entries.map(({ ms }) => ms)).toEqual([100, 1000]);
    expect(settle(startBudget(EMPTY_BUDGET, 0), 5)).toEqual(startBudget(EMPTY_BUDGET, 0));
  });

  it('reads back as it was written', () => {
    const file = saveBudget(exhaustedBudget(0), 5);
    expect(budgetFile(JSON.parse(JSON.stringify(file)))).toEqual(file);
  });
});
