import { dayNumber } from './civil.ts';

/** One UTC day in a time zone. The zone's offset (local minus UTC, ms) changes at most once in it. */
interface ZoneDay {
  readonly start: number;
  readonly end: number;
  readonly before: number;
  /** The first instant of the new offset; `end` where nothing changes. */
  readonly changeAt: number;
  readonly after: number;
}

/** An IANA time zone. */
export interface Zone {
  readonly name: string;
  day(number: number): ZoneDay;
}

const DAY_MS = 86_400_000;
/** No zone is further from UTC than this. */
const WIDEST_OFFSET_MS = 15 * 3_600_000;
/** Days remembered per zone. A year of look-ahead fits; what does not is computed again. */
const REMEMBERED_DAYS = 500;

const zones = new Map<string, Zone>();

/** The zone of an IANA name (`Europe/Berlin`, `UTC`), or undefined when this system knows none of that name. */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  // Node 22 would also take offsets such as +02:00, Node 20 does not: neither is a time zone.
  if (!/^[A-Za-z]/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch {
    return undefined;
  }
  const zone = createZone(name, format);
  zones.set(name, zone);
  return zone;
}

function createZone(name: string, format: Intl.DateTimeFormat): Zone {
  const days = new Map<number, ZoneDay>();
  return {
    name,
    day(number) {
      const known = days.get(number);
      if (known !== undefined) return known;
      if (days.size >= REMEMBERED_DAYS) days.clear();
      const day = examineDay(format, number * DAY_MS);
      days.set(number, day);
      return day;
    },
  };
}

function examineDay(format: Intl.DateTimeFormat, start: number): ZoneDay {
  const end = start + DAY_MS;
  const before = offsetAt(format, start);
  const after = offsetAt(format, end);
  let unchanged = start;
  let changed = end;
  while (before !== after && changed - unchanged > 1000) {
    const middle = unchanged + Math.floor((changed - unchanged) / 2000) * 1000;
    if (offsetAt(format, middle) === before) unchanged = middle;
    else changed = middle;
  }
  return { start, end, before, changeAt: changed, after };
}

function offsetAt(format: Intl.DateTimeFormat, wallMs: number): number {
  const field: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(wallMs)) field[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = field;
  const local = dayNumber({ year, month, day }) * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000;
  return local - wallMs;
}

function offsetIn(day: ZoneDay, wallMs: number): number {
  return wallMs < day.changeAt ? day.before : day.after;
}

/**
 * The furthest the zone's clocks have ever read up to `wallMs`, as milliseconds since 1970-01-01T00:00 on those clocks.
 * It stands still while an hour repeats in autumn and jumps over the hour that is missing in spring.
 */
export function localReached(zone: Zone, wallMs: number): number {
  const today = zone.day(Math.floor(wallMs / DAY_MS));
  const yesterday = zone.day(Math.floor(wallMs / DAY_MS) - 1);
  const beforeSetBack = ({ changeAt, before }: ZoneDay) => (changeAt <= wallMs ? changeAt + before - 1 : -Infinity);
  return Math.max(wallMs + offsetIn(today, wallMs), beforeSetBack(today), beforeSetBack(yesterday));
}

/** The first instant at which the zone's clocks read `local` or, where that reading is skipped, anything later. */
export function firstInstant(zone: Zone, local: number): number {
  for (let number = Math.floor((local - WIDEST_OFFSET_MS) / DAY_MS); ; number++) {
    const { start, end, before, changeAt, after } = zone.day(number);
    if (local < changeAt + before) return Math.max(start, local - before);
    if (local < end + after) return Math.max(changeAt, local - after);
  }
}

/** The readings that the zone's clocks skip in the `days` after `wallMs`, as half-open intervals. */
export function* gaps(zone: Zone, wallMs: number, days: number): Iterable<{ from: number; to: number }> {
  const today = Math.floor(wallMs / DAY_MS);
  for (let number = today; number < today + days; number++) {
    const { before, changeAt, after } = zone.day(number);
    if (after > before && changeAt > wallMs) yield { from: changeAt + before, to: changeAt + after };
  }
}
