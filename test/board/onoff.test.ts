import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Gpio } from 'onoff';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { GpiochipOutput } from '../../daemon/board/gpiochip.ts';
import { OnoffInput, OnoffOutput } from '../../daemon/board/onoff.ts';
import { sysfsNumber } from '../../daemon/board/onoff-lookup.ts';
import { linesContract } from './lines-contract.ts';
import { SIM_LABEL, type Sim, simOrSay } from './sim.ts';

linesContract('onoff', {
  output: (wanted) => new OnoffOutput(wanted),
  input: (wanted, debounceMs) => new OnoffInput({ ...wanted, debounceMs, clock: systemClock }),
});

const relay = { label: SIM_LABEL, line: 17, what: 'relay' };

describe('the number of a line in sysfs', () => {
  let root: string;
  const chip = (name: string, label: string, base: number) => {
    mkdirSync(join(root, name), { recursive: true });
    for (const [file, value] of Object.entries({ label, base, ngpio: 54 }))
      writeFileSync(join(root, name, file), `${value}\n`);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sysfs-'));
    writeFileSync(join(root, 'export'), '');
    mkdirSync(join(root, 'gpio512'));
    chip('gpiochip0', 'other', 0);
    chip('gpiochip512', SIM_LABEL, 512);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('is the base of the chip with the label, plus the line', () => {
    expect(sysfsNumber(relay, root)).toBe(529);
    expect(sysfsNumber({ ...relay, label: 'other' }, root)).toBe(17);
  });

  test('is refused for another label, a line beyond the last and two chips of one label', () => {
    expect(() => sysfsNumber({ ...relay, label: 'pinctrl-rp1' }, root)).toThrow(`this machine has other, ${SIM_LABEL}`);
    expect(sysfsNumber({ ...relay, line: 53 }, root)).toBe(565);
    expect(() => sysfsNumber({ ...relay, line: 54 }, root)).toThrow('has lines 0 to 53');
    chip('gpiochip600', SIM_LABEL, 600);
    expect(() => sysfsNumber(relay, root)).toThrow(`2 chips are ${SIM_LABEL}`);
  });

  test('is refused where there is no sysfs for GPIO, or no chip', () => {
    rmSync(root, { recursive: true });
    expect(() => sysfsNumber(relay, root)).toThrow('this kernel does not offer');
    mkdirSync(root);
    expect(() => sysfsNumber(relay, root)).toThrow('this machine has no GPIO chip');
  });
});

test('an output says what it cannot guarantee', () => {
  expect(new OnoffOutput(relay).caveats.join()).toContain('killed process leaves');
});

const sim = simOrSay('onoff on a real chip');
describe.skipIf(sim === undefined)('onoff on a real chip', () => {
  test('a line that is held is refused', async () => {
    const holder = new GpiochipOutput(relay);
    await holder.start();
    holder.write(true);
    await expect(new OnoffOutput(relay).start()).rejects.toMatchObject({ code: 'gate.board' });
    expect((sim as Sim).level(17)).toBe(true);
    await holder.stop();
  });

  test('a line that was left driven high, and upside down, starts low and the right way up', async () => {
    const left = new Gpio(sysfsNumber(relay), 'low', 'none', { activeLow: true });
    left.writeSync(0);
    expect((sim as Sim).level(17)).toBe(true);
    const output = new OnoffOutput(relay);
    await output.start();
    expect((sim as Sim).level(17)).toBe(false);
    output.write(true);
    expect((sim as Sim).level(17)).toBe(true);
    await output.stop();
    expect((sim as Sim).level(17)).toBe(false);
  });
});
