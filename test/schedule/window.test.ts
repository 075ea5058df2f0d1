import fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterEach, expect, test, vi } from 'vitest';
import {
  nextWindow,
  parseWindow,
  skippedStart,
  upcoming,
  type Window,
  windowAt,
} from '../../daemon/schedule/window.ts';
import { denseExample, localTimes, openings, plainExample } from './local-timeline.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function window(cron: string, timezone = 'UTC', durationMs = HOUR): Window {
  const result = parseWindow({ name: 'test', cron, durationMs, timezone });
  if (!result.ok) throw new Error(`${cron}: ${JSON.stringify(result.faults)}`);
  return result.window;
}

const iso = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');
const starts = (of: Window, from: string, count: number) =>
  upcoming([of], Date.parse(from), count).map((interval) => iso(interval.startWall));

afterEach(() => vi.useRealTimers());

test('cron and time zone faults are reported together, each under its key', () => {
  const result = parseWindow({ name: 'w', cron: '99 * * * *', durationMs: 1, timezone: 'Mars/Olympus' });
  expect(result).toMatchObject({
    ok: false,
    faults: [
      { key: 'cron', field: 'minute', found: '99' },
      { key: 'timezone', found: 'Mars/Olympus' },
    ],
  });
  // An offset is not a zone: Node 20 and 22 disagree about it.
  expect(parseWindow({ name: 'w', cron: '0 * * * *', durationMs: 1, timezone: '+02:00' }).ok).toBe(false);
});

test('a window contains its first millisecond and not its end', () => {
  const nightly = window('0 3 * * *', 'UTC', 10 * MINUTE);
  const start = Date.parse('2026-11-21T03:00:00Z');
  expect(windowAt(nightly, start - 1)).toBeUndefined();
  expect(windowAt(nightly, start)).toEqual({ startWall: start, endWall: start + 10 * MINUTE });
  expect(windowAt(nightly, start + 10 * MINUTE - 1)).toEqual({ startWall: start, endWall: start + 10 * MINUTE });
  expect(windowAt(nightly, start + 10 * MINUTE)).toBeUndefined();
  expect(nextWindow(nightly, start - 1).startWall).toBe(start);
  expect(nextWindow(nightly, start).startWall).toBe(start + DAY);
});

test('where openings overlap the last one counts', () => {
  const often = window('*/10 * * * *', 'UTC', 25 * MINUTE);
  const start = Date.parse('2026-11-21T03:10:00Z');
  expect(windowAt(often, start + 5 * MINUTE)).toEqual({ startWall: start, endWall: start + 25 * MINUTE });
});

test('Europe/Berlin: 02:30 is skipped in spring and opens after the gap; in autumn it opens once, the first time', () => {
  const nightly = window('30 2 * * *', 'Europe/Berlin');
  expect(starts(nightly, '2026-03-28T00:00:00Z', 3)).toEqual([
    '2026-03-28T01:30:00Z',
    '2026-03-29T01:00:00Z',
    '2026-03-30T00:30:00Z',
  ]);
  expect(starts(nightly, '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']);
  expect(windowAt(nightly, Date.parse('2026-10-25T01:30:00Z'))).toBeUndefined();
});

test('America/New_York: the same at the other end of the day in UTC', () => {
  const nightly = window('15 2 * * *', 'America/New_York');
  expect(starts(nightly, '2026-03-07T12:00:00Z', 2)).toEqual(['2026-03-08T07:00:00Z', '2026-03-09T06:15:00Z']);
  const repeated = window('15 1 * * *', 'America/New_York');
  expect(starts(repeated, '2026-10-31T12:00:00Z', 2)).toEqual(['2026-11-01T05:15:00Z', '2026-11-02T06:15:00Z']);
});

test('Australia/Lord_Howe: the clocks change by half an hour only', () => {
  const skipped = window('10 2 * * *', 'Australia/Lord_Howe');
  expect(starts(skipped, '2026-10-03T00:00:00Z', 2)).toEqual(['2026-10-03T15:30:00Z', '2026-10-04T15:10:00Z']);
  const kept = window('40 2 * * *', 'Australia/Lord_Howe');
  expect(starts(kept, '2026-10-03T00:00:00Z', 1)).toEqual(['2026-10-03T15:40:00Z']);
  const repeated = window('45 1 * * *', 'Australia/Lord_Howe');
  expect(starts(repeated, '2026-04-04T00:00:00Z', 2)).toEqual(['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z']);
});

test('several skipped openings become one, and a day that never was is only a longer gap', () => {
  const quarters = window('*/15 2 * * *', 'Europe/Berlin', MINUTE);
  expect(starts(quarters, '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z']);
  // Samoa went from 29 to 31 December 2011.
  const noon = window('0 12 * * *', 'Pacific/Apia');
  expect(starts(noon, '2011-12-29T12:00:00Z', 3)).toEqual([
    '2011-12-29T22:00:00Z',
    '2011-12-30T10:00:00Z',
    '2011-12-30T22:00:00Z',
  ]);
});

test('a window that opened before a day was skipped is still found', () => {
  const opened = Date.parse('2011-12-30T09:00:00Z');
  const long = window('0 23 29 12 *', 'Pacific/Apia', DAY);
  expect(windowAt(long, opened + DAY - 1)).toEqual({ startWall: opened, endWall: opened + DAY });
});

test('a duration is elapsed time, across either change', () => {
  const spring = window('0 1 * * *', 'Europe/Berlin', 3 * HOUR);
  expect(windowAt(spring, Date.parse('2026-03-29T02:59:59Z'))?.endWall).toBe(Date.parse('2026-03-29T03:00:00Z'));
  const autumn = window('0 1 * * *', 'Europe/Berlin', 3 * HOUR);
  expect(windowAt(autumn, Date.parse('2026-10-25T01:59:59Z'))?.endWall).toBe(Date.parse('2026-10-25T02:00:00Z'));
  expect(windowAt(autumn, Date.parse('2026-10-25T02:00:00Z'))).toBeUndefined();
});

test('a skipped opening can be found beforehand, unless the window opens at that instant anyway', () => {
  const from = Date.parse('2026-11-21T00:00:00Z');
  expect(skippedStart(window('30 2 * * *', 'Europe/Berlin'), from)).toEqual({
    local: Date.parse('2027-03-28T02:30:00Z'),
    opensWall: Date.parse('2027-03-28T01:00:00Z'),
  });
  expect(skippedStart(window('10 2 * * *', 'Australia/Lord_Howe'), from)?.local).toBe(
    Date.parse('2027-10-03T02:10:00Z'),
  );
  for (const [cron, timezone] of [
    ['30 3 * * *', 'Europe/Berlin'],
    ['*/30 * * * *', 'Europe/Berlin'],
    ['30 2 * * mon', 'Europe/Berlin'],
    ['30 2 * * *', 'UTC'],
    ['30 2 * * *', 'Asia/Tokyo'],
  ] as const)
    expect(skippedStart(window(cron, timezone), from), `${cron} ${timezone}`).toBeUndefined();
});

test('upcoming merges windows in order of opening', () => {
  const nightly = { ...window('0 3 * * *'), name: 'nightly' };
  const hourly = { ...window('30 * * * *'), name: 'hourly' };
  expect(
    upcoming([nightly, hourly], Date.parse('2026-11-21T01:45:00Z'), 3).map(({ name, startWall }) => [
      name,
      iso(startWall),
    ]),
  ).toEqual([
    ['hourly', '2026-11-21T02:30:00Z'],
    ['nightly', '2026-11-21T03:00:00Z'],
    ['hourly', '2026-11-21T03:30:00Z'],
  ]);
  expect(upcoming([nightly], 0, 0)).toEqual([]);
});

test('the rarest expression is found: a Sunday that is 29 February', () => {
  expect(starts(window('0 0 29 2 */7'), '2092-01-01T00:00:00Z', 1)).toEqual(['2128-02-29T00:00:00Z']);
});

/** Nine hours around each change, beginning more than a day after any other. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29T01:00:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00:00Z'],
  ['America/New_York', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-11-01T06:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['UTC', '2026-12-31T23:59:59Z'],
] as const;

test.each(CHANGES)('%s around %s: windowAt and nextWindow agree with a second-by-second count', (timezone, change) => {
  const from = Date.parse(change) - 5 * HOUR;
  const to = from + 9 * HOUR;
  const clocks = localTimes(timezone, from, to);
  fc.assert(
    fc.property(
      denseExample,
      fc.integer({ min: 1, max: 90 * 60 }),
      fc.array(fc.integer({ min: 2 * HOUR, max: 9 * HOUR - 1 }), { minLength: 20, maxLength: 20 }),
      (example, durationS, moments) => {
        const durationMs = durationS * SECOND;
        const subject = window(example.text, timezone, durationMs);
        const truth = openings(example, clocks, from);
        const edges = truth
          .slice(0, 30)
          .flatMap((start) => [start - 1, start, start + durationMs].map((at) => at - from));
        for (const moment of [...moments, ...edges]) {
          const wall = from + moment;
          // Longest duration and first moment leave every opening that matters inside the counted range.
          if (moment < 2 * HOUR || wall >= to) continue;
          const opened = truth.findLast((start) => start <= wall && wall < start + durationMs);
          expect(windowAt(subject, wall)?.startWall, `${example.text} at ${iso(wall)}`).toBe(opened);
          const next = truth.find((start) => start > wall);
          if (next === undefined) expect(nextWindow(subject, wall).startWall).toBeGreaterThanOrEqual(to);
          else expect(nextWindow(subject, wall).startWall, `${example.text} after ${iso(wall)}`).toBe(next);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('nextWindow is strictly later, contains its own start, and nothing opens before it', () => {
  const timezone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC', 'Africa/Cairo');
  const wall = fc.integer({ min: Date.parse('1975-01-01'), max: Date.parse('2090-01-01') });
  fc.assert(
    fc.property(
      plainExample,
      timezone,
      wall,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (example, zone, at, part) => {
        const subject = window(example.text, zone, 5 * MINUTE);
        const next = nextWindow(subject, at);
        expect(next.startWall).toBeGreaterThan(at);
        expect(windowAt(subject, next.startWall)).toEqual(next);
        const between = at + Math.floor((next.startWall - at) * part);
        expect(nextWindow(subject, between)).toEqual(next);
        expect(windowAt(subject, between)?.startWall ?? 0).toBeLessThanOrEqual(at);
      },
    ),
    { numRuns: 1000 },
  );
});

test('plain expressions open when node-cron says so, in UTC', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const wall = fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2034-01-01') });
  fc.assert(
    fc.property(plainExample, wall, (example, at) => {
      vi.setSystemTime(at);
      const task = createTask(example.text, () => {}, { timezone: 'UTC' });
      const theirs = task.getNextRuns(5).map((date) => iso(date.getTime()));
      void task.destroy();
      expect(
        upcoming([window(example.text)], at, 5).map((interval) => iso(interval.startWall)),
        example.text,
      ).toEqual(theirs);
    }),
    { numRuns: 500 },
  );
});

test('fifty windows are cheap enough to ask every second', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC'];
  const windows = Array.from({ length: 50 }, (_, i) => window(`${i} ${i % 24} * * ${i % 7}`, zones[i % 4], HOUR));
  const from = Date.parse('2026-10-25T00:30:00Z');
  const spent = (ask: (at: number) => void) => {
    const before = process.hrtime.bigint();
    for (let second = 0; second < 600; second++) ask(from + second * SECOND);
    return Number(process.hrtime.bigint() - before) / 1e3 / 600 / windows.length;
  };
  const perCall = spent((at) => {
    for (const each of windows) windowAt(each, at);
  });
  console.log(`windowAt: ${perCall.toFixed(2)} µs a call`);
  // Two orders of magnitude above the figure measured on the slowest machine at hand: finds a lost cache, not a slow CPU.
  expect(perCall).toBeLessThan(200);
});
