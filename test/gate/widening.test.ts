import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BoardConfig, type GateConfig, gateConfig, type Limits } from '../../daemon/gate/config.ts';
import { rulesOf } from '../../daemon/gate/rules.ts';
import { boardChanged, judgeRules, needsRestart, widenings } from '../../daemon/gate/widening.ts';
import { nextWindow, windowAt } from '../../daemon/schedule/window.ts';
import { config, hardware, input, window } from './configs.ts';

type Hardware = Extract<BoardConfig, { driver: 'hardware' }>;

const withLimits = (from: GateConfig, limits: Partial<Limits>): GateConfig => ({
  ...from,
  limits: { ...from.limits, ...limits },
});
const withWindows = (from: GateConfig, windows: GateConfig['windows']): GateConfig => ({ ...from, windows });
const withBoard = (from: GateConfig, board: BoardConfig): GateConfig => ({ ...from, board });
const without = <T extends object>(from: T, key: keyof T): T => {
  const { [key]: _, ...rest } = from;
  return rest as T;
};

const UP = [
  'leaseMs',
  'intakeLeaseMs',
  'maxConnectionMs',
  'maxConnections',
  'maxConnectedMs',
  'settleMs',
  'deviceTimeoutMs',
  'presenceMs',
  'proofTestMs',
] as const;

/** A change of one thing; `by` is arbitrary and above 0. Undefined where there is nothing to change. */
type Change = (from: GateConfig, by: number) => GateConfig | undefined;

const narrowing: Record<string, Change> = {
  'a window less': (from) => (from.windows.length === 0 ? undefined : withWindows(from, from.windows.slice(1))),
  'a shorter window': (from, by) => {
    const [first, ...rest] = from.windows;
    return first && withWindows(from, [{ ...first, durationMs: Math.max(1, first.durationMs - by) }, ...rest]);
  },
  'a window of another name': (from) => {
    const [first, ...rest] = from.windows;
    return first && withWindows(from, [...rest, { ...first, name: 'renamed' }]);
  },
  'a window with fewer openings': (from) => {
    const [first, ...rest] = from.windows;
    if (first === undefined) return undefined;
    const fields = first.cron.split(' ');
    // Minutes only: naming one day field where the other is named too would mean either.
    const minutes = (fields[1] === '*' ? '0,15' : fields[1])?.split(',')[0];
    return withWindows(from, [{ ...first, cron: fields.with(1, minutes ?? '').join(' ') }, ...rest]);
  },
  'a proof more': (from) => ({ ...from, reported: { carrier: 'eth0', probe: 'nas port 445', ...from.reported } }),
  'a longer minOffMs': (from, by) => withLimits(from, { minOffMs: from.limits.minOffMs + by }),
  ...Object.fromEntries(
    UP.map((name): [string, Change] => [
      `a smaller ${name}`,
      (from, by) => withLimits(from, { [name]: Math.max(1, from.limits[name] - by) }),
    ]),
  ),
};

const windowName = (from: GateConfig) => from.windows[0]?.name ?? '';

/** What is to be named, by a word of its sentence. */
const widening: Record<string, { change: Change; named: (from: GateConfig) => string }> = {
  'a longer window': {
    change: (from, by) => {
      const [first, ...rest] = from.windows;
      // What the others contain is no widening.
      if (first === undefined || rest.some(({ timezone }) => timezone === first.timezone)) return undefined;
      return withWindows(from, [{ ...first, durationMs: first.durationMs + by }, ...rest]);
    },
    named: (from) => `The window ${windowName(from)} `,
  },
  'a window more': {
    change: (from) =>
      withWindows(from, [
        ...from.windows,
        { name: 'new', cron: '0 7 7 * * *', durationMs: 1000, timezone: 'Asia/Tokyo' },
      ]),
    named: () => 'The window new ',
  },
  'a window in another zone': {
    change: (from) => {
      const [first, ...rest] = from.windows;
      return first && withWindows(from, [{ ...first, timezone: 'Asia/Tokyo' }, ...rest]);
    },
    named: (from) => `The window ${windowName(from)} `,
  },
  'a smaller minOffMs': {
    change: (from, by) => withLimits(from, { minOffMs: Math.max(0, from.limits.minOffMs - by) }),
    named: () => 'gate.minOff falls',
  },
  ...Object.fromEntries(
    UP.map((name) => [
      `a larger ${name}`,
      {
        change: (from: GateConfig, by: number) => withLimits(from, { [name]: from.limits[name] + by }),
        named: () => `gate.${name.replace(/Ms$/, '')} rises`,
      },
    ]),
  ),
  ...Object.fromEntries(
    (['carrier', 'probe'] as const).flatMap((proof) =>
      [undefined, 'elsewhere'].map((of) => [
        of === undefined ? `no ${proof}` : `another ${proof}`,
        {
          change: ({ reported: { [proof]: was, ...others }, ...from }: GateConfig) =>
            was === undefined
              ? undefined
              : { ...from, reported: of === undefined ? others : { ...others, [proof]: of } },
          named: () => `The proof ${proof} is ${of === undefined ? 'no longer required' : 'taken of elsewhere'}`,
        },
      ]),
    ),
  ),
  ...Object.fromEntries(
    (['appliance', 'state', 'runtime'] as const).map((key) => [
      `another ${key}`,
      {
        change: (from: GateConfig) => ({ ...from, [key]: 'another' }),
        named: () => 'is another one',
      },
    ]),
  ),
};

const NAMES = {
  relay: 'The relay ',
  relay2: 'The second relay ',
  device: 'The device ',
  button: 'The button ',
  supply: 'The sensing of',
  heartbeat: 'The heartbeat ',
  uplink: 'The uplink ',
} as const;

describe('what widens', () => {
  it('is nothing when nothing changes', () => {
    fc.assert(
      fc.property(config, (same) => {
        expect(widenings(same, gateConfig(JSON.parse(JSON.stringify(same))))).toEqual([]);
        expect(judgeRules(same, same)).toEqual({ kind: 'current' });
      }),
    );
  });

  it('is nothing when something narrows', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(config, fc.integer({ min: 1, max: 100_000 }), (accepted, by) => {
        for (const [name, change] of Object.entries(narrowing)) {
          const proposed = change(accepted, by);
          if (proposed === undefined) continue;
          seen.add(name);
          expect(widenings(accepted, proposed), name).toEqual([]);
          expect(boardChanged(accepted, proposed), name).toBe(false);
        }
      }),
    );
    expect(seen).toEqual(new Set(Object.keys(narrowing)));
  });

  it('is named, every single thing', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(config, fc.integer({ min: 1, max: 100_000 }), (accepted, by) => {
        for (const [name, { change, named }] of Object.entries(widening)) {
          const proposed = change(accepted, by);
          if (proposed === undefined) continue;
          seen.add(name);
          const reasons = widenings(accepted, proposed);
          expect(reasons, name).toHaveLength(1);
          expect(reasons[0], name).toContain(named(accepted));
          expect(judgeRules(accepted, proposed), name).toMatchObject({ kind: 'waiting', reasons });
        }
      }),
    );
    expect(seen).toEqual(new Set(Object.keys(widening)));
  });

  it('is never hidden: whatever is not said to widen connects at no moment at which the accepted would not', () => {
    const changes = [...Object.values(narrowing), ...Object.values(widening).map(({ change }) => change)];
    // Mostly one that narrows: what is said to widen shows nothing here.
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...Object.values(narrowing)) },
      { weight: 1, arbitrary: fc.constantFrom(...changes) },
      // Any field of a window's expression, replaced by any other window's.
      {
        weight: 6,
        arbitrary: fc.tuple(window, fc.integer({ min: 0, max: 5 })).map(
          ([other, field]): Change =>
            (from) => {
              const [first, ...rest] = from.windows;
              if (first === undefined) return undefined;
              const word = other.cron.split(' ')[field] ?? '*';
              return withWindows(from, [
                { ...first, cron: first.cron.split(' ').with(field, word).join(' ') },
                ...rest,
              ]);
            },
        ),
      },
    );
    const moment = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2029, 0) });
    const [checked, contained] = [{ pairs: 0 }, { moments: 0 }];
    fc.assert(
      fc.property(
        fc.oneof(
          { weight: 1, arbitrary: fc.tuple(config, config) },
          {
            weight: 9,
            arbitrary: fc
              .tuple(config, fc.array(change, { maxLength: 3 }), fc.integer({ min: 1, max: 100_000 }))
              .map(([accepted, chosen, by]) => {
                const proposed = chosen.reduce((from, each) => each(from, by) ?? from, accepted);
                return [accepted, proposed] as const;
              }),
          },
        ),
        fc.array(moment, { minLength: 5, maxLength: 5 }),
        ([accepted, proposed], moments) => {
          if (widenings(accepted, proposed).length > 0) return;
          let rules: ReturnType<typeof rulesOf>;
          try {
            rules = rulesOf(proposed);
          } catch {
            // A field of another window made an expression that never fires.
            return;
          }
          checked.pairs += 1;
          for (const name of UP) expect(proposed.limits[name]).toBeLessThanOrEqual(accepted.limits[name]);
          expect(proposed.limits.minOffMs).toBeGreaterThanOrEqual(accepted.limits.minOffMs);
          expect(proposed.reported).toMatchObject(accepted.reported);
          for (const own of rules.windows) {
            const looks = moments.flatMap((wall) => {
              const { startWall, endWall } = nextWindow(own, wall);
              return [wall, startWall, startWall + 1, (startWall + endWall) / 2, endWall - 1, endWall];
            });
            for (const wall of looks) {
              const at = windowAt(own, wall);
              if (at === undefined) continue;
              contained.moments += 1;
              const ends = rulesOf(accepted).windows.map((other) => windowAt(other, wall)?.endWall ?? 0);
              expect(Math.max(0, ...ends)).toBeGreaterThanOrEqual(at.endWall);
            }
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(checked.pairs).toBeGreaterThan(100);
    expect(contained.moments).toBeGreaterThan(500);
  });
});

describe('a window', () => {
  const base: GateConfig = {
    version: 1,
    appliance: 'box',
    state: '/state',
    runtime: '/run',
    board: { driver: 'simulated', directory: '/board', vault: '/vault' },
    limits: {
      leaseMs: 1000,
      intakeLeaseMs: 1000,
      maxConnectionMs: 1000,
      maxConnections: 1,
      maxConnectedMs: 1000,
      minOffMs: 0,
      settleMs: 1000,
      deviceTimeoutMs: 1000,
      presenceMs: 1000,
      proofTestMs: 1000,
    },
    reported: {},
    windows: [],
  };
  const judge = (from: string, to: string) => {
    const spec = { name: 'w', durationMs: 1000, timezone: 'Europe/Berlin' };
    return widenings(withWindows(base, [{ ...spec, cron: from }]), withWindows(base, [{ ...spec, cron: to }])).length;
  };

  it.each([
    ['30 2 * * *', '0 30 2 * * *'],
    ['30 2 * * *', '30 2 * * sun'],
    ['30 2 * * *', '30 2 1 * sun'],
    ['* * * * *', '*/10 3 * 2 *'],
    ['30 2 1,15 * mon', '30 2 1 * mon'],
    ['30 2 1,15 * mon', '30 2 15 * */7'],
  ])('%s contains %s', (from, to) => {
    expect(judge(from, to)).toBe(0);
  });

  it.each([
    ['30 2 * * *', '31 2 * * *'],
    ['30 2 * * *', '30 2,3 * * *'],
    ['30 2 * * *', '*/30 30 2 * * *'],
    ['30 2 * * sun', '30 2 1 * sun'],
    ['30 2 1 * *', '30 2 1 * sun'],
    ['30 2 1 * mon', '30 2 1 * sun'],
    ['30 2 1 * mon', '30 2 * * *'],
    ['30 2 1 1 *', '30 2 1 1,2 *'],
  ])('%s does not contain %s', (from, to) => {
    expect(judge(from, to)).toBe(1);
  });
});

describe('the board', () => {
  it('changed or removed in any part that proves or drops is named, and the old rules cannot be kept', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(config, hardware, hardware, (from, accepted, other) => {
        for (const part of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
          if (accepted[part] === undefined) continue;
          const is = JSON.stringify(accepted[part]);
          const variants: [string, Hardware][] = [
            ...(part === 'relay' ? [] : [['removed', without(accepted, part)] as [string, Hardware]]),
            ...(other[part] === undefined || JSON.stringify(other[part]) === is
              ? []
              : [['changed', { ...accepted, [part]: other[part] } as Hardware] as [string, Hardware]]),
          ];
          for (const [how, board] of variants) {
            seen.add(`${part} ${how}`);
            const [old, proposed] = [withBoard(from, accepted), withBoard(from, board)];
            expect(widenings(old, proposed)).toEqual([expect.stringMatching(`^${NAMES[part]}.*${how}`)]);
            expect(boardChanged(old, proposed)).toBe(true);
            expect(needsRestart(old, proposed)).toBe(true);
          }
        }
      }),
    );
    expect(seen.size).toBe(13);
  });

  it.each(['driver', 'chip', 'line', 'active', 'bias'] as const)('has a contact whose %s matters', (key) => {
    const other = { driver: 'onoff', chip: 'other', line: 100, active: 'high', bias: 'down' } as const;
    fc.assert(
      fc.property(config, hardware, input, (from, board, first) => {
        const was = { ...first, active: 'low', bias: 'up' };
        const is =
          key === 'driver'
            ? { driver: 'onoff', chip: was.chip, line: was.line, active: was.active }
            : { ...was, [key]: other[key] };
        const [old, proposed] = [was, is].map((contact) =>
          withBoard(from, { ...board, contacts: [contact] } as Hardware),
        );
        if (old === undefined || proposed === undefined) throw new Error('two boards');
        expect(widenings(old, proposed)).toEqual(['Contact 1 is changed.']);
        expect(widenings(old, withBoard(from, { ...board, contacts: [] }))).toEqual(['Contact 1 is removed.']);
        expect(boardChanged(old, proposed)).toBe(true);
      }),
    );
  });

  it('with a part more permits no more, but for a button, which is what presence is given with', () => {
    fc.assert(
      fc.property(config, hardware, hardware, (from, full, other) => {
        const bare: Hardware = { driver: 'hardware', relay: full.relay, contacts: [] };
        const { button: _, ...rest } = full;
        expect(widenings(withBoard(from, bare), withBoard(from, rest))).toEqual([]);
        // What shows permits nothing, whatever becomes of it.
        for (const key of ['led', 'buzzer'] as const) {
          const changed = other[key] === undefined ? without(full, key) : { ...full, [key]: other[key] };
          expect(widenings(withBoard(from, full), withBoard(from, changed))).toEqual([]);
        }
        if (full.button === undefined) return;
        const added = withBoard(from, { ...bare, button: full.button });
        expect(widenings(withBoard(from, bare), added)).toEqual(['The button is added.']);
        expect(boardChanged(withBoard(from, bare), added)).toBe(true);
      }),
    );
  });

  it('of another kind, or another place of the simulated one, is another board', () => {
    fc.assert(
      fc.property(config, hardware, (from, real) => {
        const board = { driver: 'simulated', directory: '/board', vault: '/vault' } as const;
        const old = withBoard(from, { ...board, uplink: true });
        for (const proposed of [
          real,
          { ...board, uplink: true, directory: '/x' },
          { ...board, uplink: true, vault: '/x' },
          board,
        ])
          expect(boardChanged(old, withBoard(from, proposed))).toBe(true);
        expect(boardChanged(withBoard(from, real), old)).toBe(true);
        expect(widenings(withBoard(from, board), old)).toEqual([]);
        expect(needsRestart(withBoard(from, board), old)).toBe(true);
      }),
    );
  });
});

describe('with nothing accepted', () => {
  it('everything waits, and nothing may connect', () => {
    fc.assert(
      fc.property(config, (proposed) => {
        expect(judgeRules(undefined, proposed)).toMatchObject({ kind: 'waiting', blocks: true });
      }),
    );
  });
});
