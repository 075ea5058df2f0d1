import { readdirSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { DRIVERS, type Driver, RUNTIME } from './box.ts';
import { labRig, sim } from './rig.ts';
import { row } from './rows.ts';

const { box } = labRig();

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly detail: string;
}

/** What covers each failure on this very box. */
async function doctor(): Promise<Record<string, string>> {
  const { out } = await box.cli('doctor', '--json');
  const { findings } = JSON.parse(out.slice(out.indexOf('{'))) as { findings: Finding[] };
  return Object.fromEntries(findings.map(({ check, verdict, detail }) => [check, `${verdict}: ${detail}`]));
}

const RELEASED = 'the kernel releases the line with its holder';
const HELPER = 'off-helper run by systemd';

/** With nothing but the layers that differ: no dead-man circuit. */
async function answers(driver: Driver, persist: boolean): Promise<Record<string, string>> {
  sim.persist(persist);
  await box.install(driver, { heartbeat: false });
  await box.start();
  return await doctor();
}

test('the doctor tells the drivers apart, and what is there from what is not', async () => {
  const told: Record<string, Record<string, string>> = {};
  for (const driver of DRIVERS)
    for (const persist of [false, true]) told[`${driver} ${persist}`] = await answers(driver, persist);
  const kill = (name: string) => told[name]?.['SIGKILL'] ?? '';
  // Only a line of the character device, and only where outputs do not persist, falls with its holder.
  expect(kill('gpiochip false')).toContain(RELEASED);
  for (const name of ['gpiochip true', 'onoff false', 'onoff true']) expect(kill(name), name).not.toContain(RELEASED);
  for (const all of Object.values(told)) {
    expect(all['SIGKILL']).toMatch(/^ok: /);
    expect(all['SIGKILL']).toContain(HELPER);
    expect(all['hang']).toContain('ok: systemd watchdog');
    expect(all['kernel hang']).toContain('ok: hardware watchdog');
    expect(all['welded contact']).toContain('second relay');
  }
  expect(told['gpiochip false']?.['board']).toContain('gpiochip');
  expect(told['onoff false']?.['board']).toContain('onoff');
  // What the unit covers is there only while the unit is.
  await box.stop();
  const stopped = await doctor();
  expect(stopped['SIGKILL']).toMatch(/^bad: .*NOT SAFE/);
  expect(stopped['hang']).toMatch(/^bad: .*NOT SAFE/);
  for (const driver of DRIVERS)
    row(
      `doctor on ${driver}, outputs released: SIGKILL`,
      'its own, true answer',
      told[`${driver} false`]?.['SIGKILL'] ?? '',
    );
}, 600_000);

test('each socket of the gate belongs to its group, and intake reaches none but its own', async () => {
  await box.install('gpiochip');
  await box.start();
  // The keeper's two come when it is ready.
  await vi.waitFor(() => expect(readdirSync(RUNTIME)).toHaveLength(5), { timeout: 120_000, interval: 100 });
  const { out } = await box.shell('stat -c "%n %U %G %a" /run/portcullis /run/portcullis/*');
  expect(out.trim().split('\n')).toEqual([
    '/run/portcullis root root 711',
    '/run/portcullis/admin root portcullis-admin 660',
    '/run/portcullis/control root portcullis-control 660',
    '/run/portcullis/lease root portcullis-lease 660',
    '/run/portcullis/records root portcullis-records 660',
    '/run/portcullis/trip root portcullis-trip 660',
  ]);
  const reach = async (name: string) => {
    const script = `require('node:net').connect('/run/portcullis/${name}').on('connect', () => process.exit(0)).on('error', (e) => { console.log(e.code); process.exit(1); })`;
    const as =
      'setpriv --reuid portcullis-intake --regid portcullis-intake --groups portcullis-trip,portcullis-records';
    return (await box.shell(`${as} node -e "${script}"`)).out.trim();
  };
  for (const name of ['trip', 'records']) expect(await reach(name), name).toBe('');
  for (const name of ['lease', 'admin', 'control']) expect(await reach(name), name).toBe('EACCES');
  row('sockets: one group each, and intake reaches trip and records alone', 'EACCES elsewhere', 'EACCES elsewhere');
}, 300_000);
