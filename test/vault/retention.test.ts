import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, decideRetention, type KeepRules } from '../../daemon/vault/retention.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-11-21T06:30:00Z');

function taken(seq: number, wall: number, more: Partial<Candidate> = {}): Candidate {
  return { seq, hash: `h${seq}`, source: 'a', wall, status: 'complete', ...more };
}

/** Sequence numbers of those that stay. */
function staying(snapshots: Candidate[], rules: KeepRules, passed: string[] = [], cleared: string[] = []): number[] {
  const verdicts = decideRetention(snapshots, rules, NOW, new Set(passed), new Set(cleared));
  return snapshots.filter(({ hash }) => verdicts.get(hash)?.length !== 0).map(({ seq }) => seq);
}

describe('what is kept', () => {
  const daily = Array.from({ length: 40 }, (_, at) => taken(at + 1, NOW - (39 - at) * DAY));

  it('is the newest of each bucket, and no more', () => {
    expect(staying(daily, { floor: 1, last: 3 })).toEqual([38, 39, 40]);
    expect(staying(daily, { floor: 1, daily: 5 })).toEqual([36, 37, 38, 39, 40]);
    // 2026-11-21 is a Saturday: Sundays end the weeks before.
    expect(staying(daily, { floor: 1, weekly: 3 })).toEqual([27, 34, 40]);
    // 31 October is 21 days before the 21st of November.
    expect(staying(daily, { floor: 1, monthly: 5 })).toEqual([19, 40]);
    expect(staying(daily, { floor: 1, yearly: 5 })).toEqual([40]);
    expect(staying(daily, { floor: 1 })).toEqual([40]);
    const hourly = Array.from({ length: 10 }, (_, at) => taken(at + 1, NOW - (9 - at) * (HOUR / 2)));
    expect(staying(hourly, { floor: 1, hourly: 3 })).toEqual([6, 8, 10]);
  });

  it('counts only buckets in which there is one', () => {
    const sparse = [taken(1, NOW - 900 * DAY), taken(2, NOW - 400 * DAY), taken(3, NOW)];
    expect(staying(sparse, { floor: 1, daily: 3 })).toEqual([1, 2, 3]);
    expect(staying(sparse, { floor: 1, daily: 2 })).toEqual([2, 3]);
  });

  it('is each source by itself', () => {
    const two = daily.flatMap((one) => [one, { ...one, hash: `b${one.seq}`, seq: one.seq + 100, source: 'b' }]);
    expect(staying(two, { floor: 1, last: 1 })).toEqual([40, 140]);
  });

  it('prefers a complete one in a bucket to a later partial one', () => {
    const two = [taken(1, NOW - 2 * HOUR), taken(2, NOW - HOUR, { status: 'partial' })];
    expect(staying(two, { floor: 1, daily: 1 })).toEqual([1]);
  });

  it('includes the floor of complete ones, whatever the rules and however many partial ones came after', () => {
    const many = daily.map((one) => (one.seq > 10 ? { ...one, status: 'partial' as const } : one));
    expect(staying(many, { floor: 3, last: 1 })).toEqual([8, 9, 10, 40]);
    expect(staying(many, { floor: 0, last: 1 })).toEqual([10, 40]);
  });

  it('includes the last that passed a drill', () => {
    expect(staying(daily, { floor: 1, last: 1 }, ['h3', 'h7'])).toEqual([7, 40]);
  });

  it('includes what is suspicious until it is cleared, and gives it nobody’s place', () => {
    const doubted = daily.map((one) => (one.seq >= 39 ? { ...one, status: 'suspicious' as const } : one));
    expect(staying(doubted, { floor: 1, last: 2 })).toEqual([37, 38, 39, 40]);
    expect(staying(doubted, { floor: 1, last: 2 }, [], ['h39'])).toEqual([38, 39, 40]);
  });
});

const rules = fc.record({
  last: fc.nat(4),
  hourly: fc.nat(4),
  daily: fc.nat(4),
  weekly: fc.nat(4),
  monthly: fc.nat(4),
  yearly: fc.nat(4),
  floor: fc.integer({ min: 0, max: 4 }),
});
const status = fc.constantFrom('complete' as const, 'complete' as const, 'partial' as const, 'suspicious' as const);
/** Snapshots in the order of their time, as an honest clock makes them. */
const honest = fc
  .array(fc.record({ gap: fc.nat(20 * 24), status, source: fc.constantFrom('a', 'b') }), { maxLength: 40 })
  .map((some) => {
    let wall = NOW - 400 * DAY;
    return some.map(({ gap, status, source }, at) => {
      wall = Math.min(NOW, wall + gap * HOUR);
      return taken(2 * at + 2, wall, { status, source });
    });
  });

describe('whatever is decided', () => {
  it('keeps the newest complete one of each source, and never fewer than the floor while there are as many', () => {
    fc.assert(
      fc.property(honest, rules, (snapshots, keep) => {
        const kept = new Set(staying(snapshots, keep));
        for (const source of ['a', 'b']) {
          const whole = snapshots.filter((one) => one.source === source && one.status === 'complete');
          const guarded = whole.slice(-Math.max(1, keep.floor));
          for (const { seq } of guarded) expect(kept.has(seq)).toBe(true);
        }
      }),
    );
  });

  it('is not changed by forged times: none of what would stay goes because of them', () => {
    const forged = fc.array(
      fc.record({
        place: fc.nat(80),
        status: fc.constantFrom('complete' as const, 'partial' as const),
        source: fc.constantFrom('a', 'b'),
        wall: fc.oneof(
          fc.integer({ min: NOW + 1, max: NOW + 4000 * DAY }),
          fc.integer({ min: 0, max: NOW - 401 * DAY }),
          fc.constant(Number.NaN),
        ),
      }),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(honest, forged, rules, (snapshots, some, keep) => {
        // Each after an honest one of its source: of what comes first nobody could know that it lies.
        const known = some.flatMap(({ place, ...more }, at) => {
          const own = snapshots.filter(({ source }) => source === more.source);
          const before = own[place % Math.max(1, own.length)];
          return before === undefined
            ? []
            : [taken(before.seq + (at + 1) / 100, more.wall, { ...more, hash: `lie${at}` })];
        });
        const before = new Set(staying(snapshots, keep));
        const after = new Set(staying([...snapshots, ...known], keep));
        for (const seq of before) expect(after.has(seq)).toBe(true);
        for (const { seq } of known) expect(after.has(seq)).toBe(true);
      }),
    );
  });

  it('does not depend on the order in which it is told, and keeps more by larger rules', () => {
    fc.assert(
      fc.property(honest, rules, fc.nat(3), (snapshots, keep, more) => {
        const kept = staying(snapshots, keep);
        expect(staying([...snapshots].reverse(), keep).reverse()).toEqual(kept);
        const wider = Object.fromEntries(Object.entries(keep).map(([rule, count]) => [rule, count + more]));
        const wide = new Set(staying(snapshots, wider as unknown as KeepRules));
        for (const seq of kept) expect(wide.has(seq)).toBe(true);
      }),
    );
  });

  it('goes on: what goes today does not come back tomorrow, and what stayed alone is enough to decide', () => {
    fc.assert(
      fc.property(honest, rules, (snapshots, keep) => {
        const kept = new Set(staying(snapshots, keep));
        const left = snapshots.filter(({ seq }) => kept.has(seq));
        expect(staying(left, keep)).toEqual(left.map(({ seq }) => seq));
      }),
    );
  });
});
