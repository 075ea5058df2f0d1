import { describe, expect, it } from 'vitest';
import { type BoxFacts, coverage, dropsWithoutUs, type Wiring } from '../../daemon/board/coverage.ts';

const BARE: BoxFacts = {
  outputsPersist: true,
  offHelper: false,
  serviceWatchdog: false,
  hardwareWatchdog: false,
  missing: [],
  uncounted: [],
};
const line = { driver: 'gpiochip' };

function wiring(change: Partial<Extract<Wiring, { driver: 'hardware' }>> = {}): Wiring {
  return { driver: 'hardware', relay: line, contacts: [], ...change };
}

const uncovered = (of: Wiring, facts: BoxFacts) =>
  coverage(of, facts)
    .filter(({ by }) => by.length === 0)
    .map(({ failure }) => failure);

describe('what covers which failure', () => {
  it('a bare relay whose line persists has nothing but the absence of current', () => {
    expect(uncovered(wiring(), BARE)).toEqual(['SIGKILL', 'hang', 'kernel hang', 'welded contact', 'stuck driver']);
  });

  it('a line the kernel lets go covers SIGKILL, and a hang only with the watchdog that kills', () => {
    const facts = { ...BARE, outputsPersist: false };
    expect(uncovered(wiring(), facts)).toEqual(['hang', 'kernel hang', 'welded contact', 'stuck driver']);
    expect(uncovered(wiring(), { ...facts, serviceWatchdog: true })).not.toContain('hang');
  });

  it('does not believe in a release that cannot be told', () => {
    expect(uncovered(wiring(), { ...BARE, outputsPersist: undefined })).toContain('SIGKILL');
  });

  it('onoff: the line stays, so only the off-helper or hardware covers SIGKILL', () => {
    const onoff = wiring({ relay: { driver: 'onoff' } });
    expect(uncovered(onoff, { ...BARE, outputsPersist: false })).toContain('SIGKILL');
    expect(uncovered(onoff, { ...BARE, offHelper: true })).not.toContain('SIGKILL');
    expect(uncovered(onoff, { ...BARE, serviceWatchdog: true })).toContain('hang');
  });

  it('a dead-man circuit covers every way of stopping', () => {
    expect(uncovered(wiring({ heartbeat: line }), BARE)).toEqual(['welded contact', 'stuck driver']);
  });

  it('a welded contact needs a second relay, and something that sees it', () => {
    expect(uncovered(wiring({ heartbeat: line, relay2: line }), BARE)).toEqual([]);
    expect(
      coverage(wiring({ relay2: line, contacts: [line] }), BARE).find(({ failure }) => failure === 'welded contact')
        ?.by,
    ).toHaveLength(2);
    expect(uncovered(wiring({ heartbeat: line, contacts: [line] }), BARE)).toContain('welded contact');
  });

  it('a serial board without a timer stays on when the host dies', () => {
    const lcus = wiring({ relay: { driver: 'serial', model: 'lcus' } });
    expect(uncovered(lcus, { ...BARE, hardwareWatchdog: true })).toEqual(
      expect.arrayContaining(['SIGKILL', 'kernel hang', 'power loss']),
    );
    const i7060 = wiring({ relay: { driver: 'serial', model: 'i7060' } });
    expect(uncovered(i7060, BARE)).toEqual(['welded contact', 'stuck driver']);
  });

  it('beside a line, a serial board in series falls with the line', () => {
    const mixed = wiring({ relay: { driver: 'serial', model: 'lcus' }, relay2: line });
    expect(uncovered(mixed, { ...BARE, outputsPersist: false, hardwareWatchdog: true })).toEqual(['hang']);
  });

  const of = (what: Wiring, facts: BoxFacts, failure: string) =>
    coverage(what, facts).find((row) => row.failure === failure);

  it('an off-helper tells a serial board, and proves nothing of it', () => {
    const facts = { ...BARE, offHelper: true };
    const lcus = { driver: 'serial', model: 'lcus' };
    expect(of(wiring({ relay: lcus }), facts, 'SIGKILL')?.by.join()).toContain('nothing proves that it obeys');
    expect(of(wiring({ relay: lcus, relay2: line }), facts, 'SIGKILL')?.by.join()).not.toContain('proves');
  });

  it("the button's pole counts only where the coil supply is sensed, and says so where it is not", () => {
    const button = { button: line };
    expect(of(wiring(button), BARE, 'stuck driver')).toMatchObject({
      by: [],
      uncounted: [expect.stringContaining('not sensed')],
    });
    expect(of(wiring({ ...button, supply: line }), BARE, 'stuck driver')).toMatchObject({
      by: [expect.stringContaining('sensed')],
      uncounted: [],
    });
    expect(uncovered(wiring({ supply: line }), BARE)).toContain('stuck driver');
  });

  it('parts that this machine does not have drop nothing, whatever is configured', () => {
    const everything = wiring({
      relay2: line,
      contacts: [line],
      button: line,
      supply: line,
      heartbeat: line,
      uplink: {},
    });
    const all = ['SIGKILL', 'hang', 'kernel hang', 'power loss', 'welded contact', 'stuck driver'];
    expect(uncovered(everything, BARE)).toEqual([]);
    const missing = ['The relay needs the GPIO chip labelled x: this machine has no GPIO chip.'];
    expect(uncovered(everything, { ...BARE, missing })).toEqual([...all, 'stuck uplink']);
    for (const row of coverage(everything, { ...BARE, missing })) expect(row.uncounted).toEqual(missing);
  });

  it('a second door has a row of its own: its contact', () => {
    expect(coverage(wiring(), BARE).map(({ failure }) => failure)).not.toContain('stuck uplink');
    expect(of(wiring({ uplink: {} }), BARE, 'stuck uplink')?.by.join()).toContain('contact');
  });

  it('what is there and does not count is told where it would have helped', () => {
    const uncounted = ['The off-helper does not count: it names other lines.'];
    expect(of(wiring(), { ...BARE, uncounted }, 'SIGKILL')).toMatchObject({ by: [], uncounted });
    expect(of(wiring(), { ...BARE, uncounted }, 'power loss')?.uncounted).toEqual([]);
  });

  it('the simulated board claims nothing about a real kernel, a contact or a driver', () => {
    expect(uncovered({ driver: 'simulated' }, BARE)).toEqual([
      'kernel hang',
      'power loss',
      'welded contact',
      'stuck driver',
    ]);
  });

  it('`run` takes only what drops without any process of ours', () => {
    expect(dropsWithoutUs({ driver: 'simulated' })).toBe(true);
    expect(dropsWithoutUs(wiring())).toBe(false);
    expect(dropsWithoutUs(wiring({ heartbeat: line }))).toBe(true);
    expect(dropsWithoutUs(wiring({ relay: { driver: 'serial', model: 'waveshare' } }))).toBe(false);
    expect(dropsWithoutUs(wiring({ relay: { driver: 'serial', model: 'waveshare', spare: 2 } }))).toBe(true);
    expect(dropsWithoutUs(wiring({ relay: { driver: 'serial', model: 'kmtronic' } }))).toBe(false);
  });
});
