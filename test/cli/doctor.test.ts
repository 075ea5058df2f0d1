import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { doctorCommand } from '../../daemon/cli/doctor.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { broken } from '../config/samples.ts';

/** What doctor says of the proofs that the keeper takes, on a board with `parts`. */
async function proofs(parts: string): Promise<unknown> {
  const board = `  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/nowhere}\n${parts}`;
  const reading = readConfig(Buffer.from(broken('  driver: simulated\n  directory: board\n', board)), '/nowhere');
  if (!reading.ok) throw new Error('the configuration has faults');
  let out = '';
  const context = {
    clock: systemClock,
    env: {},
    out: (text: string) => {
      out += text;
    },
    err: () => {},
    loadConfig: async () => reading.config,
    clockSynchronised: async () => true,
    boxFacts: async () => ({
      outputsPersist: false,
      offHelper: true,
      serviceWatchdog: true,
      hardwareWatchdog: true,
      missing: [],
      uncounted: [],
    }),
  } as unknown as Context;
  await runCli(['doctor', '--json'], [doctorCommand], context);
  return JSON.parse(out).findings.find(({ check }: { check: string }) => check === 'proofs');
}

it('says of the proofs that the keeper takes whether they can be taken', async () => {
  expect(await proofs('')).toMatchObject({ verdict: 'ok', detail: 'The keeper has none to take.' });
  expect(await proofs('  probe: {host: 192.0.2.7, port: 445}\n')).toMatchObject({ verdict: 'ok' });
  expect(await proofs('  probe: {host: nas.lan, port: 445}\n')).toMatchObject({
    verdict: 'warning',
    detail: 'The probe of nas.lan needs a name service, which must not stand behind the link.',
  });
  expect(await proofs('  carrier: nowhere0\n')).toMatchObject({
    verdict: 'bad',
    detail: 'There is no network interface nowhere0, whose carrier is to be a proof.',
  });
});
