import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Rates } from '../../daemon/alerts/rates.ts';

/** Moments in milliseconds, not going back. */
const moments = (longest: number) =>
  fc.array(fc.nat(longest), { minLength: 1, maxLength: 80 }).map((steps) => {
    let now = 0;
    return steps.map((step) => {
      now += step;
      return now;
    });
  });
const within = (all: readonly number[], now: number, ms: number) =>
  all.filter((at) => at <= now && now - at < ms).length;
const runs = { seed: 20260425, numRuns: 300 };

describe('a limit is reached exactly when there are that many', () => {
  test('of one name: 5 within a minute, 20 within ten; of all: 50 within ten', () => {
    fc.assert(
      fc.property(moments(40_000), (times) => {
        const rates = new Rates();
        for (const [index, now] of times.entries()) {
          const past = times.slice(0, index + 1);
          const expected = within(past, now, 60_000) >= 5 || within(past, now, 600_000) >= 20;
          expect([index, rates.count('r', 'a', now) !== undefined]).toEqual([index, expected]);
        }
      }),
      runs,
    );
  });

  test('of a rule of its own: as many as it says, apart by key', () => {
    const limit = fc.record({
      count: fc.integer({ min: 2, max: 30 }),
      withinMs: fc.integer({ min: 1000, max: 600_000 }),
    });
    const keys = fc.array(fc.constantFrom('a', 'b'), { minLength: 80, maxLength: 80 });
    fc.assert(
      fc.property(moments(30_000), limit, keys, (times, own, names) => {
        const rates = new Rates();
        for (const [index, now] of times.entries()) {
          const key = names[index]!;
          const past = times.filter((_, at) => at <= index && names[at] === key);
          const expected =
            within(past, now, own.withinMs) >= own.count || within(times.slice(0, index + 1), now, 600_000) >= 50;
          expect([index, rates.count('r', 'who', now, { ...own, key }) !== undefined]).toEqual([index, expected]);
        }
      }),
      runs,
    );
  });

  test('over all names: 50 within ten minutes, whoever it was', () => {
    const rates = new Rates();
    for (let index = 1; index < 50; index++) expect(rates.count('r', `agent ${index}`, index)).toBeUndefined();
    expect(rates.count('r', 'agent 50', 50)).toBe('50 within 600 s');
    expect(new Rates().count('r', 'a', 0)).toBeUndefined();
    const own = { count: 1000, withinMs: 1000, key: 'k' };
    expect(rates.count('own', 'a', 51, own)).toBe('50 within 600 s');
  });

  test('the same name counts over all rules that share the limit; a rule with its own does not touch it', () => {
    const rates = new Rates();
    for (const id of ['a', 'b', 'c', 'd']) expect(rates.count(id, 'agent', 0)).toBeUndefined();
    for (let index = 0; index < 9; index++)
      expect(rates.count('own', 'agent', 0, { count: 10, withinMs: 1000, key: 'k' })).toBeUndefined();
    expect(rates.count('other', 'somebody else', 0)).toBeUndefined();
    expect(rates.count('e', 'agent', 0)).toBe('5 within 60 s');
  });
});

test('context halves every limit, for ten minutes', () => {
  const rates = new Rates();
  const twice = (now: number) => [rates.count('r', `a${now}`, now), rates.count('r', `a${now}`, now)];
  expect(twice(0)).toEqual([undefined, undefined]);
  rates.context(0);
  expect(rates.count('r', 'a0', 1)).toBe('3 within 60 s');
  expect(twice(599_998)).toEqual([undefined, undefined]);
  expect(rates.count('r', 'a599998', 599_999)).toBe('3 within 60 s');
  expect(twice(600_000)).toEqual([undefined, undefined]);
  expect(rates.count('r', 'a600000', 600_000)).toBeUndefined();
  expect(rates.count('r', 'x', 600_001, { count: 2, withinMs: 1000, key: 'k' })).toBeUndefined();
  rates.context(600_001);
  expect(rates.count('r', 'x', 700_000, { count: 2, withinMs: 1000, key: 'k' })).toBe('1 within 1 s');
});

test('memory stays bounded: names without end, each of them long', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const rates = new Rates();
  collect();
  const before = process.memoryUsage().heapUsed;
  const long = 'x'.repeat(100_000);
  // Through bytes, as from a request, so that each is a text of its own. Far apart, so that no limit is reached.
  for (let index = 0; index < 5000; index++)
    rates.count('r', Buffer.from(`${index} ${long}`).toString(), index * 700_000);
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 << 20);
  expect(rates.count('r', 'x', 0)).toBeUndefined();
});

test('who is not heard of for longest is forgotten first, and all still count together', () => {
  const rates = new Rates();
  for (let index = 0; index < 4; index++) rates.count('r', 'busy', 0);
  for (let index = 0; index < 45; index++) rates.count('r', `a ${index}`, 0);
  expect(rates.count('r', 'one more', 0)).toBe('50 within 600 s');
  const flooded = new Rates();
  for (let index = 0; index < 4; index++) flooded.count('r', 'busy', 0);
  for (let index = 0; index < 5000; index++) flooded.count('r', `a ${index}`, 0);
  expect(flooded.count('r', 'busy', 0)).toBe('50 within 600 s');
});
