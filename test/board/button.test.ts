import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BOUNCE_MS,
  type ButtonInput,
  decodeButton,
  REARM_MS,
  STUCK_MS,
  UNKNOWN_BUTTON,
} from '../../daemon/board/button.ts';

/** What came out, as `press@120`, `release 75`; presses carry the time at which they were told. */
function decode(inputs: readonly ButtonInput[]): string[] {
  let button = UNKNOWN_BUTTON;
  return inputs.flatMap((input) => {
    const step = decodeButton(button, input);
    button = step.button;
    return step.events.map((event) => {
      if (event.type === 'press') return `press@${input.at}`;
      return event.type === 'release' ? `release ${event.heldMs}` : event.type;
    });
  });
}

const up = (at: number): ButtonInput => ({ at, pressed: false });
const down = (at: number): ButtonInput => ({ at, pressed: true });
const tick = (at: number): ButtonInput => ({ at });

test('a press is told on its first edge, a release once the contact is quiet', () => {
  expect(decode([up(0), down(100)])).toEqual(['press@100']);
  expect(decode([up(0), down(100), up(175), tick(204)])).toEqual(['press@100']);
  expect(decode([up(0), down(100), up(175), tick(205)])).toEqual(['press@100', 'release 75']);
});

test('bounce at either end, and chatter in between, are one press', () => {
  const bouncy = [
    up(0),
    down(100),
    up(101),
    down(103),
    up(104),
    down(110),
    up(2000),
    down(2010),
    up(6000),
    down(6005),
    up(6008),
  ];
  expect(decode([...bouncy, tick(6037)])).toEqual(['press@100']);
  expect(decode([...bouncy, tick(6038)])).toEqual(['press@100', 'release 5908']);
});

test('without ticks the next press tells the release before it', () => {
  expect(decode([up(0), down(100), up(200), down(230)])).toEqual(['press@100', 'release 100', 'press@230']);
  expect(decode([up(0), down(100), up(200), down(229)])).toEqual(['press@100']);
});

test('a button that is down at start means nothing until it has been up for a while', () => {
  expect(decode([down(0), tick(50), up(6000), tick(6100), down(6400), up(6450)])).toEqual([]);
  expect(
    decode([down(0), up(6000), tick(6000 + REARM_MS - 1), down(6000 + REARM_MS - 1), up(6600), tick(9000)]),
  ).toEqual([]);
  expect(decode([down(0), up(6000), down(6000 + REARM_MS)])).toEqual([`press@${6000 + REARM_MS}`]);
});

test('a button down for a minute is stuck: told once, never a release, and a press again only after a while up', () => {
  const stuck = [up(0), down(100), tick(100 + STUCK_MS - 1)];
  expect(decode(stuck)).toEqual(['press@100']);
  const told = [...stuck, tick(100 + STUCK_MS), tick(400_000), up(500_000), tick(500_000 + REARM_MS - 1)];
  expect(decode(told)).toEqual(['press@100', 'stuck']);
  expect(decode([...told, tick(500_000 + REARM_MS), down(501_000)])).toEqual([
    'press@100',
    'stuck',
    'freed',
    'press@501000',
  ]);
});

describe('a press is firm', () => {
  const looks = (from: number, to: number) =>
    Array.from({ length: Math.floor((to - from) / 20) }, (_, index) => tick(from + 20 * (index + 1)));

  test('once it has been down for 100 ms without a break, and is told so once', () => {
    expect(decode([up(0), down(1000), ...looks(1000, 1080)])).toEqual(['press@1000']);
    expect(decode([up(0), down(1000), ...looks(1000, 1500)])).toEqual(['press@1000', 'firm']);
  });

  test('never by spikes, by chatter, or by a contact that bounces on', () => {
    const chatter = Array.from({ length: 200 }, (_, index) => {
      const at = 1000 + 10 * index;
      return [down(at), tick(at + 2), tick(at + 4), tick(at + 6), up(at + 7)];
    }).flat();
    expect(decode([up(0), ...chatter])).toEqual(['press@1000']);
  });

  test('counted from the last break', () => {
    const bounced = [up(0), down(1000), up(1005), down(1010)];
    expect(decode([...bounced, tick(1030), tick(1050), tick(1070), tick(1109)])).toEqual(['press@1000']);
    expect(decode([...bounced, tick(1030), tick(1050), tick(1110)])).toEqual(['press@1000', 'firm']);
  });

  test('not by time that passed at once: the end of a spike may still be on its way', () => {
    expect(decode([up(0), down(1000), tick(6000), up(1001), tick(6020), tick(6040)])).toEqual([
      'press@1000',
      'release 1',
    ]);
    expect(decode([up(0), down(1000), tick(6000), tick(6001)])).toEqual(['press@1000']);
  });
});

test('a button stuck since before the start is reported too', () => {
  expect(decode([down(0), tick(STUCK_MS), up(STUCK_MS + 10), tick(STUCK_MS + 10 + REARM_MS)])).toEqual([
    'stuck',
    'freed',
  ]);
});

test('held just under a minute and looked at late is a release; held a minute and looked at late is stuck', () => {
  expect(decode([up(0), down(0), up(STUCK_MS - 1), tick(STUCK_MS + 500)])).toEqual([
    'press@0',
    `release ${STUCK_MS - 1}`,
  ]);
  expect(decode([up(0), down(0), up(STUCK_MS), tick(STUCK_MS + 5000)])).toEqual(['press@0', 'stuck', 'freed']);
});

/** The same rules a millisecond at a time, from the levels alone: counters, no edges. */
function simulate(levels: readonly boolean[]): string[] {
  const told: string[] = [];
  let counts: 'no' | 'yes' | 'ignored' = levels[0] ? 'ignored' : 'no';
  let stuck = false;
  let from = 0;
  let upFor = 0;
  levels.forEach((pressed, at) => {
    if (counts === 'no') {
      if (!pressed) return;
      told.push(`press@${at}`);
      counts = 'yes';
      from = at;
      upFor = 0;
      return;
    }
    // upFor: how long the level had been up when this millisecond began.
    const lastDown = at - upFor;
    if (!stuck && lastDown - from >= STUCK_MS) {
      told.push('stuck');
      stuck = true;
      counts = 'ignored';
    }
    if (upFor >= (counts === 'yes' ? BOUNCE_MS : REARM_MS)) {
      if (counts === 'yes') told.push(`release ${lastDown - from}`);
      else if (stuck) told.push('freed');
      counts = 'no';
      stuck = false;
      if (pressed) {
        told.push(`press@${at}`);
        counts = 'yes';
        from = at;
        upFor = 0;
        return;
      }
      return;
    }
    upFor = pressed ? 0 : upFor + 1;
  });
  return told;
}

const pause = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 2 * BOUNCE_MS }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 2 * REARM_MS }) },
  { weight: 2, arbitrary: fc.integer({ min: 4500, max: 7000 }) },
  { weight: 1, arbitrary: fc.integer({ min: STUCK_MS - 50, max: STUCK_MS + 50 }) },
);

test('any bounce, chatter and holding decodes as the levels say, and no press is ever late', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.record({ pause, pressed: fc.boolean() }), { maxLength: 25 }),
      fc.integer({ min: 1, max: 200 }),
      (first, moves, every) => {
        const edges: ButtonInput[] = [{ at: 0, pressed: first }];
        let at = 0;
        for (const move of moves) {
          at += move.pause;
          edges.push({ at, pressed: move.pressed });
        }
        const end = at + STUCK_MS + 2 * REARM_MS;
        const levels: boolean[] = [];
        for (const [index, { at: from, pressed }] of edges.entries())
          levels.fill(
            pressed ?? false,
            levels.push(...Array((edges[index + 1]?.at ?? end + 1) - from).fill(pressed)) && from,
          );
        const ticks = Array.from({ length: Math.floor(end / every) }, (_, index) => tick((index + 1) * every));
        const inputs = [...edges, ...ticks, tick(end)].sort((a, b) => a.at - b.at);
        expect(decode(inputs).filter((event) => event !== 'firm')).toEqual(simulate(levels));
        // Only edges: the same presses at the same times, whoever forgets to tick.
        const presses = (told: string[]) => told.filter((event) => event.startsWith('press'));
        expect(presses(decode(edges))).toEqual(presses(decode(inputs)));
      },
    ),
    { numRuns: 150 },
  );
});

test('a press is never told without an edge down, and every press ends in exactly one release or stuck', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ pause, pressed: fc.option(fc.boolean(), { nil: undefined }) }), { maxLength: 60 }),
      (moves) => {
        let at = 0;
        const inputs = moves.map(({ pause: ms, pressed }): ButtonInput => {
          at += ms;
          return pressed === undefined ? { at } : { at, pressed };
        });
        let button = UNKNOWN_BUTTON;
        let open = false;
        let stuck = false;
        for (const input of inputs) {
          const step = decodeButton(button, input);
          button = step.button;
          for (const event of step.events) {
            if (event.type === 'press') {
              expect([input.pressed, open, stuck]).toEqual([true, false, false]);
              open = true;
            } else if (event.type === 'firm') {
              expect([input.pressed, open]).toEqual([undefined, true]);
            } else if (event.type === 'release') {
              expect(open).toBe(true);
              expect(event.heldMs).toBeLessThan(STUCK_MS);
              open = false;
            } else if (event.type === 'stuck') {
              expect(stuck).toBe(false);
              open = false;
              stuck = true;
            } else {
              expect(stuck).toBe(true);
              stuck = false;
            }
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
