import { afterEach, describe, expect, it } from 'vitest';
import { Appliance, kill, NO_WINDOW, OFTEN } from './appliance.ts';

/**
 * SIGKILL of each process while connected. The relay is read from the board, a process that shares nothing with the
 * victims but its dead-man. 1.5 s is a promise of the product, not a guess about this machine.
 */
const LIMIT_MS = 1500;
const appliances: Appliance[] = [];

afterEach(async () => {
  await Promise.all(appliances.splice(0).map((appliance) => appliance.destroy()));
});

async function connected(): Promise<Appliance> {
  const appliance = new Appliance();
  appliances.push(appliance);
  const documents = appliance.folder('documents', 5, 50_000);
  await appliance.create({ sources: [{ name: 'documents', kind: 'directory', path: documents }] });
  await appliance.start();
  await appliance.until(
    'a first snapshot is committed',
    40,
    async () => (await appliance.status())?.sources[0]?.lastSnapshot,
  );
  await appliance.stop();
  // From here on only a person connects, and stays connected.
  appliance.configure({ windows: [NO_WINDOW], sources: [{ name: 'documents', kind: 'directory', path: documents }] });
  await appliance.start();
  await appliance.connect(60);
  expect(appliance.relay()).toBe('1');
  expect(appliance.vaultIsThere()).toBe(true);
  return appliance;
}

async function untilOff(appliance: Appliance, victims: readonly number[]): Promise<number> {
  expect(victims.length).toBeGreaterThan(0);
  const from = performance.now();
  for (const pid of victims) kill(pid, 'SIGKILL');
  await appliance.until('the relay is off', 10, () => (appliance.relay() === '0' ? true : undefined));
  const ms = performance.now() - from;
  await appliance.until('the vault is gone', 1, () => (appliance.vaultIsThere() ? undefined : true));
  return ms;
}

/** Nothing committed is lost, and the next window completes. */
async function recovers(appliance: Appliance, restart: boolean): Promise<void> {
  const before = (await appliance.ledger())
    .filter(({ type }) => type === 'snapshot.committed')
    .map(({ data }) => data['snapshot']);
  expect(before.length).toBeGreaterThan(0);
  if (!restart) await appliance.stop();
  appliance.folder('documents', 7, 60_000);
  appliance.configure({
    windows: [OFTEN],
    sources: [{ name: 'documents', kind: 'directory', path: appliance.at('documents') }],
  });
  await appliance.start();
  // More windows than before: somebody at the box accepts them.
  expect((await appliance.accept()).code).toBe(0);
  const window = await appliance.until('the next window is complete', 60, async () => {
    const status = await appliance.status();
    return status?.lastWindow?.outcome === 'complete' &&
      status.gate?.view.link === 'isolated' &&
      (status.sources[0]?.lastSnapshot?.files ?? 0) >= 7
      ? status.lastWindow
      : undefined;
  });
  expect(window.bytes).toBeGreaterThan(0);
  const disk = ['--store', appliance.at('board', 'disk'), '--key', appliance.at('recovery.key')];
  const listed = JSON.parse((await appliance.cli('snapshots', ...disk, '--json')).out) as { snapshot: string }[];
  expect(listed.map(({ snapshot }) => snapshot)).toEqual(expect.arrayContaining(before));
  const verified = await appliance.cli('verify', ...disk, '--read-data');
  expect(verified.code, verified.err).toBe(0);
  const ledger = await appliance.cli('ledger', 'verify');
  expect(ledger.code, ledger.err).toBe(0);
}

describe('SIGKILL while connected', () => {
  for (const name of ['gate', 'intake', 'keeper'] as const) {
    it(`of the ${name}: off within ${LIMIT_MS} ms, and the next window completes`, async () => {
      const appliance = await connected();
      const ms = await untilOff(appliance, appliance.processes(name));
      console.log(`SIGKILL of the ${name}: relay off after ${ms.toFixed(0)} ms`);
      expect(ms).toBeLessThan(LIMIT_MS);
      await recovers(appliance, false);
    }, 120_000);
  }

  for (const [title, names] of [
    ['the supervisor', ['portcullis']],
    ['the supervisor and the gate', ['portcullis', 'gate']],
  ] as const) {
    it(`of ${title}: off within ${LIMIT_MS} ms, and the next window completes`, async () => {
      const appliance = await connected();
      const ms = await untilOff(
        appliance,
        names.flatMap((name) => appliance.processes(name)),
      );
      console.log(`SIGKILL of ${title}: relay off after ${ms.toFixed(0)} ms`);
      expect(ms).toBeLessThan(LIMIT_MS);
      await appliance.until('its children have noticed', 10, () =>
        appliance.processes('keeper').length === 0 ? true : undefined,
      );
      await recovers(appliance, true);
    }, 120_000);
  }

  it('of ship in mid-ship: isolated, and the next window finishes what it began', async () => {
    const appliance = new Appliance();
    appliances.push(appliance);
    const sources = [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 5, 50_000) }];
    await appliance.create({ sources });
    await appliance.start();
    await appliance.until(
      'a first snapshot is committed',
      40,
      async () => (await appliance.status())?.sources[0]?.lastSnapshot,
    );
    appliance.folder('documents', 24, 8 << 20);
    const pid = await appliance.until('ship is shipping', 60, async () => {
      const source = (await appliance.status())?.sources[0];
      return source?.state === 'shipping' && (source.progress?.bytes ?? 0) > 1 << 20
        ? appliance.processes('ship')[0]
        : undefined;
    });
    const ms = await untilOff(appliance, [pid]);
    console.log(`SIGKILL of ship: relay off after ${ms.toFixed(0)} ms`);
    expect(ms).toBeLessThan(LIMIT_MS);
    await recovers(appliance, false);
  }, 180_000);

  it('of seal: the link is none of its business, and the next window completes', async () => {
    const appliance = await connected();
    await appliance.stop();
    const documents = { name: 'documents', kind: 'directory', path: appliance.at('documents') };
    const slow = { name: 'slow', kind: 'command', command: ['sh', '-c', 'echo begun; sleep 30; echo done'] };
    appliance.configure({ windows: [NO_WINDOW], sources: [documents, slow] });
    await appliance.start();
    await appliance.connect(60);
    const sync = appliance.cli('sync', '--source', 'slow');
    const pid = await appliance.until('seal runs', 20, () => appliance.processes('seal')[0]);
    kill(pid, 'SIGKILL');
    const { code, err } = await sync;
    expect(code).toBe(1);
    expect(err).toContain('seal');
    expect(appliance.relay()).toBe('1');
    expect((await appliance.status())?.gate?.view.link).toBe('connected');
    await recovers(appliance, false);
  }, 120_000);
});
