import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { findSim, SIM_LABEL } from '../board/sim.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

const RELAY = 17;
/** What isolation may take after a death of the gate. */
const LIMIT_MS = 1500;
const UNIT = 'lab-holder.service';
const LINES = '/run/lab/relay-off.env';

const sim = findSim();
if (sim === undefined) throw new Error('The lab has no simulated chip.');

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const off = `ExecStopPost=+${pathOf('../../systemd/portcullis-relay-off')} ${LINES}`;
const holder = [process.execPath, pathOf('holder.js')];

afterEach(() => sim.persist(false));

describe.each([
  { driver: 'gpiochip', persist: true },
  { driver: 'onoff', persist: false },
  { driver: 'onoff', persist: true },
])('$driver, outputs persist: $persist', ({ driver, persist }) => {
  test('the off-helper of the unit drops what a killed holder leaves high', async () => {
    writeFileSync(LINES, `CHIP_LABEL=${SIM_LABEL}\nLINE=${RELAY}\n`);
    sim.persist(persist);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const args = [
        '--quiet',
        '--wait',
        '--collect',
        '--unit',
        UNIT,
        '-p',
        off,
        ...holder,
        driver,
        SIM_LABEL,
        `${RELAY}`,
      ];
      const unit = spawn('systemd-run', args, { stdio: 'inherit' });
      const ended = once(unit, 'exit');
      await vi.waitFor(() => expect(sim.level(RELAY)).toBe(true), { timeout: 60_000, interval: 5 });
      const pid = Number(execFileSync('systemctl', ['show', '-p', 'MainPID', '--value', UNIT], { encoding: 'utf8' }));
      // 0 would be this very process and all that began with it.
      expect(pid).toBeGreaterThan(1);
      const before = systemClock.monotonic();
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(sim.level(RELAY)).toBe(false), { timeout: 20_000, interval: 1 });
      times.push(systemClock.monotonic() - before);
      await ended;
      expect(sim.level(RELAY)).toBe(false);
    }
    const outputs = persist ? 'persist' : 'are released';
    row(`${driver}, outputs ${outputs}: SIGKILL, then the off-helper`, `pin low within ${LIMIT_MS} ms`, figures(times));
    expect(spread(times).worst).toBeLessThan(LIMIT_MS);
  });
});
