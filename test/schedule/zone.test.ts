import { expect, test } from 'vitest';
import { findZone, firstInstant, gaps, localReached, type Zone } from '../../daemon/schedule/zone.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('a zone is made once, and only for a name the system knows', () => {
  expect(findZone('Europe/Berlin')).toBe(findZone('Europe/Berlin'));
  for (const name of ['', 'Mars/Olympus', '+02:00', 'Europe/Berlin ']) expect(findZone(name), name).toBeUndefined();
});

test('the change is found to the second, wherever in the day it lies', () => {
  const changeOf = (name: string, at: string) => {
    const day = findZone(name)?.day(Math.floor(Date.parse(at) / DAY));
    return day && [new Date(day.changeAt).toISOString(), day.before / HOUR, day.after / HOUR];
  };
  expect(changeOf('Europe/Berlin', '2026-03-29')).toEqual(['2026-03-29T01:00:00.000Z', 1, 2]);
  expect(changeOf('Australia/Lord_Howe', '2026-10-03')).toEqual(['2026-10-03T15:30:00.000Z', 10.5, 11]);
  expect(changeOf('UTC', '2026-10-03')).toEqual(['2026-10-04T00:00:00.000Z', 0, 0]);
  // An offset with seconds in it: local mean time, and a change at no round hour.
  expect(changeOf('Africa/Monrovia', '1972-01-07')).toEqual(['1972-01-07T00:44:30.000Z', -2670 / 3600, 0]);
});

test('an hour that repeats across midnight UTC is still behind what the clocks have read', () => {
  // No zone does this today; the day a government decides so, a window must not open twice.
  const zone: Zone = {
    name: 'test',
    day: (number) => ({
      start: number * DAY,
      end: (number + 1) * DAY,
      before: number <= 100 ? 2 * HOUR : HOUR,
      changeAt: number === 100 ? 101 * DAY - HOUR / 2 : (number + 1) * DAY,
      after: number < 100 ? 2 * HOUR : HOUR,
    }),
  };
  const change = 101 * DAY - HOUR / 2;
  const reached = change + 2 * HOUR - 1;
  expect(localReached(zone, change - 1)).toBe(reached);
  expect(localReached(zone, change + HOUR / 4)).toBe(reached);
  expect(localReached(zone, change + (HOUR * 3) / 4)).toBe(reached);
  expect(localReached(zone, change + HOUR - 1)).toBe(reached);
  expect(localReached(zone, change + HOUR)).toBe(reached + 1);
  expect(firstInstant(zone, reached)).toBe(change - 1);
  expect(firstInstant(zone, reached + 1)).toBe(change + HOUR);
  expect([...gaps(zone, 90 * DAY, 30)]).toEqual([]);
});
