import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { CONFIG, DRIVERS, PORTCULLIS } from './box.ts';
import { labRig, sim } from './rig.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

const LIMIT_MS = 1500;
const { bench, box } = labRig();

function supervise(): ChildProcess {
  return spawn(process.execPath, [PORTCULLIS, 'run', '--config', CONFIG], { stdio: ['ignore', 'ignore', 'ignore'] });
}

describe.each(DRIVERS)('%s, everything under `portcullis run`', (driver) => {
  test('kill -9 of the supervisor', async () => {
    sim.persist(true);
    await box.install(driver);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const supervisor = supervise();
      const ended = once(supervisor, 'exit');
      await box.connect();
      const before = systemClock.monotonic();
      supervisor.kill('SIGKILL');
      times.push((await bench.low(before)) - before);
      await ended;
      await box.gone();
    }
    row(`${driver}, outputs persist: kill -9 of the supervisor`, `relay off within ${LIMIT_MS} ms`, figures(times));
    expect(spread(times).worst).toBeLessThan(LIMIT_MS);
  });

  test('a relay that nothing would drop is refused', async () => {
    await box.install(driver, { heartbeat: false });
    const { code, out } = await box.cli('run');
    expect(code).toBe(3);
    expect(out).toContain('gate.unsafe');
  });
});
