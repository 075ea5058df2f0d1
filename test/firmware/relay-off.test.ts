import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { namesAllRelays, relayOffFile } from '../../daemon/board/relay-off.ts';
import { protocolOf } from '../../daemon/board/serial-boards.ts';
import { ROOT } from '../architecture/tree.ts';
import { eventually } from '../board/contract.ts';
import { noPty, type Pty, plug } from '../board/serial-pty.ts';
import { present } from './tools.ts';

const HELPER = join(ROOT, 'systemd/portcullis-relay-off');
const LABEL = 'pinctrl-bcm2711';
let home = '';
const at = (...names: string[]) => join(home, ...names);
const put = (name: string, text: string) => writeFileSync(at(name), text);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'portcullis-relay-off-'));
  for (const folder of ['tools', 'pins', 'sys/class/gpio']) mkdirSync(at(folder), { recursive: true });
  // Nothing but these and the shell's own: the helper must not depend on what else this machine has.
  for (const tool of ['timeout', 'head', 'cat']) {
    const found = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, at('tools', tool));
  }
  put('relay-off.env', `# Written by portcullis config apply\nCHIP_LABEL=${LABEL}\nLINE=17\n`);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function tool(name: string, body: string): void {
  put(`tools/${name}`, `#!/bin/sh\n${body}`);
  chmodSync(at('tools', name), 0o755);
}

/** libgpiod's tools over a folder of pins, each refusing the other version's arguments as the real ones do. */
function libgpiod(version: 1 | 2): void {
  const text = version === 1 ? 'v1.6.3' : 'v2.2.1';
  tool('gpiodetect', `printf 'gpiochip0 [raspberrypi-exp-gpio] (8 lines)\\ngpiochip4 [${LABEL}] (58 lines)\\n'`);
  const pin = `[ "$chip" = gpiochip4 ] || { echo "wrong chip $chip" >&2; exit 1; }
[ -e "${at('busy')}" ] && { echo "Device or resource busy" >&2; exit 1; }
[ -e "${at('hangs')}" ] && { kill -STOP $$; }`;
  tool(
    'gpioset',
    version === 1
      ? `[ "$1" = --version ] && { echo 'gpioset (libgpiod) ${text}'; exit; }
[ "$1" = --mode=exit ] && [ $# = 3 ] || exit 1
chip=$2; ${pin}
echo "\${3#*=}" >"${at('pins')}/\${3%=*}"; echo "set $3" >>"${at('calls')}"`
      : `[ "$1" = --version ] && { echo 'gpioset (libgpiod) ${text}'; exit; }
[ "$1" = --chip ] && [ "$3 $4" = "--toggle 0" ] && [ $# = 5 ] || exit 1
chip=$2; ${pin}
echo "\${5#*=}" >"${at('pins')}/\${5%=*}"; echo "set $5" >>"${at('calls')}"`,
  );
  const level = `[ -e "${at('stuck')}" ] && { echo 1; exit; }; cat "${at('pins')}/$line"; echo "get $line" >>"${at('calls')}"`;
  tool(
    'gpioget',
    version === 1
      ? `[ $# = 2 ] || exit 1; chip=$1 line=$2; ${pin}\n${level}`
      : `[ "$1" = --chip ] && [ "$3 $4" = "--as-is --numeric" ] && [ $# = 5 ] || exit 1; chip=$2 line=$5; ${pin}\n${level}`,
  );
}

/** Legacy sysfs, as far as plain files can be it. `exported` holds lines that a dead process left driven high. */
function sysfs(exported: readonly number[]): void {
  for (const [name, label, base, ngpio] of [
    ['gpiochip504', 'raspberrypi-exp-gpio', 504, 8],
    ['gpiochip512', LABEL, 512, 58],
  ] as const) {
    mkdirSync(at('sys/class/gpio', name));
    for (const [file, value] of Object.entries({ label, base, ngpio }))
      put(`sys/class/gpio/${name}/${file}`, `${value}\n`);
  }
  for (const line of exported) {
    mkdirSync(at(`sys/class/gpio/gpio${512 + line}`));
    for (const [file, value] of Object.entries({ active_low: 0, direction: 'out', value: 1 }))
      put(`sys/class/gpio/gpio${512 + line}/${file}`, `${value}\n`);
  }
}

function run(extra: NodeJS.ProcessEnv = {}): { status: number | null; log: string } {
  const { status, stdout, stderr } = spawnSync('/bin/sh', [HELPER, at('relay-off.env')], {
    encoding: 'utf8',
    env: { PATH: at('tools'), PORTCULLIS_SYSFS: at('sys'), ...extra },
  });
  expect(stdout).toBe('');
  return { status, log: stderr };
}
const pin = (line: number) => readFileSync(at('pins', String(line)), 'utf8').trim();
const calls = () => readFileSync(at('calls'), 'utf8').trim().split('\n');

describe('portcullis-relay-off', () => {
  for (const version of [1, 2] as const) {
    describe(`with libgpiod ${version}`, () => {
      beforeEach(() => libgpiod(version));

      it('drives the line of the labelled chip low and proves it', () => {
        put('pins/17', '1\n');
        const { status, log } = run();
        expect({ status, log }).toMatchObject({ status: 0 });
        expect(log).toContain(`line 17 of ${LABEL} is driven low and reads low`);
        expect(pin(17)).toBe('0');
        // Version 1 makes the line an input by reading it, so the last word is a drive.
        expect(calls()).toEqual(version === 1 ? ['set 17=0', 'get 17', 'set 17=0'] : ['set 17=0', 'get 17']);
      });

      it('drives as many lines as there are, on the chip named before each, and the next although one fails', () => {
        put('relay-off.env', `CHIP_LABEL=pinctrl-rp1\nLINE=5\nCHIP_LABEL=${LABEL}\nLINE=17\nLINE2=27\nLINE=13`);
        for (const line of [5, 17, 27, 13]) put(`pins/${line}`, '1\n');
        const { status, log } = run();
        expect(status).toBe(1);
        expect(log).toContain('line 5 of pinctrl-rp1 could NOT be proven low');
        expect([5, 17, 27, 13].map(pin)).toEqual(['1', '0', '0', '0']);
      });

      it('drives both lines, and the second although the first is none', () => {
        put('relay-off.env', `CHIP_LABEL=${LABEL}\nLINE=1x7\nLINE2=27`);
        put('pins/27', '1\n');
        const { status, log } = run();
        expect(status).toBe(1);
        expect(log).toContain('not the number of a line: 1x7');
        expect(pin(27)).toBe('0');
      });

      it.each(['stuck', 'busy'])('says so when the line is %s', (fault) => {
        put('pins/17', '1\n');
        put(fault, '');
        const { status, log } = run();
        expect(status).toBe(1);
        expect(log).toContain('could NOT be proven low');
      });

      it('is not held up by a tool that hangs', () => {
        put('pins/17', '1\n');
        put('hangs', '');
        const from = performance.now();
        expect(run().status).toBe(1);
        expect(performance.now() - from).toBeLessThan(15_000);
      }, 30_000);

      it('is not content with a chip of another label', () => {
        put('relay-off.env', 'CHIP_LABEL=pinctrl-rp1\nLINE=17\n');
        expect(run().status).toBe(1);
      });
    });
  }

  describe('with sysfs', () => {
    it('drives a line low that a dead process left exported and high', () => {
      sysfs([17]);
      // Plain files do not follow `direction`; what the pin then reads is put there beforehand, by both outcomes in turn.
      put('sys/class/gpio/gpio529/value', '0\n');
      expect(run().status).toBe(0);
      expect(readFileSync(at('sys/class/gpio/gpio529/direction'), 'utf8')).toBe('low\n');
      put('sys/class/gpio/gpio529/value', '1\n');
      expect(run().status).toBe(1);
    });

    it('undoes an inversion before it believes a reading', () => {
      sysfs([17]);
      put('sys/class/gpio/gpio529/active_low', '1\n');
      put('sys/class/gpio/gpio529/value', '0\n');
      expect(run().status).toBe(0);
      expect(readFileSync(at('sys/class/gpio/gpio529/active_low'), 'utf8')).toBe('0\n');
    });

    it('asks it before libgpiod, for which an exported line is busy', () => {
      libgpiod(1);
      put('busy', '');
      sysfs([17]);
      put('sys/class/gpio/gpio529/value', '0\n');
      expect(run().status).toBe(0);
    });

    it('exports nothing that is beyond the chip, nor a line of another chip', () => {
      put('relay-off.env', `CHIP_LABEL=${LABEL}\nLINE=99\n`);
      sysfs([]);
      expect(run().status).toBe(1);
      expect(existsSync(at('sys/class/gpio/export'))).toBe(false);
    });

    it('tries to export a line that nobody has', () => {
      sysfs([]);
      expect(run().status).toBe(1);
      expect(readFileSync(at('sys/class/gpio/export'), 'utf8')).toBe('529\n');
    });
  });

  it('without tools and without sysfs it fails, loudly', () => {
    const { status, log } = run();
    expect(status).toBe(1);
    expect(log).toContain('could NOT be proven low');
  });

  it.each([
    ['is missing', undefined],
    ['is empty', ''],
    ['names no chip before its line', `LINE=17\nCHIP_LABEL=${LABEL}\n`],
    ['names no line', `CHIP_LABEL=${LABEL}\n`],
  ])('status 2 when its file %s', (_how, text) => {
    if (text === undefined) rmSync(at('relay-off.env'));
    else put('relay-off.env', text);
    expect(run().status).toBe(2);
  });

  it('reads its file and does not execute it', () => {
    libgpiod(2);
    put(
      'relay-off.env',
      `CHIP_LABEL=${LABEL}\nLINE=17\nLINE2=$(echo >${at('pwned')})\nPATH=/nowhere\n\`touch ${at('pwned')}\`\n`,
    );
    const { status, log } = run();
    expect(status).toBe(1);
    expect(log).toContain('not understood and passed over: PATH=/nowhere');
    expect(pin(17)).toBe('0');
    expect(existsSync(at('pwned'))).toBe(false);
  });

  describe.skipIf(noPty !== undefined)('a serial board', () => {
    const OFF = '\\240\\001\\000\\241';
    let pty: Pty;
    let heard: Buffer;
    beforeEach(async () => {
      for (const name of ['stty', 'sh']) {
        const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
        symlinkSync(found, at('tools', name));
      }
      heard = Buffer.alloc(0);
      pty = await plug(at('port'), (bytes) => {
        heard = Buffer.concat([heard, bytes]);
      });
    });
    afterEach(() => pty.pull());

    it('is told to go off, byte by byte, and the status says that it is told, not proven', async () => {
      put('relay-off.env', `SERIAL=${OFF} ${at('port')}\n`);
      const { status, log } = run();
      expect({ status, log }).toMatchObject({ status: 3 });
      expect(log).toContain('told, not proven');
      await eventually(() => expect(heard.toString('hex')).toBe('a00100a1'));
    });

    it('sets the port up before it speaks: raw, 9600, no echo, and no hang-up when it is let go', () => {
      const stty = (...args: string[]) => spawnSync('stty', ['-F', at('port'), ...args], { encoding: 'utf8' }).stdout;
      stty('sane', '115200', 'hupcl', '-clocal');
      put('relay-off.env', `SERIAL=${OFF} ${at('port')}\n`);
      expect(run().status).toBe(3);
      const words = stty('-a').split(/[\s;]+/);
      for (const word of ['9600', '-opost', '-echo', '-icanon', '-hupcl', 'clocal']) expect(words).toContain(word);
    });

    it('hears the off bytes of every model exactly as its driver would send them', async () => {
      const models = ['lcus', 'kmtronic', 'numato', 'waveshare', 'i7060'] as const;
      for (const model of models) {
        heard = Buffer.alloc(0);
        put('relay-off.env', relayOffFile({ relay: { driver: 'serial', model, channel: 1, port: at('port') } }));
        expect(run().status).toBe(3);
        const { bytes } = protocolOf({ model, channel: 1 }).off;
        await eventually(() => expect(heard.toString('hex')).toBe(Buffer.from(bytes).toString('hex')));
      }
    });

    it('beside a line: both are driven off, whichever comes first; a line that is not wins the status', async () => {
      libgpiod(2);
      put('pins/17', '1\n');
      put('relay-off.env', `SERIAL=${OFF} ${at('port')}\nCHIP_LABEL=${LABEL}\nLINE=17\n`);
      expect(run().status).toBe(3);
      expect(pin(17)).toBe('0');
      await eventually(() => expect(heard.toString('hex')).toBe('a00100a1'));
      put('stuck', '');
      expect(run().status).toBe(1);
    });

    it('status 1 where nobody takes the bytes, and no file is written in a port’s place', () => {
      put('relay-off.env', `SERIAL=${OFF} ${at('nowhere')}\n`);
      const { status, log } = run();
      expect(status).toBe(1);
      expect(log).toContain('could NOT be told to go off');
      expect(existsSync(at('nowhere'))).toBe(false);
      put('plain', '');
      put('relay-off.env', `SERIAL=${OFF} ${at('plain')}\n`);
      expect(run().status).toBe(1);
      expect(readFileSync(at('plain'), 'utf8')).toBe('');
    });

    it.each(['%s%s', '\\240;x', '\\x41', 'abc', '\\240\\', '\\\\240', '$(reboot)', '0240'])(
      'nothing but octal reaches the port: %s',
      async (bytes) => {
        put('relay-off.env', `SERIAL=${bytes} ${at('port')}\n`);
        expect(run().status).toBe(2);
        put('relay-off.env', `SERIAL=${OFF} ${at('port')}\n`);
        run();
        await eventually(() => expect(heard.toString('hex')).toBe('a00100a1'));
      },
    );

    it('is not held up by a port that takes nothing', async () => {
      pty.freeze();
      put('relay-off.env', `SERIAL=${'\\001'.repeat(4000)} ${at('port')}\nSERIAL=${OFF} ${at('nowhere')}\n`);
      const from = performance.now();
      expect(run().status).toBe(1);
      expect(performance.now() - from).toBeLessThan(30_000);
    }, 40_000);
  });

  it("speaks the journal's priorities under systemd", () => {
    libgpiod(2);
    expect(run({ JOURNAL_STREAM: '8:1' }).log).toMatch(/^<6>portcullis-relay-off: line 17/);
  });

  it.skipIf(!present('shellcheck', 'Debian: apt install shellcheck'))('shellcheck finds nothing to say', () => {
    const { status, stdout } = spawnSync('shellcheck', [HELPER], { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  });
});

describe('what `config apply` writes for it', () => {
  const gpio = (chip: string, line: number) => ({ driver: 'gpiochip' as const, chip, line });
  const board = {
    relay: gpio(LABEL, 17),
    relay2: gpio('pinctrl-rp1', 27),
    uplink: { relay: gpio(LABEL, 13) },
  };

  it('names every relay, the uplink’s too, each on its own chip, and the helper drives them all', () => {
    libgpiod(2);
    const file = relayOffFile({ ...board, relay2: gpio(LABEL, 27) });
    expect(file.split('\n').filter((line) => /^[A-Z]/.test(line))).toEqual([
      `CHIP_LABEL=${LABEL}`,
      'LINE=17',
      'LINE=27',
      'LINE=13',
    ]);
    put('relay-off.env', file);
    for (const line of [17, 27, 13]) put(`pins/${line}`, '1\n');
    expect(run()).toMatchObject({ status: 0 });
    expect([17, 27, 13].map(pin)).toEqual(['0', '0', '0']);
    expect(relayOffFile(board)).toMatch(/=17\nCHIP_LABEL=pinctrl-rp1\nLINE=27\nCHIP_LABEL=pinctrl-bcm2711\nLINE=13\n$/);
  });

  it('is recognised by what it names, not by how it is written', () => {
    const file = relayOffFile(board);
    expect(namesAllRelays(file, board)).toBe(true);
    expect(namesAllRelays(`${file}# more\nLINE=99\n`, board)).toBe(true);
    expect(namesAllRelays(`CHIP_LABEL=${LABEL}\nLINE=17\nLINE2=27\n`, { ...board, uplink: undefined })).toBe(false);
    expect(
      namesAllRelays(`CHIP_LABEL=${LABEL}\nLINE=17\nLINE2=27\n`, { relay: board.relay, relay2: gpio(LABEL, 27) }),
    ).toBe(true);
    expect(namesAllRelays(file.replace('LINE=13', 'LINE=14'), board)).toBe(false);
    expect(namesAllRelays('', board)).toBe(false);
    const serial = { relay: { driver: 'serial' as const, model: 'lcus' as const, channel: 1, port: '/dev/a' } };
    expect(namesAllRelays(relayOffFile(serial), serial)).toBe(true);
    expect(namesAllRelays(relayOffFile(serial), { relay: { ...serial.relay, channel: 2 } })).toBe(false);
  });
});
