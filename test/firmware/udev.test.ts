import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { firmware, present, read } from './tools.ts';

type Token = { key: string; operator: string; value: string };

/** Matches may be compared, assignments assigned: what `udevadm verify` checks of the keys we use. */
const GRAMMAR: Record<string, readonly string[]> = {
  SUBSYSTEM: ['==', '!='],
  KERNEL: ['==', '!='],
  DRIVERS: ['==', '!='],
  'ATTR{}': ['==', '!='],
  'ATTRS{}': ['==', '!='],
  'ENV{}': ['==', '!=', '=', '+='],
  GROUP: ['=', ':='],
  MODE: ['=', ':='],
  SYMLINK: ['=', '+=', ':='],
};

/** Strict: anything it does not know is an error. */
function parse(line: string): Token[] {
  return line.split(/,\s+/).map((part) => {
    const [, name = '', argument, operator = '', value = ''] =
      /^([A-Z]+)(?:\{([A-Za-z0-9_]+)\})?(==|!=|\+=|:=|=)"([^"\\]*)"$/.exec(part) ?? [];
    const key = argument === undefined ? name : `${name}{}`;
    if (!GRAMMAR[key]?.includes(operator)) throw new Error(`not understood: ${part}`);
    return { key: argument === undefined ? name : `${name}{${argument}}`, operator, value };
  });
}

const rules = read('70-portcullis.rules')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ line, tokens: parse(line) }));
const value = (tokens: Token[], key: string, operators: string[]) =>
  tokens.find((token) => token.key === key && operators.includes(token.operator))?.value;
const assigned = (tokens: Token[], key: string) => value(tokens, key, ['=', ':=', '+=']);
const matched = (tokens: Token[], key: string) => value(tokens, key, ['==']);

describe('udev rules', () => {
  it('parse, match a subsystem first and assign something', () => {
    expect(rules.length).toBeGreaterThan(8);
    for (const { line, tokens } of rules) {
      expect(tokens[0], line).toMatchObject({ key: 'SUBSYSTEM', operator: '==' });
      expect(tokens.at(-1)?.operator, line).toMatch(/^(=|:=|\+=)$/);
      // All conditions before all assignments.
      const first = tokens.findIndex(({ operator }) => !['==', '!='].includes(operator));
      expect(
        tokens.slice(first).every(({ operator }) => !['==', '!='].includes(operator)),
        line,
      ).toBe(true);
    }
  });

  it.each([
    'SUBSYSTEM="gpio", GROUP:="x"x',
    'SUBSYSTEM=="gpio" GROUP:="x"',
    'SUBSYSTEM=="gpio", GROUP=="x"',
    'SUBSYSTEM=="gpio", OWNR="x"',
    'SUBSYSTEM=="gpio", GROUP:="x',
  ])('the parser refuses %s', (line) => expect(() => parse(line)).toThrow('not understood'));

  it.skipIf(!present('udevadm verify', 'It comes with systemd 254.', 'udevadm verify --help'))(
    'udevadm finds nothing to say',
    () => {
      const { status, stdout, stderr } = spawnSync(
        'udevadm',
        ['verify', '--resolve-names=never', firmware('70-portcullis.rules')],
        {
          encoding: 'utf8',
        },
      );
      expect(status, stdout + stderr).toBe(0);
    },
  );

  it('whatever gives access gives it to the gate, and no later file takes it back', () => {
    for (const { line, tokens } of rules) {
      const group = tokens.find(({ key }) => key === 'GROUP');
      if (group === undefined) continue;
      expect(group, line).toMatchObject({ operator: ':=', value: 'portcullis-gate' });
      expect(
        tokens.find(({ key }) => key === 'MODE'),
        line,
      ).toMatchObject({ operator: ':=', value: '0660' });
    }
  });

  it('no chip is taken by number, and no modem manager asks a relay board', () => {
    for (const { line, tokens } of rules) {
      const subsystem = matched(tokens, 'SUBSYSTEM');
      if (subsystem === 'gpio') {
        expect(line).not.toMatch(/gpiochip\d/);
        expect(matched(tokens, 'DRIVERS'), line).toMatch(/^pinctrl-/);
      }
      if (subsystem === 'tty') expect(assigned(tokens, 'ENV{ID_MM_DEVICE_IGNORE}'), line).toBe('1');
    }
  });

  it('nobody mounts the vault by itself, neither on USB nor by its label', () => {
    const block = rules.filter(({ tokens }) => matched(tokens, 'SUBSYSTEM') === 'block');
    expect(block.map(({ tokens }) => tokens[1])).toEqual([
      { key: 'ENV{ID_BUS}', operator: '==', value: 'usb' },
      { key: 'ENV{ID_FS_LABEL}', operator: '==', value: 'portcullis-vault' },
    ]);
    for (const { tokens } of block) expect(assigned(tokens, 'ENV{UDISKS_IGNORE}')).toBe('1');
  });

  it("the heartbeat's watchdog has a name of its own, and systemd is told the other one's", () => {
    const named = (name: string) => rules.filter(({ tokens }) => assigned(tokens, 'SYMLINK') === name);
    for (const { tokens } of named('portcullis/heartbeat'))
      expect(matched(tokens, 'ATTR{identity}') ?? matched(tokens, 'DRIVERS')).toMatch(/^(GPIO Watchdog|gpio-wdt)$/);
    expect(named('portcullis/heartbeat')).toHaveLength(2);
    expect(named('portcullis/watchdog')).toHaveLength(2);
    const settings = read('10-portcullis-watchdog.conf').split('\n');
    expect(settings).toContain('WatchdogDevice=/dev/portcullis/watchdog');
    // The SoC's counter ends at 15 s.
    expect(settings).toContain('RuntimeWatchdogSec=10');
  });
});
