/**
 * Windows: the intervals in which connecting is permitted, as pure arithmetic. The gate asks once a second.
 *
 * A window opens at every local time its cron expression names, in its time zone, and stays open for its duration of
 * elapsed time, whatever the clocks do meanwhile. Where the clocks change:
 *
 * - a local time that is skipped opens at the first instant after the gap. Skipping the opening instead would cost a
 *   daily backup on one day of the year, for nothing gained. `skippedStart` finds such times for the configuration;
 * - a local time that occurs twice opens once, the first time: an hour that repeats buys no second window.
 *
 * Both are one rule: a window opens when the zone's clocks first read its time or later.
 */
import { type Cron, type CronFault, matchesDay, parseCron } from './cron.ts';
import { findZone, firstInstant, gaps, localReached, type Zone } from './zone.ts';

/** A window as it stands in gate.json. */
export interface WindowSpec {
  readonly name: string;
  readonly cron: string;
  /** Milliseconds of elapsed time, above 0. */
  readonly durationMs: number;
  /** IANA time zone. */
  readonly timezone: string;
}

export interface Window {
  readonly name: string;
  readonly cron: Cron;
  readonly durationMs: number;
  readonly zone: Zone;
}

/** Milliseconds since the epoch; the end is not part of it. */
export interface Interval {
  readonly startWall: number;
  readonly endWall: number;
}

export type WindowFault =
  | (CronFault & { readonly key: 'cron' })
  | { readonly key: 'timezone'; readonly found: string; readonly accepted: string };

export type WindowResult =
  | { readonly ok: true; readonly window: Window }
  | { readonly ok: false; readonly faults: readonly WindowFault[] };

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1000;
/** The rarest expression is a given weekday on 29 February: 40 years apart across 2100. */
const RAREST_DAYS = 41 * 366;

/** Reads a window, or says everything that is wrong with it. */
export function parseWindow({ name, cron: text, durationMs, timezone }: WindowSpec): WindowResult {
  const cron = parseCron(text);
  const zone = findZone(timezone);
  if (cron.ok && zone !== undefined) return { ok: true, window: { name, cron: cron.cron, durationMs, zone } };
  const faults: WindowFault[] = cron.ok ? [] : cron.faults.map((fault) => ({ key: 'cron', ...fault }));
  if (zone === undefined)
    faults.push({ key: 'timezone', found: timezone, accepted: 'an IANA time zone such as Europe/Berlin or UTC' });
  return { ok: false, faults };
}

/** The interval that contains `wallMs`; where several do, the one that opened last. */
export function windowAt(window: Window, wallMs: number): Interval | undefined {
  const { cron, durationMs, zone } = window;
  const now = Math.floor(localReached(zone, wallMs) / 1000);
  // One day more than the duration, for clocks that were set forward since the window opened.
  const start = nearest(cron, now, -1, Math.ceil(durationMs / DAY_MS) + 1);
  if (start === undefined) return undefined;
  const interval = opening(window, start);
  return wallMs < interval.endWall ? interval : undefined;
}

/** The next interval to open, strictly after `wallMs`. */
export function nextWindow(window: Window, wallMs: number): Interval {
  const now = Math.floor(localReached(window.zone, wallMs) / 1000);
  const start = nearest(window.cron, now + 1, 1, RAREST_DAYS);
  if (start === undefined) throw new RangeError(`window ${window.name} never opens: parseCron lets none such pass`);
  return opening(window, start);
}

/** The next `count` intervals of all `windows` to open strictly after `wallMs`, in order of opening. */
export function upcoming(
  windows: readonly Window[],
  wallMs: number,
  count: number,
): readonly (Interval & { readonly name: string })[] {
  return windows
    .flatMap((window) => {
      const next = [];
      for (let after = wallMs; next.length < count; ) {
        const interval = nextWindow(window, after);
        next.push({ name: window.name, ...interval });
        after = interval.startWall;
      }
      return next;
    })
    .sort((a, b) => a.startWall - b.startWall)
    .slice(0, count);
}

/**
 * The first opening in the 400 days after `wallMs` whose local time the clocks skip, so that it happens later than it
 * says. Where the window opens at the end of the gap anyway (every hour, say), nothing is late and nothing is reported.
 * `local` is the time that does not exist, in milliseconds since 1970-01-01T00:00 on the zone's clocks.
 */
export function skippedStart({ cron, zone }: Window, wallMs: number): { local: number; opensWall: number } | undefined {
  for (const { from, to } of gaps(zone, wallMs, 400)) {
    const skipped = nearest(cron, from / 1000, 1, 1);
    if (skipped === undefined || skipped * 1000 >= to || nearest(cron, to / 1000, 1, 0) === to / 1000) continue;
    return { local: skipped * 1000, opensWall: firstInstant(zone, skipped * 1000) };
  }
  return undefined;
}

function opening({ zone, durationMs }: Window, localSecond: number): Interval {
  const startWall = firstInstant(zone, localSecond * 1000);
  return { startWall, endWall: startWall + durationMs };
}

/** The matching local second nearest to `local` in `direction`, itself included, at most `days` days away. */
function nearest(cron: Cron, local: number, direction: 1 | -1, days: number): number | undefined {
  const today = Math.floor(local / DAY_S);
  for (let away = 0; away <= days; away++) {
    const day = today + direction * away;
    if (!matchesDay(cron, day)) continue;
    const limit = away === 0 ? local - day * DAY_S : direction > 0 ? 0 : DAY_S - 1;
    const time = nearestTime([cron.hours, cron.minutes, cron.seconds], 3600, limit, direction);
    if (time !== undefined) return day * DAY_S + time;
  }
  return undefined;
}

/** The same within a day, coarsest field first; `unit` is that field's length in seconds. */
function nearestTime(
  [values, ...finer]: readonly (readonly number[])[],
  unit: number,
  limit: number,
  direction: 1 | -1,
): number | undefined {
  if (values === undefined) return 0;
  const wanted = Math.floor(limit / unit);
  for (const value of direction > 0 ? values : values.toReversed()) {
    if (direction * (value - wanted) < 0) continue;
    const rest = value === wanted ? limit % unit : direction > 0 ? 0 : unit - 1;
    const time = nearestTime(finer, unit / 60, rest, direction);
    if (time !== undefined) return value * unit + time;
  }
  return undefined;
}
