import { describe, expect, it } from 'vitest';
import { Calendar } from '../../daemon/keeper/calendar.ts';
import { parseWindow, type Window } from '../../daemon/schedule/window.ts';

function window(name: string, cron: string, durationMs: number): Window {
  const parsed = parseWindow({ name, cron, durationMs, timezone: 'UTC' });
  if (!parsed.ok) throw new Error('the window does not parse');
  return parsed.window;
}

const at = (time: string) => Date.parse(`2026-11-21T${time}Z`);

describe('the calendar', () => {
  const calendar = new Calendar([
    window('short', '0 2 * * *', 600_000),
    window('long', '30 1 * * *', 7_200_000),
    window('noon', '0 12 * * *', 60_000),
  ]);

  it('names the window that ends last, and the one that begins next', () => {
    expect(calendar.at(at('01:00:00'))).toBeUndefined();
    expect(calendar.next(at('01:00:00'))?.name).toBe('long');
    expect(calendar.at(at('02:05:00'))?.name).toBe('long');
    expect(calendar.next(at('02:05:00'))).toEqual({ name: 'noon', startWall: at('12:00:00'), endWall: at('12:01:00') });
  });

  it('ends a window to the millisecond, though it looks once a second', () => {
    const quick = new Calendar([window('quick', '0 12 * * *', 1500)]);
    expect(quick.at(at('12:00:01.000'))?.name).toBe('quick');
    expect(quick.at(at('12:00:01.499'))?.name).toBe('quick');
    expect(quick.at(at('12:00:01.500'))).toBeUndefined();
  });

  it('follows a clock that is set back', () => {
    expect(calendar.at(at('13:00:00'))).toBeUndefined();
    expect(calendar.at(at('12:00:30'))?.name).toBe('noon');
  });

  it('without windows has none', () => {
    const empty = new Calendar([]);
    expect(empty.at(0)).toBeUndefined();
    expect(empty.next(0)).toBeUndefined();
  });
});
