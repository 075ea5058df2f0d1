import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Conditions, type Notice, noticesOf } from '../../daemon/notify/notice.ts';
import { due, EMPTY_OUTBOX, enqueue, type Outbox, postponed, without } from '../../daemon/notify/outbox.ts';

const alarm = { severity: 'alarm', title: 'A', text: 'a' } as const;
const warning = { severity: 'warning', title: 'W', text: 'w' } as const;
let ids = 0;
const newId = () => String(++ids);

describe('what is told', () => {
  it('is what began, alarms first, and what is over', () => {
    const told = noticesOf({ old: warning }, { w: warning, a: alarm }, 5, newId);
    expect(told.map(({ key, severity, over, title }) => ({ key, severity, over, title }))).toEqual([
      { key: 'a', severity: 'alarm', over: false, title: 'A' },
      { key: 'w', severity: 'warning', over: false, title: 'W' },
      { key: 'old', severity: 'info', over: true, title: 'Over: W' },
    ]);
  });

  it('is each change once, whatever the order of conditions', () => {
    const conditions = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom(alarm, warning), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(conditions, conditions, (before, now) => {
        const changed = new Set(
          [...Object.keys(before), ...Object.keys(now)].filter(
            (key) => (before[key] === undefined) !== (now[key] === undefined),
          ),
        );
        expect(new Set(noticesOf(before, now, 0, newId).map(({ key }) => key))).toEqual(changed);
        expect(noticesOf(now, now, 0, newId)).toEqual([]);
      }),
    );
  });
});

const all = [{ name: 'ops', wants: () => true }];
const notice = (severity: Notice['severity'], wall = 0): Notice => ({
  id: newId(),
  key: 'k',
  severity,
  over: false,
  title: 't',
  text: 'x',
  wall,
});
const put = (outbox: Outbox, ...notices: Notice[]) => enqueue(outbox, outbox.conditions, notices, all);

describe('the outbox', () => {
  it('gives what is due, and in quiet hours only alarms', () => {
    const { outbox } = put(EMPTY_OUTBOX, notice('warning'), notice('alarm'));
    expect(due(outbox, 'ops', 0, false)?.notice.severity).toBe('warning');
    expect(due(outbox, 'ops', 0, true)?.notice.severity).toBe('alarm');
    expect(due(outbox, 'other', 0, false)).toBeUndefined();
  });

  it('waits longer each time, lets others go first meanwhile, and gives up after three days', () => {
    let { outbox } = put(EMPTY_OUTBOX, notice('alarm'));
    const pauses: number[] = [];
    let wall = 0;
    for (;;) {
      const item = due(outbox, 'ops', wall, false);
      if (item === undefined) break;
      const later: Outbox | undefined = postponed(outbox, item, wall);
      if (later === undefined) break;
      outbox = later;
      const next = outbox.queue[0]?.notBefore ?? 0;
      expect(due(outbox, 'ops', next - 1, false)).toBeUndefined();
      pauses.push(next - wall);
      wall = next;
    }
    expect(pauses.slice(0, 6)).toEqual([5_000, 30_000, 120_000, 600_000, 3_600_000, 3_600_000]);
    expect(wall).toBeGreaterThan(3 * 86_400_000 - 3_600_000);
    expect(wall).toBeLessThan(3 * 86_400_000 + 3_600_001);
  });

  it('keeps alarms when there are too many, and tells what had to go', () => {
    const many = [
      ...Array.from({ length: 300 }, () => notice('alarm')),
      ...Array.from({ length: 250 }, () => notice('warning')),
    ];
    const { outbox, dropped } = put(EMPTY_OUTBOX, ...many);
    expect(outbox.queue).toHaveLength(500);
    expect(dropped).toHaveLength(50);
    expect(dropped.every(({ notice }) => notice.severity === 'warning')).toBe(true);
    expect(outbox.queue.filter(({ notice }) => notice.severity === 'alarm')).toHaveLength(300);
  });

  it('forgets what was delivered', () => {
    const { outbox } = put(EMPTY_OUTBOX, notice('alarm'));
    const [item] = outbox.queue;
    expect(without(outbox, item!).queue).toEqual([]);
  });

  it('tells nobody what it does not want', () => {
    const conditions: Conditions = { a: alarm };
    const { outbox } = enqueue(
      EMPTY_OUTBOX,
      conditions,
      [notice('info')],
      [{ name: 'x', wants: ({ severity }) => severity === 'alarm' }],
    );
    expect(outbox).toEqual({ conditions, queue: [] });
  });
});
