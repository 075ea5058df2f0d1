import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../daemon/base/canonical.ts';
import type { Delivery } from '../../daemon/base/protocol.ts';
import type { Heartbeat } from '../../daemon/config/heartbeat.ts';
import { type AlertSourceSetup, AlertSources } from '../../daemon/keeper/alert-sources.ts';
import { type Book, EMPTY_BOOK, note } from '../../daemon/keeper/book.ts';
import { FakeClock } from '../base/fake-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const degrade: Heartbeat = { everyMs: HOUR, silence: 'degrade', afterMs: DAY };

/** Sources whose ledger outlives them. */
class Box {
  readonly clock = new FakeClock();
  readonly entries: { type: string; data: { readonly [key: string]: Json } }[] = [];
  readonly setup: readonly AlertSourceSetup[];
  book: Book = EMPTY_BOOK;
  trusted = true;
  sources!: AlertSources;

  constructor(...setup: AlertSourceSetup[]) {
    this.setup = setup;
    this.boot();
  }

  boot(): void {
    this.sources = new AlertSources(this.setup, this.clock, (type, data) => {
      this.entries.push({ type, data });
      this.book = note(this.book, { type, data, wall: this.clock.wall() });
    });
    this.sources.start(this.book, this.trusted);
  }

  /** Time passes, and somebody looks now and then. */
  pass(ms: number, step = 10 * MINUTE): void {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      this.sources.look(this.trusted);
    }
  }

  hear(source: string, change: Partial<Delivery> = {}): boolean {
    const { clock } = this;
    return this.sources.received(
      {
        wall: clock.wall(),
        at: clock.monotonic(),
        source,
        outcome: 'heartbeat',
        detail: '',
        bytes: 0,
        digest: '',
        ...change,
      },
      this.trusted,
    );
  }

  of(type: string) {
    return this.entries.filter((entry) => entry.type === type).map(({ data }) => data);
  }

  state(name = 'siem') {
    return this.sources.status().find((source) => source.name === name);
  }
}

describe('an alert source with a heartbeat', () => {
  it('blocks while it is silent, says so, and unblocks the moment it is heard', () => {
    const box = new Box({ name: 'siem', heartbeat: { ...degrade, silence: 'block' } });
    box.pass(2 * HOUR - 1);
    expect(box.sources.blocks()).toEqual([]);
    expect(box.sources.attention()).toEqual([]);
    box.pass(1);
    expect(box.sources.blocks()).toEqual([
      {
        name: 'silent-source',
        ok: false,
        reason: 'An alert might not arrive. Silent: siem, never heard.',
        remedy: 'Look at the sender and the way from it; any alert of it, or `POST /heartbeat/siem`, ends this.',
      },
    ]);
    expect(box.sources.attention()).toEqual([
      'siem is silent, never heard, and should be heard every 1h. Nothing connects until it is.',
    ]);
    expect(box.hear('siem')).toBe(true);
    expect(box.sources.blocks()).toEqual([]);
    expect(box.sources.attention()).toEqual([]);
    const told = ['heartbeat.expected', 'heartbeat.missing', 'heartbeat.back', 'heartbeat.known'];
    expect(box.entries.map(({ type }) => type)).toEqual(told);
  });

  it.each(['tripped', 'matched-none', 'failed', 'heartbeat'] as const)('is heard by what was %s', (outcome) => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    box.pass(HOUR);
    box.hear('siem', { outcome });
    box.pass(2 * HOUR - 1);
    expect(box.state()).toMatchObject({ state: 'alive', lastHeardWall: box.clock.wall() - 2 * HOUR + 1 });
  });

  it.each([
    ['refused', { outcome: 'refused' }],
    ['a subscription to be confirmed', { outcome: 'noted' }],
    ['a repetition', { replay: true }],
    ['a repetition that tripped', { outcome: 'tripped', replay: true }],
  ] as const)('is not heard by what is %s', (_, change) => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    box.pass(HOUR);
    expect(box.hear('siem', change)).toBe(false);
    box.pass(HOUR);
    expect(box.state()).toEqual({ name: 'siem', heartbeat: degrade, state: 'silent', blocks: true });
  });

  it('is not heard through another', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade }, { name: 'other', heartbeat: degrade });
    box.pass(HOUR);
    box.hear('other');
    box.hear('(unknown)');
    box.pass(HOUR);
    expect(box.sources.status().map(({ state }) => state)).toEqual(['silent', 'alive']);
  });

  it('degrades loudly, and is told once', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    box.pass(2 * HOUR + DAY - 1);
    expect(box.sources.blocks()).toHaveLength(1);
    expect(box.sources.attention().join()).toContain('or until that has lasted for 1d');
    box.pass(1);
    expect(box.sources.blocks()).toEqual([]);
    expect(box.sources.attention()).toEqual([expect.stringMatching(/^NOT WATCHED ANY MORE: siem is silent/)]);
    box.pass(DAY);
    box.boot();
    box.pass(DAY);
    expect(box.state()).toMatchObject({ state: 'degraded', blocks: false });
    expect(box.of('heartbeat.missing')).toHaveLength(1);
    expect(box.of('heartbeat.degraded')).toEqual([expect.objectContaining({ source: 'siem', silentMs: DAY })]);
  });

  it('only warns where that is what its silence does', () => {
    const box = new Box({ name: 'siem', heartbeat: { ...degrade, silence: 'warn' } });
    box.pass(3 * HOUR);
    expect(box.sources.blocks()).toEqual([]);
    expect(box.sources.attention()).toEqual([
      'siem is silent, never heard, and should be heard every 1h. The vault is connected all the same.',
    ]);
  });

  it('that is missing is one thing to attend to however many have none, and blocks nothing', () => {
    const box = new Box(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({ name })));
    box.pass(400 * DAY, DAY);
    expect(box.sources.blocks()).toEqual([]);
    expect(box.sources.attention()).toEqual([
      'Nobody would notice the silence of a; b; c; d; e; and 2 more: no `heartbeat` is configured.',
    ]);
    expect(new Box({ name: 'agent', mayBeSilent: true }).sources.attention()).toEqual([]);
    expect(box.entries).toEqual([]);
    box.hear('a');
    expect(box.state('a')).toEqual({ name: 'a', lastHeardWall: box.clock.wall(), state: 'unwatched', blocks: false });
  });

  it('fits into what the gate takes, however long the names', () => {
    const long = (index: number) => `${'n'.repeat(61)}${index}`;
    const box = new Box(...Array.from({ length: 90 }, (_, index) => ({ name: long(index), heartbeat: degrade })));
    for (const { name } of box.setup) box.hear(name);
    box.pass(3 * HOUR);
    const [{ reason, remedy } = expect.fail()] = box.sources.blocks();
    expect(Math.max(reason.length, remedy.length, ...box.sources.attention().map((one) => one.length))).toBeLessThan(
      501,
    );
  });
});

describe('after a restart', () => {
  it('what was heard is known to five minutes, in one entry for all; after an orderly stop exactly', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade }, { name: 'other' });
    for (let beat = 0; beat < 60; beat += 1) {
      box.pass(MINUTE, MINUTE);
      box.hear('siem');
      box.hear('other');
    }
    expect(box.of('heartbeat.known').length).toBeLessThanOrEqual(12);
    box.boot();
    expect(box.clock.wall() - (box.state()?.lastHeardWall ?? 0)).toBeLessThanOrEqual(5 * MINUTE);
    expect(box.state('other')?.lastHeardWall).toBe(box.state()?.lastHeardWall);
    box.hear('siem');
    const heard = box.clock.wall();
    box.sources.stop();
    box.pass(MINUTE);
    box.boot();
    expect(box.state()?.lastHeardWall).toBe(heard);
  });

  it('a source that came back a moment before the crash is not silent', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade }, { name: 'other' });
    box.pass(2 * HOUR);
    box.hear('other');
    box.pass(MINUTE, MINUTE);
    box.hear('siem');
    expect(box.entries.at(-1)?.type).toBe('heartbeat.back');
    box.boot();
    expect(box.state()?.state).toBe('alive');
  });

  it('a source never heard gets no new grace', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    for (let restart = 0; restart < 10; restart += 1) {
      box.pass(20 * MINUTE);
      box.boot();
    }
    expect(box.sources.blocks()).toHaveLength(1);
  });

  it('a box that was off finds its source silent at once, but not degraded', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    box.hear('siem');
    box.pass(10 * MINUTE);
    box.clock.advance(30 * DAY);
    box.boot();
    expect(box.state()).toMatchObject({ state: 'silent', blocks: true });
    box.pass(DAY - 1);
    expect(box.state()).toMatchObject({ state: 'silent', blocks: true });
    box.pass(HOUR);
    expect(box.state()).toMatchObject({ state: 'degraded' });
  });

  it('an untrusted clock finds nobody silent before its time has passed here', () => {
    const box = new Box({ name: 'siem', heartbeat: degrade });
    box.hear('siem');
    box.pass(10 * MINUTE);
    box.trusted = false;
    box.clock.wallOffset += 10_000 * DAY;
    box.boot();
    box.pass(2 * HOUR - 1);
    expect(box.state()?.state).toBe('alive');
    box.pass(1);
    expect(box.state()?.state).toBe('silent');
  });
});

/** What really happened, by a clock nobody can step, beside what the appliance makes of it. */
describe('whatever happens', () => {
  const event = fc.oneof(
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 6 * HOUR }) }),
    fc.record({ do: fc.constant('hear' as const), lag: fc.integer({ min: 0, max: HOUR }) }),
    fc.record({ do: fc.constant('replay' as const) }),
    fc.record({ do: fc.constant('step' as const), ms: fc.integer({ min: -40 * DAY, max: 40 * DAY }) }),
    fc.record({ do: fc.constant('trust' as const), trusted: fc.boolean() }),
    fc.record({ do: fc.constant('boot' as const), clean: fc.boolean() }),
  );

  it.each(['block', 'warn', 'degrade'] as const)('%s does what it says', (silence) => {
    let [silent, degraded, heardAgain] = [0, 0, 0];
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), (events) => {
        const heartbeat: Heartbeat = { everyMs: HOUR, silence, afterMs: 8 * HOUR };
        const box = new Box({ name: 'siem', heartbeat });
        let heardAt: number | undefined;
        let bootedAt = box.clock.monotonic();
        /** Time that a running process has seen pass since the source was last heard. */
        let seen = 0;
        let wasSilent = false;
        for (const one of events) {
          let heard = false;
          if (one.do === 'pass') {
            box.pass(one.ms);
            seen += one.ms;
          } else if (one.do === 'hear') {
            const at = box.clock.monotonic() - one.lag;
            heard = box.hear('siem', { at });
            heardAt = Math.max(at, heardAt ?? at);
            seen = box.clock.monotonic() - heardAt;
          } else if (one.do === 'replay') box.hear('siem', { replay: true });
          else if (one.do === 'step') box.clock.wallOffset += one.ms;
          else if (one.do === 'trust') box.trusted = one.trusted;
          else {
            if (one.clean) box.sources.stop();
            box.boot();
            heardAt = undefined;
            bootedAt = box.clock.monotonic();
          }
          const { state, blocks } = box.state() ?? expect.fail();
          const since = box.clock.monotonic() - (heardAt ?? bootedAt);
          // Silence is never missed, and never invented while the source is heard.
          if (since >= 2 * HOUR) expect(state).not.toBe('alive');
          if (heardAt !== undefined && since < 2 * HOUR) expect(state).toBe('alive');
          // It ends by being heard and by nothing else: no restart, no clock, no repetition.
          if (wasSilent && !heard) expect(state).not.toBe('alive');
          // Nobody stops waiting before so much silence was seen.
          if (state === 'degraded') expect(seen).toBeGreaterThanOrEqual(8 * HOUR);
          if (state === 'degraded') expect(silence).toBe('degrade');
          expect(blocks).toBe(state === 'silent' && silence !== 'warn');
          if (wasSilent && heard) heardAgain += 1;
          if (state === 'silent') silent += 1;
          if (state === 'degraded') degraded += 1;
          wasSilent = state !== 'alive';
        }
      }),
      { numRuns: 1000 },
    );
    // The walks went where it matters.
    expect(Math.min(silent, heardAgain, silence === 'degrade' ? degraded : 1)).toBeGreaterThan(0);
  });
});
