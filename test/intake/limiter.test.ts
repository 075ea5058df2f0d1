import { expect, test } from 'vitest';
import { FailureLimiter } from '../../daemon/intake/limiter.ts';

const fails = (limiter: FailureLimiter, times: number, now: number, sender: (n: number) => string) =>
  Array.from({ length: times }, (_, n) => limiter.fail(sender(n), now)).filter((counted) => counted !== undefined)
    .length;

test('one sender gets ten at once and one in six seconds', () => {
  const limiter = new FailureLimiter();
  expect(fails(limiter, 50, 1000, () => 'a')).toBe(10);
  expect(fails(limiter, 50, 6_999, () => 'a')).toBe(0);
  expect(fails(limiter, 50, 7_001, () => 'a')).toBe(1);
  expect(fails(limiter, 50, 3_600_000, () => 'a')).toBe(10);
});

test('all together get a hundred at once and five in a second', () => {
  const limiter = new FailureLimiter();
  expect(fails(limiter, 1000, 1000, (n) => `sender ${n}`)).toBe(100);
  expect(fails(limiter, 1000, 2000, (n) => `another ${n}`)).toBe(5);
});

test('what was not recorded is counted once', () => {
  const limiter = new FailureLimiter();
  fails(limiter, 25, 0, () => 'a');
  expect(limiter.fail('a', 60_000)).toEqual({ unrecorded: 15 });
  expect(limiter.fail('a', 60_000)).toEqual({ unrecorded: 0 });
});
