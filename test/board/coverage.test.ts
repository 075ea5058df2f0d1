import { describe, expect, it } from 'vitest';
import { type BoxFacts, coverage, dropsWithoutUs, type Wiring } from '../../daemon/board/coverage.ts';

const BARE: BoxFacts = { outputsPersist: true, offHelper: false, serviceWatchdog: false, hardwareWatchdog: false };
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
