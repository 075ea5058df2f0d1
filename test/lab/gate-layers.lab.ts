import { beforeAll, describe, expect, test } from 'vitest';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import { HEARTBEAT } from './bench.ts';
import { DRIVERS, type Driver } from './box.ts';
import { ended, labRig, sim } from './rig.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

/** Each layer alone: those below it, and beside it, are taken away. */
const LIMIT_MS = 1500;
const STAYS_MS = 2000;
const HOOKS = 'Environment=NODE_OPTIONS=--import=/run/lab/preload.mjs';
const NO_HELPER = 'ExecStopPost=';
const NO_WATCHDOG = 'WatchdogSec=0';
/** What comes back would drive the line low by itself, and hide what is to be shown. */
const NO_RESTART = 'Restart=no';

const rig = labRig();
const { bench, box } = rig;

const LAYERS: {
  readonly layer: string;
  readonly without: readonly string[];
  readonly persist: boolean;
  readonly drivers: readonly Driver[];
  readonly signal: NodeJS.Signals;
}[] = [
  {
    layer: 'the exit act alone: an exception, no off-helper, no watchdog, outputs persist',
    without: [NO_HELPER, NO_WATCHDOG, NO_RESTART],
    persist: true,
    drivers: DRIVERS,
    signal: 'SIGALRM',
  },
  {
    layer: 'the line released by the kernel alone: SIGKILL, no off-helper, no watchdog',
    without: [NO_HELPER, NO_WATCHDOG, NO_RESTART],
    persist: false,
    drivers: ['gpiochip'],
    signal: 'SIGKILL',
  },
  {
    layer: 'the off-helper alone: SIGKILL, no watchdog, outputs persist',
    without: [NO_WATCHDOG, NO_RESTART],
    persist: true,
    drivers: DRIVERS,
    signal: 'SIGKILL',
  },
  {
    layer: 'the watchdog with the line released: SIGSTOP, no off-helper',
    without: [NO_HELPER, NO_RESTART],
    persist: false,
    drivers: ['gpiochip'],
    signal: 'SIGSTOP',
  },
];

describe.each(DRIVERS)('%s', (driver) => {
  beforeAll(async () => {
    await box.install(driver);
  }, 300_000);

  test.each(LAYERS.filter(({ drivers }) => drivers.includes(driver)))(
    '$layer',
    async ({ layer, without, persist, signal }) => {
      sim.persist(persist);
      await box.override('gate', [HOOKS, ...without]);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await box.start();
        const { before, low } = await ended(rig, 'gate', (pid) => process.kill(pid, signal));
        times.push(low - before);
      }
      row(`${driver}: ${layer}`, `relay off within ${LIMIT_MS} ms`, figures(times));
      expect(spread(times).worst).toBeLessThan(LIMIT_MS);
    },
  );

  test('with every layer of software taken away, the heartbeat stops: what the dead-man circuit is for', async () => {
    sim.persist(true);
    await box.override('gate', [NO_HELPER, NO_WATCHDOG, NO_RESTART]);
    await box.start();
    await box.connect();
    const pid = await box.pid('gate');
    const before = systemClock.monotonic();
    process.kill(pid, 'SIGSTOP');
    await delay(systemClock, STAYS_MS);
    const last = bench.after(before, 'level', HEARTBEAT).at(-1)?.at ?? before;
    // The lab can see it: with nothing to drop it, the line does stay high.
    expect(bench.energised).toBe(true);
    process.kill(pid, 'SIGKILL');
    await delay(systemClock, STAYS_MS);
    expect(bench.energised).toBe(true);
    const restarted = systemClock.monotonic();
    await box.override('gate', []);
    await box.start();
    await bench.low(restarted - STAYS_MS);
    row(
      `${driver}: nothing but a dead-man circuit: SIGSTOP, then SIGKILL; no off-helper, no watchdog, outputs persist`,
      'stays high, heartbeat stops, low at the next start',
      `high after ${2 * STAYS_MS} ms, last edge after ${(last - before).toFixed(1)} ms, low after start`,
    );
    expect(last - before).toBeLessThan(60);
  });
});
