import { civilDate, weekday } from './civil.ts';

/** A parsed cron expression: for each field its values, ascending. Weekdays run from 0 (Sunday) to 6. */
export interface Cron {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
  /**
   * Both day fields are restricted, so a day matches when either does: the rule of Vixie cron. A field that begins with
   * a star, with a step or without, does not count as restricted; then a day must match both.
   */
  readonly eitherDay: boolean;
}

export type CronField = 'second' | 'minute' | 'hour' | 'day of month' | 'month' | 'day of week';

/** What is wrong with an expression, for a message of the form "in FIELD found FOUND, accepted is ACCEPTED". */
export interface CronFault {
  readonly field: CronField | 'expression';
  readonly found: string;
  readonly accepted: string;
}

export type CronResult =
  | { readonly ok: true; readonly cron: Cron }
  | { readonly ok: false; readonly faults: readonly CronFault[] };

interface FieldRule {
  readonly field: CronField;
  readonly low: number;
  readonly high: number;
  /** Names of the values from `low` on, in full; their first three letters are enough. */
  readonly names: readonly string[];
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const RULES = {
  second: { field: 'second', low: 0, high: 59, names: [] },
  minute: { field: 'minute', low: 0, high: 59, names: [] },
  hour: { field: 'hour', low: 0, high: 23, names: [] },
  dayOfMonth: { field: 'day of month', low: 1, high: 31, names: [] },
  month: { field: 'month', low: 1, high: 12, names: MONTHS },
  weekday: { field: 'day of week', low: 0, high: 7, names: WEEKDAYS },
} as const satisfies Record<string, FieldRule>;

/**
 * Reads five fields (minute, hour, day of month, month, day of week) or six (second first). A field is a list of
 * numbers, names, stars, ranges `a-b`, and steps over a star or a range; 0 and 7 are Sunday. An expression that can
 * never match is a fault. All faults are reported at once.
 */
export function parseCron(text: string): CronResult {
  const words = text.trim().split(/\s+/);
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = words.length === 5 ? ['0', ...words] : words;
  if (
    words.length > 6 ||
    second === undefined ||
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined
  ) {
    const accepted = 'five fields (minute, hour, day of month, month, day of week), or six with seconds first';
    return { ok: false, faults: [{ field: 'expression', found: text, accepted }] };
  }
  const faults: CronFault[] = [];
  const read = (rule: FieldRule, word: string) => readField(rule, word, faults);
  const cron: Cron = {
    seconds: read(RULES.second, second),
    minutes: read(RULES.minute, minute),
    hours: read(RULES.hour, hour),
    daysOfMonth: read(RULES.dayOfMonth, dayOfMonth),
    months: read(RULES.month, month),
    weekdays: ascending(read(RULES.weekday, dayOfWeek).map((value) => value % 7)),
    eitherDay: !dayOfMonth.startsWith('*') && !dayOfWeek.startsWith('*'),
  };
  if (faults.length === 0 && !canFire(cron)) {
    const accepted = `a day that exists in month ${month}`;
    faults.push({ field: 'day of month', found: dayOfMonth, accepted });
  }
  return faults.length === 0 ? { ok: true, cron } : { ok: false, faults };
}

/** True when the expression matches somewhere on the day of this number (days since 1970-01-01). */
export function matchesDay(cron: Cron, number: number): boolean {
  const { month, day } = civilDate(number);
  if (!cron.months.includes(month)) return false;
  const byDate = cron.daysOfMonth.includes(day);
  const byWeekday = cron.weekdays.includes(weekday(number));
  return cron.eitherDay ? byDate || byWeekday : byDate && byWeekday;
}

/**
 * Every weekday falls on every date sooner or later, so where both must match only the date can be impossible.
 */
function canFire(cron: Cron): boolean {
  const longest = Math.max(...cron.months.map((month) => LONGEST_MONTH[month - 1] ?? 0));
  return cron.eitherDay || cron.daysOfMonth.some((day) => day <= longest);
}

function readField(rule: FieldRule, word: string, faults: CronFault[]): number[] {
  const values: number[] = [];
  for (const item of word.split(',')) {
    const read = readItem(rule, item);
    if (typeof read === 'string') faults.push({ field: rule.field, found: item, accepted: read });
    else for (let value = read.from; value <= read.to; value += read.step) values.push(value);
  }
  return ascending(values);
}

/** The item's range, or what would be accepted in its place. */
function readItem(rule: FieldRule, item: string): { from: number; to: number; step: number } | string {
  const names =
    rule.names.length === 0 ? '' : ` or names ${rule.names[0]?.slice(0, 3)} to ${rule.names.at(-1)?.slice(0, 3)}`;
  const accepted = `numbers ${rule.low} to ${rule.high}${names}, *, ranges a-b, steps */n or a-b/n, lists a,b`;
  const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(item);
  if (match === null) return accepted;
  const [, first, last, stepText] = match;
  const from = first === undefined ? rule.low : readValue(rule, first);
  const end = first === undefined ? rule.high : last === undefined ? from : readValue(rule, last);
  if (from === undefined || end === undefined) return accepted;
  // A week may end on its Sunday: fri-sun.
  const to = rule === RULES.weekday && end === 0 && last !== undefined ? 7 : end;
  // Upwards only: 50-10 is a slip more often than a wish, and guessing wrong would widen a window.
  if (from > to) return 'a range that runs upwards, or two ranges in a list';
  if (stepText === undefined) return { from, to, step: 1 };
  const step = Number(stepText);
  if (first !== undefined && last === undefined) return 'a step after * or a range a-b';
  if (step < 1 || step > Math.max(1, to - from)) return `a step from 1 to ${Math.max(1, to - from)}`;
  return { from, to, step };
}

function readValue(rule: FieldRule, word: string): number | undefined {
  const name = word.toLowerCase();
  const index = rule.names.findIndex((full) => name === full || name === full.slice(0, 3));
  if (index !== -1) return rule.low + index;
  const value = /^\d{1,2}$/.test(word) ? Number(word) : Number.NaN;
  return value >= rule.low && value <= rule.high ? value : undefined;
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
