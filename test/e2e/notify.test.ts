import { writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { httpReceiver } from '../notify/receivers.ts';
import { Appliance, NO_WINDOW } from './appliance.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

it('tells of a trip, and of the reset, over the real processes; the address stays a secret', async () => {
  const ops = await httpReceiver();
  cleanUps.push(() => ops.stop());
  const appliance = new Appliance();
  cleanUps.push(() => appliance.destroy());
  writeFileSync(appliance.at('ops.url'), `${ops.url}\n`, { mode: 0o600 });
  await appliance.create({
    sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 1, 10) }],
    windows: [NO_WINDOW],
    notify: { targets: [{ name: 'ops', kind: 'webhook', url: { file: appliance.at('ops.url') }, least: 'info' }] },
  });
  const tried = await appliance.cli('notify', 'test');
  expect(tried.code, tried.err).toBe(0);
  expect(tried.out).toBe('ops: delivered\n');
  await appliance.start();
  expect((await appliance.alert('destroy')).body).toMatchObject({ tripped: true });
  const told = () => ops.heard.map(({ body }) => JSON.parse(body) as { title: string; text: string; severity: string });
  const trip = await appliance.until('the trip is told', 20, () => told().find(({ severity }) => severity === 'alarm'));
  expect(trip.title).toContain('LOCKOUT');
  expect(trip.text).toContain('An agent destroys.');
  const reset = appliance.cli('reset');
  await appliance.until('the reset is announced', 10, async () =>
    (await appliance.status())?.gate?.view.presence.kind === 'pending' ? true : undefined,
  );
  await appliance.press(300);
  expect((await reset).code).toBe(0);
  await appliance.until('that it is over is told', 20, () =>
    told().find(({ title }) => title.startsWith('Over: LOCKOUT')),
  );
  await appliance.until('the ledger knows', 10, async () =>
    (await appliance.ledger()).some(({ type }) => type === 'notice.delivered') ? true : undefined,
  );
  expect(appliance.log).not.toContain('secret-path');
}, 120_000);
