import { describe, expect, it } from 'vitest';
import type { Heartbeat } from '../../daemon/config/heartbeat.ts';
import { hear, lifeOf, look, type Now, type Watch } from '../../daemon/keeper/heartbeats.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WALL = 1_800_000_000_000;
const beat = (change: Partial<Heartbeat> = {}): Heartbeat => ({
  everyMs: HOUR,
  silence: 'degrade',
  afterMs: 3 * DAY,
  ...change,
});

/** `at` after a start at 1000, by a trusted clock that has gone on as long. */
const now = (at: number, change: Partial<Now> = {}): Now => ({
  startedAt: 1000,
  at: 1000 + at,
  wall: WALL + at,
  clockTrusted: true,
  ...change,
});
const kind = (watch: Watch, when: Now) => lifeOf(look(watch, when), when.at).kind;

describe('a source is silent', () => {
  const CASES: [string, Omit<Watch, 'heartbeat'>, Now, string][] = [
    ['never heard: not before twice its time from the start', {}, now(2 * HOUR - 1), 'alive'],
    ['never heard: then it is', {}, now(2 * HOUR), 'silent'],
    ['heard: not before twice its time since', { at: 1000 + HOUR }, now(3 * HOUR - 1), 'alive'],
    ['heard: then it is', { at: 1000 + HOUR }, now(3 * HOUR), 'silent'],
    ['heard before the start, and lately', { beforeWall: WALL - 2 * HOUR }, now(0), 'alive'],
    ['heard before the start, and not for long', { beforeWall: WALL - 2 * HOUR - 1 }, now(0), 'silent'],
    ['heard before the start, and since', { beforeWall: WALL - DAY, at: 1001 }, now(1), 'alive'],
    ['heard by a clock that was far ahead', { beforeWall: WALL + DAY }, now(0), 'silent'],
    [
      'heard before the start: an untrusted clock cannot say how long ago',
      { beforeWall: WALL - DAY },
      now(2 * HOUR - 1, { clockTrusted: false }),
      'alive',
    ],
    [
      'heard before the start: an untrusted clock, but twice its time has passed here',
      { beforeWall: WALL },
      now(2 * HOUR, { clockTrusted: false, wall: WALL }),
      'silent',
    ],
    ['heard here: whatever the wall clock says', { at: 1000 }, now(HOUR, { wall: WALL + 400 * DAY }), 'alive'],
    ['silent when the last process ended', { silent: { from: 1000, beforeMs: DAY } }, now(0), 'silent'],
    ['silent for days before and after a restart', { silent: { from: 1000, beforeMs: DAY } }, now(2 * DAY), 'degraded'],
  ];
  it.each(CASES)('%s', (_, watch, when, expected) => {
    expect(kind({ heartbeat: beat(), ...watch }, when)).toBe(expected);
  });

  it('until it is heard, and not when the clock loses its trust', () => {
    const silent = look({ heartbeat: beat(), beforeWall: WALL - DAY }, now(0));
    expect(kind(silent, now(1, { clockTrusted: false }))).toBe('silent');
    expect(kind(hear(silent, 1001), now(1))).toBe('alive');
  });

  it('still, when all that comes is the news that it was heard long ago', () => {
    const silent = look({ heartbeat: beat(), at: 1000 }, now(3 * HOUR));
    const told = hear(silent, 1000 + HOUR);
    expect(kind(told, now(3 * HOUR))).toBe('silent');
    expect(kind(hear(told, 1000 + HOUR + 1), now(3 * HOUR))).toBe('alive');
  });

  it('and what was heard is not forgotten for something older', () => {
    const heard = hear(hear({ heartbeat: beat() }, 1000 + HOUR), 1000);
    expect(kind(heard, now(3 * HOUR - 1))).toBe('alive');
  });
});

describe('what silence does', () => {
  const after = (silence: Heartbeat['silence'], ms: number) => {
    const when = now(2 * HOUR + ms);
    return lifeOf(look({ heartbeat: beat({ silence }) }, when), when.at);
  };

  it('block: it blocks for ever', () => {
    expect([0, 2 * DAY, 400 * DAY].map((ms) => after('block', ms))).toMatchObject(
      [0, 2 * DAY, 400 * DAY].map((silentMs) => ({ kind: 'silent', blocks: true, silentMs })),
    );
  });

  it('warn: it never blocks', () => {
    expect([after('warn', 0), after('warn', 400 * DAY)]).toMatchObject([{ blocks: false }, { blocks: false }]);
  });

  it('degrade: it blocks for so long, and then only warns', () => {
    expect(after('degrade', 3 * DAY - 1)).toMatchObject({ kind: 'silent', blocks: true });
    expect(after('degrade', 3 * DAY)).toEqual({ kind: 'degraded', silentMs: 3 * DAY });
  });

  it('degrade: time that nobody was there to see does not count', () => {
    // The box was off for a month.
    const when = now(2 * DAY);
    expect(lifeOf(look({ heartbeat: beat(), beforeWall: WALL - 30 * DAY }, now(0)), when.at)).toEqual({
      kind: 'silent',
      blocks: true,
      silentMs: 2 * DAY,
    });
  });
});
