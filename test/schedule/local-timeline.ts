/**
 * The slow, independent way to the same answers: ask Intl what the clocks read at every second, and open a window when
 * a matching reading is first reached or jumped over. Nothing in here comes from daemon/schedule.
 */
import fc from 'fast-check';

export interface LocalTime {
  readonly second: number;
  readonly minute: number;
  readonly hour: number;
  readonly dayOfMonth: number;
  readonly month: number;
  readonly dayOfWeek: number;
}

/** An expression with a matcher that was not made by parsing it. */
export interface Example {
  readonly text: string;
  matches(local: LocalTime): boolean;
}

/** What a UTC clock would read at this many milliseconds since the epoch. */
export function reading(ms: number): LocalTime {
  const date = new Date(ms);
  return {
    second: date.getUTCSeconds(),
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    dayOfMonth: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    dayOfWeek: date.getUTCDay(),
  };
}

/** What the clocks of `timezone` read at every second of [from, to), as if they were UTC, in milliseconds. */
export function localTimes(timezone: string, from: number, to: number): number[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' });
  const times: number[] = [];
  for (let wall = from; wall < to; wall += 1000) times.push(Date.parse(`${format.format(wall).replace(' ', 'T')}Z`));
  return times;
}

/** Every opening among these readings of the clocks, second by second; the clocks must be steady where they begin. */
export function openings(example: Example, clocks: readonly number[], from: number): number[] {
  const found: number[] = [];
  let reached = (clocks[0] ?? 0) - 1000;
  clocks.forEach((local, index) => {
    const wall = from + index * 1000;
    let opens = false;
    for (let passed = reached + 1000; passed <= local; passed += 1000) opens ||= example.matches(reading(passed));
    if (opens) found.push(wall);
    reached = Math.max(reached, local);
  });
  return found;
}

interface FieldExample {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}

function field(low: number, high: number, restricted = false): fc.Arbitrary<FieldExample> {
  const star = fc.constant({ text: '*', values: sequence(low, high, 1) });
  const starStep = fc
    .integer({ min: 1, max: high - low })
    .map((step) => ({ text: `*/${step}`, values: sequence(low, high, step) }));
  const one = fc.integer({ min: low, max: high }).map((value) => ({ text: String(value), values: new Set([value]) }));
  const range = fc
    .tuple(
      fc.integer({ min: low, max: high - 1 }),
      fc.integer({ min: low + 1, max: high }),
      fc.integer({ min: 1, max: 60 }),
    )
    .filter(([from, to, step]) => from < to && step <= to - from)
    .map(([from, to, step]) => ({
      text: step === 1 ? `${from}-${to}` : `${from}-${to}/${step}`,
      values: sequence(from, to, step),
    }));
  const list = fc.array(fc.oneof(one, range), { minLength: 2, maxLength: 4 }).map((items) => ({
    text: items.map((item) => item.text).join(','),
    values: new Set(items.flatMap((item) => [...item.values])),
  }));
  return restricted ? fc.oneof(one, range, list) : fc.oneof(star, starStep, one, range, list);
}

function sequence(from: number, to: number, step: number): Set<number> {
  const values = new Set<number>();
  for (let value = from; value <= to; value += step) values.add(value);
  return values;
}

/** Expressions of which at most one day field is restricted, so that everybody's cron agrees on them. */
export const plainExample: fc.Arbitrary<Example> = fc
  .record({
    second: fc.option(field(0, 59), { nil: undefined }),
    minute: field(0, 59),
    hour: field(0, 23),
    day: fc.oneof(
      field(1, 31).map((days) => ({ days, weekdays: { text: '*', values: sequence(0, 6, 1) } })),
      field(0, 6).map((weekdays) => ({ days: { text: '*', values: sequence(1, 31, 1) }, weekdays })),
    ),
    month: fc.oneof({ weight: 4, arbitrary: fc.constant({ text: '*', values: sequence(1, 12, 1) }) }, field(1, 12)),
  })
  // No expression that never matches: those are a fault, and tested as one.
  .filter(({ day, month }) => month.text === '*' || Math.min(...day.days.values) <= 28)
  .map(({ second, minute, hour, day, month }) => ({
    text: [...(second ? [second] : []), minute, hour, day.days, month, day.weekdays].map((part) => part.text).join(' '),
    matches: (local) =>
      (second?.values.has(local.second) ?? local.second === 0) &&
      minute.values.has(local.minute) &&
      hour.values.has(local.hour) &&
      day.days.values.has(local.dayOfMonth) &&
      month.values.has(local.month) &&
      day.weekdays.values.has(local.dayOfWeek),
  }));

/** Expressions dense enough to open within a few hours, for the second-by-second comparison. */
export const denseExample: fc.Arbitrary<Example> = fc
  .record({
    second: fc.option(field(0, 59), { nil: undefined }),
    minute: field(0, 59),
    hour: fc.oneof(fc.constant({ text: '*', values: sequence(0, 23, 1) }), field(0, 4, true)),
  })
  .map(({ second, minute, hour }) => ({
    text: `${[...(second ? [second] : []), minute, hour].map((part) => part.text).join(' ')} * * *`,
    matches: (local) =>
      (second?.values.has(local.second) ?? local.second === 0) &&
      minute.values.has(local.minute) &&
      hour.values.has(local.hour),
  }));
