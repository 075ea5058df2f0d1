import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { boxFacts } from '../../daemon/main/box-facts.ts';
import { networkFacts } from '../../daemon/main/network.ts';
import { findSim } from '../board/sim.ts';
import { runCommand } from '../cli/context.ts';
import { broken, SOUND } from '../config/samples.ts';

/**
 * The third of the doctor's answers: on a machine that is no appliance. The two others, on real units with a real kernel's
 * chip, are in the lab (test/lab/doctor.lab.ts).
 */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pc-doctor-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function doctor(config: string): Promise<{ code: number; told: Record<string, string> }> {
  const path = join(folder, 'portcullis.yaml');
  await writeFile(path, config);
  const { code, out } = await runCommand(['doctor', '--json', '--config', path], {
    env: process.env,
    clockSynchronised: async () => false,
    boxFacts,
    networkFacts,
  });
  const { findings } = JSON.parse(out) as { findings: { check: string; verdict: string; detail: string }[] };
  return { code, told: Object.fromEntries(findings.map((each) => [each.check, `${each.verdict}: ${each.detail}`])) };
}

describe.skipIf(findSim() !== undefined)('the doctor on a laptop', () => {
  it('says of the simulated board that its process drops it, and that nothing real is isolated', async () => {
    const { code, told } = await doctor(SOUND);
    expect(code).toBe(1);
    expect(told['board']).toMatch(/^warning: The simulated board .* no relay, no isolation\.$/);
    expect(told['SIGKILL']).toBe('ok: the board process: its driver is gone. The board is simulated.');
    expect(told['hang']).toBe('ok: the board process: its dead-man (500 ms). The board is simulated.');
    for (const failure of ['kernel hang', 'power loss', 'welded contact'])
      expect(told[failure], failure).toMatch(/NOT SAFE/);
  });

  it.each([
    ['gpiochip', /no GPIO chip|no chip/],
    ['onoff', /sysfs/],
  ])('says of a box of %s that its board is not here, and that nothing covers it', async (driver, missing) => {
    const relay = `relay: { driver: ${driver}, chip: pinctrl-bcm2711, line: 17 }`;
    const { code, told } = await doctor(
      broken('  driver: simulated\n  directory: board\n', `  driver: hardware\n  ${relay}\n`),
    );
    expect(code).toBe(1);
    for (const failure of ['SIGKILL', 'hang', 'kernel hang', 'power loss', 'welded contact', 'stuck driver']) {
      expect(told[failure], failure).toMatch(/^bad: .*NOT SAFE/);
      expect(told[failure], failure).toMatch(missing);
    }
  });
});
