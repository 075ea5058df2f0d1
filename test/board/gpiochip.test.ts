import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { type GpioLine, outputsPersist } from '../../daemon/board/gpio-chip.ts';
import { GpiochipInput, GpiochipOutput } from '../../daemon/board/gpiochip.ts';
import * as abi from '../../daemon/board/gpiochip-abi.ts';
import type { Kernel } from '../../daemon/board/gpiochip-kernel.ts';
import { levelOf, takeLine } from '../../daemon/board/gpiochip-line.ts';
import { linesContract } from './lines-contract.ts';
import { SIM_LABEL, type Sim, simOrSay } from './sim.ts';

linesContract('gpiochip', {
  output: (wanted) => new GpiochipOutput(wanted),
  input: (wanted, debounceMs) => new GpiochipInput({ ...wanted, debounceMs, clock: systemClock }),
});

describe('the kernel interface as bytes', () => {
  test('request numbers are those of linux/gpio.h', () => {
    expect(
      [abi.GET_CHIP_INFO, abi.GET_LINE_INFO, abi.GET_LINE, abi.GET_VALUES, abi.SET_VALUES].map((n) => n.toString(16)),
    ).toEqual(['8044b401', 'c100b405', 'c250b407', 'c010b40e', 'c010b40f']);
  });

  test('an output is one line, low, and nothing else', () => {
    const bytes = abi.encodeRequest({ direction: 'output', line: 17, consumer: 'portcullis-relay' });
    expect(nonZero(bytes)).toEqual({ 0: 17, 256: 'portcullis-relay', 288: 8, 560: 1 });
    expect(bytes).toHaveLength(592);
  });

  test('an input has both edges, its bias and its debounce', () => {
    const wanted = { direction: 'input', line: 22, consumer: 'x', bias: 'up', debounceMs: 5 } as const;
    const bytes = abi.encodeRequest(wanted);
    expect(bytes.readBigUInt64LE(288)).toBe(0b1_0011_0100n);
    // One attribute, of the kind debounce, 5000 µs, for the first line.
    expect([296, 320, 328, 336].map((at) => bytes.readUInt32LE(at))).toEqual([1, 3, 5000, 1]);
    const plain = abi.encodeRequest({ direction: 'input', line: 22, consumer: 'x' });
    expect(plain.readBigUInt64LE(288)).toBe(0b11_0100n);
    expect(plain.readUInt32LE(296)).toBe(0);
  });

  test('a long consumer keeps its terminating zero', () => {
    const bytes = abi.encodeRequest({ direction: 'output', line: 0, consumer: 'x'.repeat(60) });
    expect(bytes.toString('utf8', 256, 288)).toBe(`${'x'.repeat(31)}\0`);
  });

  test('events are told by id, in milliseconds, and half an event is none', () => {
    const bytes = Buffer.alloc(2 * 48 + 20);
    bytes.writeBigUInt64LE(1_234_567_890n, 0);
    bytes.writeUInt32LE(1, 8);
    bytes.writeBigUInt64LE(1_239_000_000n, 48);
    bytes.writeUInt32LE(2, 56);
    expect(abi.decodeEvents(bytes)).toEqual([
      { high: true, at: 1234.56789 },
      { high: false, at: 1239 },
    ]);
  });

  function nonZero(bytes: Buffer): Record<number, unknown> {
    const found: Record<number, unknown> = {};
    for (let at = 0; at < bytes.length; at += 4) {
      if (at === 256) found[at] = bytes.toString('utf8', 256, 288).replaceAll('\0', '');
      else if ((at < 256 || at >= 288) && bytes.readUInt32LE(at) !== 0) found[at] = bytes.readUInt32LE(at);
    }
    return found;
  }
});

describe('taking a line from the chip with the label', () => {
  let devices: string;
  beforeEach(() => {
    devices = mkdtempSync(join(tmpdir(), 'gpiochip-'));
    writeFileSync(join(devices, 'gpiochip0'), 'other');
    writeFileSync(join(devices, 'gpiochip11'), SIM_LABEL);
    symlinkSync('gpiochip11', join(devices, 'gpiochip4'));
    writeFileSync(join(devices, 'gpiomem'), SIM_LABEL);
  });
  afterEach(() => rmSync(devices, { recursive: true }));

  const relay: GpioLine = { label: SIM_LABEL, line: 17, what: 'relay' };
  const take = (kernel: Kernel, wanted = relay) => takeLine(kernel, wanted, { direction: 'output' }, devices);

  test('the number of the chip does not matter, nor a second name of it', () => {
    const asked: string[] = [];
    expect(take(fakeKernel({ asked }))).toBe(77);
    expect(asked).toEqual([SIM_LABEL]);
  });

  test('two chips of one label cannot be told apart', () => {
    writeFileSync(join(devices, 'gpiochip0'), SIM_LABEL);
    expect(() => take(fakeKernel())).toThrow('2 chips are pinctrl-bcm2711');
  });

  test('a line that is held names its holder', () => {
    expect(() => take(fakeKernel({ refuse: 'EBUSY' }))).toThrow('it is held by "gpio-fan"');
  });

  test('another refusal is told as it is', () => {
    expect(() => take(fakeKernel({ refuse: 'EPERM' }))).toThrow('cannot have line 17 of pinctrl-bcm2711: EPERM');
  });

  test('a chip that cannot be asked is named too', () => {
    symlinkSync('nowhere', join(devices, 'gpiochip5'));
    const wanted = { ...relay, label: 'pinctrl-rp1' };
    expect(() => take(fakeKernel(), wanted)).toThrow(/other, pinctrl-bcm2711, gpiochip5 \(ENOENT/);
  });

  test('a level that cannot be read is undefined', () => {
    expect(levelOf(fakeKernel({ refuse: 'ENODEV' }), 77)).toBeUndefined();
    expect(levelOf(fakeKernel(), 77)).toBe(true);
  });

  /** A kernel whose chips are files that hold their label; `asked`: the labels of the chips whose line was requested. */
  function fakeKernel({ refuse, asked = [] }: { refuse?: string; asked?: string[] } = {}): Kernel {
    const fail = (): never => {
      throw Object.assign(new Error(String(refuse)), { code: refuse });
    };
    return {
      ioctl(descriptor, request, bytes) {
        if (request === abi.GET_CHIP_INFO) {
          bytes.write(readFileSync(descriptor, 'utf8'), 32);
          bytes.writeUInt32LE(54, 64);
        } else if (request === abi.GET_LINE_INFO) {
          expect(bytes.readUInt32LE(64)).toBe(17);
          bytes.write('gpio-fan', 32);
        } else if (refuse !== undefined) fail();
        else if (request === abi.GET_LINE) {
          asked.push(readFileSync(descriptor, 'utf8'));
          bytes.writeInt32LE(77, 588);
        } else bytes.writeBigUInt64LE(1n, 0);
      },
      unblock() {},
      watch: () => () => {},
    };
  }
});

describe('whether outputs persist', () => {
  test.each([
    ['pinctrl-rp1', 'Y', true],
    ['pinctrl-rp1', 'N', false],
    ['pinctrl-rp1', '?', undefined],
    ['pinctrl-bcm2835', 'Y', undefined],
    ['gpio-mockup', 'Y', undefined],
  ])('%s with %s', (label, value, expected) => {
    const modules = mkdtempSync(join(tmpdir(), 'modules-'));
    try {
      const parameters = join(modules, 'pinctrl_rp1/parameters');
      mkdirSync(parameters, { recursive: true });
      writeFileSync(join(parameters, 'persist_gpio_outputs'), `${value}\n`);
      expect(outputsPersist(label, modules)).toBe(expected);
    } finally {
      rmSync(modules, { recursive: true });
    }
  });
});

const sim = simOrSay('gpiochip on a real chip');
describe.skipIf(sim === undefined)('gpiochip on a real chip', () => {
  const relay = { label: SIM_LABEL, line: 17, what: 'relay' };

  test('a line that is held is refused, and its holder named', async () => {
    const first = new GpiochipOutput(relay);
    const second = new GpiochipOutput({ ...relay, what: 'LED' });
    await first.start();
    await expect(second.start()).rejects.toThrow('it is held by "portcullis-relay"');
    first.write(true);
    await second.stop();
    expect((sim as Sim).level(17)).toBe(true);
    await first.stop();
  });

  test('says so when outputs persist, and only then', async () => {
    for (const persistent of [true, false]) {
      (sim as Sim).persist(persistent);
      const output = new GpiochipOutput(relay);
      await output.start();
      expect(output.caveats.map((caveat) => caveat.includes('strict_gpiod'))).toEqual(persistent ? [true] : []);
      await output.stop();
    }
  });

  test.each([
    ['up', true],
    ['down', false],
  ] as const)('the kernel applies the bias %s', async (bias, high) => {
    const input = new GpiochipInput({ label: SIM_LABEL, line: 23, what: 'button', bias, clock: systemClock });
    await input.start();
    expect(input.level()).toBe(high);
    await input.stop();
  });
});
