import fc from 'fast-check';
import { expect, test } from 'vitest';
import { civilDate, dayNumber, weekday } from '../../daemon/schedule/civil.ts';

test('dates and weekdays agree with Date over ±10 000 years', () => {
  fc.assert(
    fc.property(fc.integer({ min: -3_650_000, max: 3_650_000 }), (number) => {
      const date = new Date(number * 86_400_000);
      const civil = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
      expect(civilDate(number)).toEqual(civil);
      expect(dayNumber(civil)).toBe(number);
      expect(weekday(number)).toBe(date.getUTCDay());
    }),
    { numRuns: 2000 },
  );
});

test('every day of a whole era has its place', () => {
  for (let number = -1; number < 146_097; number++) expect(dayNumber(civilDate(number))).toBe(number);
});
