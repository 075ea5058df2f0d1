import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { GpiochipOutput } from '../../daemon/board/gpiochip.ts';
import { OnoffOutput } from '../../daemon/board/onoff.ts';
import { findSim, SIM_LABEL } from '../board/sim.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

const RELAY = 17;
/** Long after every death whose line is let go. */
const STAYS_MS = 1000;
/** What isolation may take after a death of the gate. */
const LIMIT_MS = 1500;

const sim = findSim();
if (sim === undefined) throw new Error('The lab has no simulated chip.');

/** Each resolves with the moment before its fatal act. */
const DEATHS = {
  SIGKILL: async (holder: ChildProcess) => kill(holder),
  'SIGSTOP, then SIGKILL': async (holder: ChildProcess) => {
    holder.kill('SIGSTOP');
    // A process that stands still holds its line: that is what the watchdog is for.
    await stays();
    return kill(holder);
  },
  exception: async (holder: ChildProcess) => {
    const before = systemClock.monotonic();
    holder.send('die');
    return before;
  },
} as const;

type Death = keyof typeof DEATHS;

function kill(holder: ChildProcess): number {
  const before = systemClock.monotonic();
  holder.kill('SIGKILL');
  return before;
}

const isHigh = () => sim.level(RELAY);

async function stays(): Promise<void> {
  const until = systemClock.monotonic() + STAYS_MS;
  await vi.waitFor(() => expect(systemClock.monotonic()).toBeGreaterThan(until), { timeout: 60_000, interval: 5 });
  expect(isHigh()).toBe(true);
}

/** Whatever was left, the next start drives the line low first. */
async function startsLow(driver: string): Promise<void> {
  const wanted = { label: SIM_LABEL, line: RELAY, what: 'relay' };
  const next = driver === 'onoff' ? new OnoffOutput(wanted) : new GpiochipOutput(wanted);
  await next.start();
  expect(isHigh()).toBe(false);
  await next.stop();
}

/** From the fatal act to the pin's low level, in ms; undefined if it stays high. */
async function outlived(driver: string, death: Death, released: boolean): Promise<number | undefined> {
  const holder = fork(new URL('holder.js', import.meta.url), [driver, SIM_LABEL, String(RELAY)], {
    execArgv: [],
    // The exception's last words are no failure of the lab.
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  const gone = once(holder, 'exit');
  await Promise.race([once(holder, 'message'), gone]);
  expect(isHigh()).toBe(true);
  const killed = await DEATHS[death](holder);
  if (released) await vi.waitFor(() => expect(isHigh()).toBe(false), { timeout: 10_000, interval: 1 });
  const after = systemClock.monotonic() - killed;
  await gone;
  if (released) return after;
  await stays();
  await startsLow(driver);
  return undefined;
}

describe.each([
  { driver: 'gpiochip', persist: false },
  { driver: 'gpiochip', persist: true },
  { driver: 'onoff', persist: false },
  { driver: 'onoff', persist: true },
])('$driver, outputs persist: $persist', ({ driver, persist }) => {
  const released = driver === 'gpiochip' && !persist;
  const title = `${driver}, outputs ${persist ? 'persist' : 'are released'}: holder dies by`;

  test.each(Object.keys(DEATHS) as Death[])('%s', async (death) => {
    sim.persist(persist);
    const times: number[] = [];
    const rounds = released ? ROUNDS : 2;
    for (let round = 0; round < rounds; round++) {
      const time = await outlived(driver, death, released);
      if (time !== undefined) times.push(time);
    }
    if (released) {
      row(`${title} ${death}`, `pin low within ${LIMIT_MS} ms`, figures(times));
      expect(spread(times).worst).toBeLessThan(LIMIT_MS);
    } else
      row(
        `${title} ${death}`,
        'stays high (the off-helper is needed) until the next start',
        `high after ${STAYS_MS} ms, low after start, ${rounds} of ${rounds}`,
      );
  });
});
