import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BoxFacts } from '../../daemon/board/coverage.ts';
import type { NetworkFacts } from '../../daemon/config/board-rules.ts';
import { writeIdentity } from '../../daemon/config/state.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { runCommand } from './context.ts';

let folder: string;
let file: string;
let out: string;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-cli-'));
  file = at('portcullis.yaml');
});
afterEach(() => rm(folder, { recursive: true }));

const BOX: BoxFacts = {
  outputsPersist: false,
  offHelper: true,
  serviceWatchdog: true,
  hardwareWatchdog: true,
  missing: [],
  uncounted: [],
};
const NETWORK: NetworkFacts = {
  addresses: { eth0: ['192.0.2.1'], eth1: ['198.51.100.7'] },
  defaultRoutes: ['eth0'],
  timeServers: [],
  unknown: [],
};

async function cli(args: string[], box = BOX, network = NETWORK): Promise<number> {
  const ran = await runCommand([...args, '--config', file], {
    clock: new FakeClock(),
    boxFacts: async () => box,
    networkFacts: async () => network,
  });
  out = ran.out + ran.err;
  return ran.code;
}

const gpio = (line: number) => ({ driver: 'gpiochip', chip: 'pinctrl-bcm2711', line });
const UPLINK = { relay: { ...gpio(13), chip: 'pinctrl-rp1' }, contact: gpio(19), interface: 'eth1' };
const BUTTON = { button: gpio(25) };

async function configure(board: Record<string, unknown>, rest: Record<string, unknown> = {}): Promise<void> {
  const config = {
    appliance: { state: 'state', runtime: 'run' },
    board: { driver: 'hardware', relay: gpio(17), ...board },
    windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
    vault: { store: { kind: 'directory', path: 'vault' } },
    sources: [{ name: 'documents', kind: 'directory', path: 'documents' }],
    ...rest,
  };
  await writeFile(file, JSON.stringify(config, null, 1));
  await mkdir(at('state'), { recursive: true });
  await writeIdentity(at('state/appliance.json'), {
    version: 1,
    id: 'a',
    vaultId: 'b',
    verifyKey: 'c',
    recipients: [],
  });
}

interface Row {
  readonly check: string;
  readonly verdict: string;
  readonly detail: string;
}
async function doctor(box = BOX, network = NETWORK): Promise<(check: string) => Row | undefined> {
  await cli(['doctor', '--json'], box, network);
  const { findings } = JSON.parse(out) as { findings: Row[] };
  return (check) => findings.find((row) => row.check === check);
}

describe('config apply', () => {
  it('writes beside the configuration what the off-helper reads, every relay on its own chip, for everybody to read', async () => {
    await configure({ relay2: gpio(27), uplink: UPLINK });
    expect(await cli(['config', 'apply']), out).toBe(0);
    const entries = (await readFile(at('relay-off.env'), 'utf8')).split('\n').filter((line) => /^[A-Z]/.test(line));
    expect(entries).toEqual(['CHIP_LABEL=pinctrl-bcm2711', 'LINE=17', 'LINE=27', 'CHIP_LABEL=pinctrl-rp1', 'LINE=13']);
    expect((await stat(at('relay-off.env'))).mode & 0o777).toBe(0o644);
  });

  it('keeps the lines of the board before where a running gate still drives it, and drops them once it does not', async () => {
    await configure({});
    expect(await cli(['config', 'apply']), out).toBe(0);
    await mkdir(at('run'), { recursive: true });
    const gate = createServer((socket) =>
      socket.on('data', (chunk) => {
        for (const line of String(chunk).trim().split('\n')) {
          const { type, id } = JSON.parse(line) as { type: string; id: number };
          if (type !== 'apply') continue;
          socket.end(`${JSON.stringify({ type: 'denied', id, reason: 'The board is another one.' })}\n`);
        }
      }),
    );
    await new Promise<void>((resolve) => gate.listen(at('run/admin'), resolve));
    const lines = async () =>
      [...(await readFile(at('relay-off.env'), 'utf8')).matchAll(/^LINE=(\d+)/gm)].map(([, n]) => n);
    await configure({ relay: gpio(20) });
    expect(await cli(['config', 'apply']), out).toBe(3);
    expect(await lines()).toEqual(['20', '17']);
    // Asked once more it forgets nothing either.
    expect(await cli(['config', 'apply']), out).toBe(3);
    expect(await lines()).toEqual(['20', '17']);
    await new Promise((resolve) => gate.close(resolve));
    expect(await cli(['config', 'apply']), out).toBe(0);
    expect(await lines()).toEqual(['20']);
  });

  it('writes none for the simulated board, and none where there are faults', async () => {
    await configure({}, { board: { driver: 'simulated', directory: 'board' } });
    expect(await cli(['config', 'apply']), out).toBe(0);
    await configure({ relay2: gpio(17) });
    expect(await cli(['config', 'apply'])).toBe(2);
    await expect(stat(at('relay-off.env'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses intake and time behind the uplink, as this machine is', async () => {
    await configure({ uplink: UPLINK }, { intake: { host: '198.51.100.7' } });
    for (const verb of ['check', 'apply']) {
      expect(await cli(['config', verb], BOX, { ...NETWORK, defaultRoutes: ['eth1'] })).toBe(2);
      expect(out).toContain("an address of the uplink's interface eth1");
      expect(out).toContain('the default route goes');
    }
    await configure({ uplink: UPLINK });
    expect(await cli(['config', 'check']), out).toBe(0);
  });
});

describe('doctor', () => {
  it('exits 1 and says NOT SAFE with the reasons while a failure has nothing', async () => {
    await configure({ relay2: gpio(27), ...BUTTON });
    const missing = ['The relay needs the GPIO chip labelled pinctrl-bcm2711: this machine has no GPIO chip.'];
    expect(await cli(['doctor'], { ...BOX, missing })).toBe(1);
    for (const failure of ['SIGKILL', 'hang', 'kernel hang', 'power loss', 'welded contact', 'stuck driver'])
      expect(out).toMatch(new RegExp(`BAD  ${failure} .*NOT SAFE\\. The relay needs the GPIO chip`));
    expect((await doctor())('SIGKILL')).toMatchObject({ verdict: 'ok' });
    const told = 'The off-helper does not count: it names other lines.';
    const box = { ...BOX, outputsPersist: true, offHelper: false, uncounted: [told] };
    const rows = await doctor(box);
    expect(rows('SIGKILL')).toMatchObject({ verdict: 'bad', detail: expect.stringContaining(told) });
    expect(rows('hang')).toMatchObject({ verdict: 'bad' });
  });

  it("counts the button's pole only where the coil supply is sensed", async () => {
    await configure(BUTTON);
    let rows = await doctor();
    expect(rows('coil supply')).toMatchObject({ verdict: 'warning', detail: expect.stringContaining('Not sensed') });
    expect(rows('stuck driver')).toMatchObject({ verdict: 'bad' });
    await configure({ ...BUTTON, supply: gpio(16) });
    rows = await doctor();
    expect(rows('coil supply')).toMatchObject({ verdict: 'ok' });
    expect(rows('stuck driver')).toMatchObject({ verdict: 'ok' });
  });

  it('looks at what sits behind the uplink, and says what it cannot tell', async () => {
    await configure({ uplink: UPLINK });
    expect((await doctor())('uplink')).toMatchObject({ verdict: 'ok' });
    expect((await doctor())('stuck uplink')).toMatchObject({ verdict: 'ok' });
    expect((await doctor(BOX, { ...NETWORK, defaultRoutes: ['eth1'] }))('uplink')).toMatchObject({ verdict: 'bad' });
    const unknown = { ...NETWORK, unknown: ['The routes cannot be read.'] };
    expect((await doctor(BOX, unknown))('uplink')).toMatchObject({
      verdict: 'warning',
      detail: 'The routes cannot be read.',
    });
    const absent = { ...NETWORK, addresses: {} };
    expect((await doctor(BOX, absent))('uplink')).toMatchObject({
      verdict: 'warning',
      detail: expect.stringContaining('eth1 has no address now'),
    });
    await configure({});
    expect((await doctor())('uplink')).toMatchObject({ verdict: 'ok', detail: 'There is none.' });
  });

  it('of the simulated board it says that nothing real is isolated', async () => {
    await configure({}, { board: { driver: 'simulated', directory: 'board', uplink: true } });
    const rows = await doctor();
    expect(rows('kernel hang')).toMatchObject({ verdict: 'bad', detail: expect.stringContaining('NOT SAFE') });
    expect(rows('uplink')).toMatchObject({ verdict: 'ok' });
  });
});
