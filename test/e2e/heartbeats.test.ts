import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import type { LedgerEntry } from '../../daemon/ledger/ports.ts';
import { Appliance, NO_WINDOW, OFTEN } from './appliance.ts';

/** What alert sources send, and that they send nothing: over the real processes. */
let appliance: Appliance;
const token = randomBytes(24).toString('hex');
const rules = [
  { id: 'wipe', reason: 'An agent wipes.', when: { path: ['labels', 'alertname'], op: 'eq', value: 'AgentWipes' } },
];

afterEach(() => appliance.destroy());

async function start(windows: readonly Record<string, unknown>[], heartbeat: Record<string, unknown>): Promise<void> {
  appliance = new Appliance();
  writeFileSync(appliance.at('token'), token, { mode: 0o600 });
  const auth = { scheme: 'bearer', secrets: [{ file: 'token' }] };
  await appliance.create({
    windows,
    sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 1, 1000) }],
    alerts: [
      { name: 'alertmanager', format: 'alertmanager', auth, rules, heartbeat },
      { name: 'spare', format: 'json', auth },
      { name: 'agents', format: 'tool-hook', auth, heartbeat: 'none' },
    ],
  });
  await appliance.start();
}

async function send(path: string, body: object = {}, secret = token): Promise<number> {
  const { status } = await fetch(`http://127.0.0.1:${appliance.intakePort}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(body),
  });
  return status;
}

const page = (path: string) => fetch(`http://127.0.0.1:${appliance.pagePort}${path}`);
/** As Alertmanager 0.28 sends it. */
const alertOf = (alertname: string, annotations: object = {}) => ({
  version: '4',
  groupKey: `{}:{alertname="${alertname}"}`,
  status: 'firing',
  alerts: [
    { status: 'firing', labels: { alertname }, annotations, fingerprint: 'a1b2', startsAt: '2026-01-01T00:00:00Z' },
  ],
});

it('what arrives is in the ledger, the command line, the metrics and the API, without its secrets', async () => {
  await start([NO_WINDOW], { every: '5m' });
  expect(await send('/heartbeat/alertmanager')).toBe(202);
  expect(await send('/alerts/alertmanager', alertOf('Watchdog'))).toBe(202);
  expect(await send('/alerts/alertmanager', alertOf('AgentWipes', { password: 'hunter2' }))).toBe(202);
  expect(await send('/alerts/alertmanager', {}, 'wrong')).toBe(401);
  const listed = await appliance.until('all of it is listed', 20, async () => {
    const { out } = await appliance.cli('alerts', 'list', '--json');
    const { alerts } = JSON.parse(out) as { alerts: Record<string, unknown>[] };
    return alerts.length >= 4 ? alerts : undefined;
  });
  expect(listed.map(({ outcome }) => outcome)).toEqual(['refused', 'tripped', 'matched-none', 'heartbeat']);
  const [refused, tripped, watchdog, heartbeat] = listed;
  expect(tripped).toMatchObject({
    source: 'alertmanager',
    rule: 'wipe',
    detail: 'An agent wipes.',
    latencyMs: expect.any(Number),
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    payload: expect.stringContaining('"password":"[redacted]"'),
  });
  expect(watchdog?.['payload']).toContain('"alertname":"Watchdog"');
  expect(refused).not.toHaveProperty('payload');
  expect(heartbeat).not.toHaveProperty('payload');
  expect((await appliance.cli('alerts', 'list', '--source', 'alertmanager')).out).toMatch(/ tripped +wipe /);
  expect((await appliance.cli('alerts', 'list', '--source', 'spare')).out).toBe('Nothing has arrived yet.\n');

  const { entries } = (await (await page('/api/v1/alerts?limit=2')).json()) as { entries: LedgerEntry[] };
  expect(entries.map(({ type }) => type)).toEqual(['alert.refused', 'alert.tripped']);
  expect(entries[1]?.data['payload']).toBe(tripped?.['payload']);
  expect((await page('/api/v1/alerts?kind=x')).status).toBe(400);
  const metrics = await (await page('/metrics')).text();
  for (const outcome of ['refused', 'tripped', 'matched-none', 'heartbeat'])
    expect(metrics).toContain(`portcullis_alerts_total{source="alertmanager",outcome="${outcome}"} 1\n`);
  expect(metrics).toContain('portcullis_trip_seconds_count 1\n');
  expect(metrics).toMatch(/^portcullis_source_last_heard_timestamp_seconds\{source="alertmanager"\} \d+\.?\d*$/m);
  expect(metrics).toContain('portcullis_source_silent{source="alertmanager"} 0\n');
  // Nothing of it lies in the ledger's file either.
  expect((await appliance.cli('ledger', 'export')).out).not.toContain('hunter2');
  expect((await appliance.cli('doctor')).out).toContain('Nobody would notice the silence of spare.');
  const status = JSON.parse((await appliance.cli('status', '--json')).out);
  expect(status.keeper.alertSources).toMatchObject([
    { name: 'alertmanager', state: 'alive', lastHeardWall: expect.any(Number) },
    { name: 'spare', state: 'unwatched' },
    { name: 'agents', state: 'unwatched' },
  ]);
  expect(status.keeper.attention).toContain('Nobody would notice the silence of spare: no `heartbeat` is configured.');
}, 60_000);

it('silence blocks connecting, over a restart too; refused requests do not end it, an alert that matches nothing does', async () => {
  await start([OFTEN], { every: '10s', silence: 'block' });
  const held = async () => {
    const view = (await appliance.status())?.gate?.view;
    return view && !view.interlocks.some(({ name, ok }) => name === 'silent-source' && !ok);
  };
  await appliance.until(
    'a window is used while it is not silent yet',
    40,
    async () => (await appliance.status())?.sources[0]?.lastSnapshot,
  );
  await appliance.until('the gate holds it silent', 60, async () => ((await held()) === false ? true : undefined));
  // Whatever was connected then is isolated, and the gate's account of it is in the ledger.
  await appliance.until('it is isolated', 20, async () =>
    (await appliance.status())?.gate?.view.link === 'isolated' ? true : undefined,
  );
  expect(await appliance.status()).toMatchObject({
    alertSources: [{ state: 'silent', blocks: true }, { state: 'unwatched' }, { state: 'unwatched' }],
    attention: [expect.stringContaining('alertmanager is silent, never heard'), expect.stringContaining('spare')],
  });
  expect((await appliance.cli('status')).out).toContain('SILENT, blocks');
  expect(await (await page('/metrics')).text()).toContain('portcullis_interlock{name="silent-source"} 0\n');
  const connections = async () => (await appliance.ledger()).filter(({ type }) => type === 'gate.connecting').length;
  const before = await connections();

  await appliance.stop();
  await appliance.start();
  await appliance.until('the next keeper holds it silent', 20, async () =>
    (await held()) === false ? true : undefined,
  );
  expect(await send('/alerts/alertmanager', {}, 'wrong')).toBe(401);
  expect(await send('/heartbeat/spare')).toBe(202);
  const wall = Date.now();
  await appliance.until('a window has gone by unused', 40, async () => {
    const window = (await appliance.status())?.lastWindow;
    return window !== undefined && window.startWall > wall ? window : undefined;
  });
  expect(await held()).toBe(false);
  expect(await connections()).toBe(before);

  expect(await send('/alerts/alertmanager', alertOf('Watchdog'))).toBe(202);
  await appliance.until('it holds again', 10, async () => ((await held()) ? true : undefined));
  await appliance.until('it connects again', 40, async () => {
    await send('/alerts/alertmanager', alertOf('Watchdog'));
    return (await connections()) > before ? true : undefined;
  });
  const types = (await appliance.ledger()).map(({ type }) => type).filter((type) => type.startsWith('heartbeat.'));
  expect(types.filter((type) => type !== 'heartbeat.known')).toEqual([
    'heartbeat.expected',
    'heartbeat.missing',
    'heartbeat.back',
  ]);
}, 240_000);
