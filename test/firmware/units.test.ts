import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../architecture/tree.ts';
import { present } from './tools.ts';

const FOLDER = join(ROOT, 'systemd');
const names = readdirSync(FOLDER).filter((name) => /\.(service|target)$/.test(name));
const text = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const home = mkdtempSync(join(tmpdir(), 'pc-units-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What systemd says of the units as they would be once installed: only the programs are others, which are here. */
function verify(change: (name: string, unit: string) => string = (_name, unit) => unit): string {
  for (const name of names) {
    const here = text(name)
      .replaceAll('/usr/lib/portcullis/portcullis-relay-off', '/bin/true')
      .replaceAll('/usr/bin/node', process.execPath);
    writeFileSync(join(home, name), change(name, here));
  }
  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', ...names.map((name) => join(home, name))],
    { encoding: 'utf8' },
  );
  return `${status} ${stdout}${stderr}`.trim();
}

const systemd = present('systemd-analyze', 'It comes with systemd.');

describe('the units', () => {
  it.skipIf(!systemd)('systemd finds nothing to say', () => expect(verify()).toBe('0'));

  it.skipIf(!systemd)('and would say it', () => {
    expect(
      verify((name, unit) => (name === 'portcullis-gate.service' ? `${unit}\n[Service]\nWatchdogSex=1` : unit)),
    ).toContain('WatchdogSex');
  });

  const gate = text('portcullis-gate.service').split('\n');
  it.each([
    'Type=notify',
    'NotifyAccess=main',
    'WatchdogSec=600ms',
    'WatchdogSignal=SIGKILL',
    'LimitCORE=0',
    'Restart=always',
    'RestartSec=100ms',
    'StartLimitIntervalSec=0',
    'ExecStopPost=+/usr/lib/portcullis/portcullis-relay-off',
    'PrivateNetwork=yes',
  ])("the gate's has %s, without which a death can leave the relay energised", (line) => expect(gate).toContain(line));

  it("Node knows every option of the gate's: one that it does not know would keep the gate from starting", () => {
    const [, ...words] = gate.find((line) => line.startsWith('ExecStart='))?.split(' ') ?? [];
    const options = words.filter((word) => word.startsWith('--'));
    expect(options).toEqual(['--jitless', '--single-threaded-gc', '--no-flush-bytecode']);
    const { status, stdout } = spawnSync(process.execPath, [...options, '-p', '6 * 7'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '42\n' });
  });

  it('the keeper never takes the processor from a gate that is in the middle of something', () => {
    expect(text('portcullis-keeper.service').split('\n')).toContain('CPUSchedulingPolicy=batch');
  });

  it.each(names.filter((name) => name.endsWith('.service')))('%s sets nothing that breaks it', (name) => {
    const set = text(name)
      .split('\n')
      .filter((line) => /^\w+=/.test(line));
    expect(set.filter((line) => line.startsWith('MemoryDenyWriteExecute='))).toEqual([]);
    if (name === 'portcullis-gate.service')
      expect(set.filter((line) => /^(PrivateDevices|ProtectKernelTunables|ProtectClock)=/.test(line))).toEqual([]);
    expect(set).toContain('StartLimitIntervalSec=0');
  });

  it('intake may write in a directory of its own, and nowhere else', () => {
    const set = text('portcullis-intake.service').split('\n');
    for (const line of ['StateDirectory=portcullis-intake', 'StateDirectoryMode=0700', 'ProtectSystem=strict'])
      expect(set).toContain(line);
    expect(set.filter((line) => line.startsWith('ReadWritePaths='))).toEqual([]);
  });

  it('no unit gives intake another socket than the two it needs', () => {
    expect(text('portcullis-intake.service')).toContain('SupplementaryGroups=portcullis-trip portcullis-records\n');
  });
});
