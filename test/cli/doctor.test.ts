import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { doctorCommand } from '../../daemon/cli/doctor.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { broken, SOUND } from '../config/samples.ts';

interface Finding {
  check: string;
  verdict: string;
  detail: string;
}

/** What doctor says of the proofs that the keeper takes, on a board with `parts`. */
async function proofs(parts: string): Promise<unknown> {
  const board = `  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/nowhere}\n${parts}`;
  const findings = await examine(broken('  driver: simulated\n  directory: board\n', board));
  return findings.find(({ check }) => check === 'proofs');
}

async function examine(text: string, env: Record<string, string> = {}, wall = 0): Promise<Finding[]> {
  const reading = readConfig(Buffer.from(text), '/nowhere');
  if (!reading.ok) throw new Error('the configuration has faults');
  let out = '';
  const context = {
    clock: { ...systemClock, wall: () => wall },
    env,
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
  return JSON.parse(out).findings;
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

it('says of every alert source what its alerts prove', async () => {
  const alerts = async (auth: string, host = '127.0.0.1') => {
    const text = broken('scheme: bearer', auth).replace('intake:\n', `intake:\n  host: "${host}"\n`);
    const [found, ...more] = (await examine(text)).filter(({ check }) => check === 'alerts');
    expect(more).toEqual([]);
    return [found?.verdict, found?.detail];
  };
  const hmac = 'scheme: hmac\n        header: X-Sum';
  const timed = '\n        signed: "{timestamp}.{body}"\n        timestampHeader: X-Time';
  expect(await alerts('scheme: gitlab')).toEqual(['ok', 'From monitoring (gitlab): signed body + time.']);
  expect(await alerts(hmac)).toEqual(['ok', 'From monitoring (hmac): signed body, replayable.']);
  expect(await alerts(hmac + timed)).toEqual(['ok', 'From monitoring (hmac): signed body + time.']);
  const bearer = 'From monitoring (bearer): shared secret in a header.';
  for (const host of ['127.0.0.1', 'localhost', '::1'])
    expect(await alerts('scheme: bearer', host)).toEqual(['ok', bearer]);
  for (const host of ['0.0.0.0', '::', '192.0.2.7'])
    expect(await alerts('scheme: bearer', host)).toEqual([
      'warning',
      `${bearer} Intake listens at ${host} without TLS: whoever is on the way can read it.`,
    ]);
  expect(await alerts('scheme: secret-path')).toEqual([
    'warning',
    'From monitoring (secret-path): secret in the URL: appears in logs.',
  ]);
});

it('says whether intake can speak TLS, and until when', async () => {
  const { server, expired } = JSON.parse(
    await readFile(new URL('../alerts/samples/tls-test-keys.json', import.meta.url), 'utf8'),
  );
  const folder = await mkdtemp(join(tmpdir(), 'pc-tls-'));
  const tls = `intake:\n  host: 0.0.0.0\n  tls: {certificate: ${folder}/c.pem, key: ${folder}/c.key}\n`;
  const said = async (wall: number) => {
    const findings = await examine(broken('intake:\n', tls), {}, wall);
    return ['tls', 'alerts'].map((wanted) => findings.find(({ check }) => check === wanted));
  };
  const put = async (pair: { certificate: string; key: string }) => {
    await writeFile(join(folder, 'c.pem'), pair.certificate);
    await writeFile(join(folder, 'c.key'), pair.key);
  };
  await put(expired);
  expect(await said(Date.UTC(2000, 6, 1))).toMatchObject([
    { verdict: 'ok', detail: 'Intake speaks TLS with a certificate that ends 2001-01-01T00:00:00.000Z.' },
    // Nobody on the way can read it.
    { verdict: 'ok' },
  ]);
  expect(await said(Date.UTC(2000, 11, 15))).toMatchObject([{ verdict: 'warning' }, {}]);
  await put({ ...server, certificate: expired.certificate });
  expect(await said(0)).toMatchObject([
    { verdict: 'bad', detail: expect.stringContaining('`intake.tls.key` is a key that does not fit the certificate') },
    {},
  ]);
  await rm(folder, { recursive: true });
});

it('says when the last certificate of Amazon SNS is about to end', async () => {
  const samples = new URL('../alerts/samples/', import.meta.url);
  const { pairs } = JSON.parse(await readFile(new URL('sns-test-keys.json', samples), 'utf8'));
  const vectors = JSON.parse(await readFile(new URL('signature-vectors.json', samples), 'utf8'));
  const env = { OLD: vectors.find(({ id }: { id: string }) => id === 'sns-v1').secret, NEW: pairs[0].certificate };
  const auth = 'scheme: aws-sns\n        topics: ["arn:aws:sns:eu-central-1:123456789012:alerts"]';
  const alerts = async (secrets: string, wall: number) => {
    const text = broken('scheme: bearer', auth).replace('- file: token', secrets);
    return (await examine(text, env, wall)).find(({ check }) => check === 'alerts');
  };
  const soon = Date.UTC(2022, 7, 1);
  expect(await alerts('- env: OLD', soon)).toMatchObject({
    verdict: 'warning',
    detail: expect.stringContaining('Its last certificate ends 2022-08-17T23:59:59.000Z'),
  });
  expect(await alerts('- env: OLD', Date.UTC(2022, 6, 1))).toMatchObject({ verdict: 'ok' });
  expect(await alerts('- env: OLD\n          - env: NEW', soon)).toMatchObject({ verdict: 'ok' });
  expect(await alerts('- env: ABSENT', soon)).toMatchObject({ verdict: 'ok' });
});

it('names the alert sources whose silence nobody would notice', async () => {
  const found = async (text: string) => (await examine(text)).filter(({ check }) => check === 'heartbeats');
  expect(await found(SOUND)).toEqual([
    {
      check: 'heartbeats',
      verdict: 'warning',
      detail: 'Nobody would notice the silence of monitoring.',
      remedy: 'Give each a `heartbeat`, or `none` where silence means nothing: docs/heartbeats.md.',
    },
  ]);
  const decided = broken('format: alertmanager', 'format: alertmanager\n      heartbeat: none');
  expect(await found(decided)).toMatchObject([{ verdict: 'ok', detail: expect.stringContaining('no heartbeat') }]);
  const watched = broken('format: alertmanager', 'format: alertmanager\n      heartbeat: {every: 5m}');
  expect(await found(watched)).toMatchObject([
    { verdict: 'ok', detail: 'monitoring: every 5m, silence: degrade after 3d.' },
  ]);
});

it('says whether working copies are plaintext at rest, wherever they are to lie', async () => {
  const found = async (text: string) => (await examine(text)).find(({ check }) => check === 'working copies');
  // Which of the two depends on the machine; `atRest` has its own tests.
  expect((await found(SOUND))?.detail).toMatch(/^(Whether )?\/nowhere\/state\/work .*at rest/);
  const named = broken('state: state', 'state: state\n  work: copies');
  expect(await found(named)).toMatchObject({
    verdict: 'bad',
    detail: '/nowhere/copies does not exist, and is not made: its volume may not be mounted.',
  });
  const there = broken('state: state', `state: state\n  work: ${tmpdir()}`);
  expect((await found(there))?.detail).toMatch(/at rest/);
});
