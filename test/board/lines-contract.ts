import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import type { GpioLine } from '../../daemon/board/gpio-chip.ts';
import type { Input, Output } from '../../daemon/board/parts.ts';
import { eventually } from './contract.ts';
import { SIM_LABEL, type Sim, simOrSay } from './sim.ts';

export interface LineDriver {
  output(wanted: GpioLine): Output;
  input(wanted: GpioLine, debounceMs?: number): Input;
}

const RELAY: GpioLine = { label: SIM_LABEL, line: 17, what: 'relay' };
const BUTTON: GpioLine = { label: SIM_LABEL, line: 22, what: 'button' };

const boardError = expect.objectContaining({ code: 'gate.board' });

/** What Output and Input promise, over every driver of GPIO lines. The pin's level is asked of the chip, not of the driver. */
export function linesContract(name: string, driver: LineDriver): void {
  const sim = simOrSay(`the contract of ${name}`);
  describe.skipIf(sim === undefined)(`${name}: the contract of lines`, () => {
    outputContract(driver, sim as Sim);
    inputContract(driver, sim as Sim);
    refusals(driver);
  });
}

function outputContract(driver: LineDriver, sim: Sim): void {
  describe('an output', () => {
    let output: Output;
    beforeEach(() => {
      sim.persist(false);
      sim.pull(RELAY.line, false);
      output = driver.output(RELAY);
    });
    afterEach(() => output.stop());

    test('does nothing before start', () => {
      sim.pull(RELAY.line, true);
      expect(() => output.write(false)).toThrow(boardError);
      expect(output.read()).toBeUndefined();
      output.feed();
      expect(sim.level(RELAY.line)).toBe(true);
    });

    test('start drives the line low, whatever pulls at it', async () => {
      sim.pull(RELAY.line, true);
      await output.start();
      expect(sim.level(RELAY.line)).toBe(false);
      expect(output.read()).toBe(false);
    });

    test('a command has left when write returns, and repeated changes nothing', async () => {
      await output.start();
      for (let round = 0; round < 20; round++)
        for (const high of [true, true, false, false]) {
          output.write(high);
          expect(sim.level(RELAY.line)).toBe(high);
          expect(output.read()).toBe(high);
        }
    });

    test('counts each read-back that ends, whatever comes of it', async () => {
      output.read();
      await output.start();
      output.read();
      await output.stop();
      output.read();
      expect(output.attempts).toBe(3);
    });

    test('stop drives the line low and lets it go, may be called twice, and ends all commands', async () => {
      await output.stop();
      await output.start();
      output.write(true);
      // What it drove last is what stays on a chip whose outputs persist.
      sim.persist(true);
      await output.stop();
      expect(sim.level(RELAY.line)).toBe(false);
      expect(() => output.write(true)).toThrow(boardError);
      expect(output.read()).toBeUndefined();
      await output.stop();
      expect(sim.level(RELAY.line)).toBe(false);
    });

    test('starts again after stop', async () => {
      await output.start();
      await output.stop();
      await output.start();
      output.write(true);
      expect(sim.level(RELAY.line)).toBe(true);
    });

    test('has no timer of its own', () => expect(output.ownTimer).toBe(false));
  });
}

function inputContract(driver: LineDriver, sim: Sim): void {
  describe('an input', () => {
    let input: Input;
    let told: [boolean, number][];
    const create = (debounceMs?: number) => {
      input = driver.input(BUTTON, debounceMs);
      told = [];
      input.onEdge((high, at) => told.push([high, at]));
    };
    const levels = () => told.map(([high]) => high);
    beforeEach(() => {
      sim.pull(BUTTON.line, false);
      create();
    });
    afterEach(() => input.stop());

    test.each([false, true])('tells the level at start first: %s', async (high) => {
      sim.pull(BUTTON.line, high);
      expect(input.level()).toBeUndefined();
      await input.start();
      expect(levels()).toEqual([high]);
      expect(input.level()).toBe(high);
    });

    test('tells every edge once, with the time at which it was', async () => {
      const moments = [systemClock.monotonic()];
      await input.start();
      for (let round = 0; round < 20; round++) {
        const high = round % 2 === 0;
        moments.push(systemClock.monotonic());
        sim.pull(BUTTON.line, high);
        await eventually(() => expect(told).toHaveLength(round + 2));
        expect(told.at(-1)?.[0]).toBe(high);
        expect(input.level()).toBe(high);
      }
      moments.push(systemClock.monotonic());
      for (const [i, [, at]] of told.entries()) {
        expect(at).toBeGreaterThanOrEqual(moments[i] ?? 0);
        expect(at).toBeLessThanOrEqual(moments[i + 1] ?? 0);
      }
    });

    test('ends on the level there is, after more edges than anybody keeps', async () => {
      await input.start();
      for (let i = 0; i < 101; i++) sim.pull(BUTTON.line, i % 2 === 0);
      await eventually(() => expect(levels().at(-1)).toBe(true));
      expect(levels()).toEqual(levels().map((_, i) => i % 2 === 1));
    });

    test('tells nothing shorter than its debounce', async () => {
      create(300);
      await input.start();
      for (const high of [true, false, true, false, true]) sim.pull(BUTTON.line, high);
      await eventually(() => expect(levels()).toEqual([false, true]));
      for (const high of [false, true, false, true, false]) sim.pull(BUTTON.line, high);
      await eventually(() => expect(levels()).toEqual([false, true, false]));
    });

    test('tells nothing of a bounce in which it was stopped', async () => {
      create(200);
      await input.start();
      sim.pull(BUTTON.line, true);
      await delay(systemClock, 50);
      await input.stop();
      await delay(systemClock, 300);
      expect(levels()).toEqual([false]);
    });

    test('tells nothing after stop, and the level again after the next start', async () => {
      await input.stop();
      await input.start();
      await input.stop();
      await input.stop();
      expect(input.level()).toBeUndefined();
      sim.pull(BUTTON.line, true);
      await input.start();
      expect(levels()).toEqual([false, true]);
    });
  });
}

function refusals(driver: LineDriver): void {
  const parts = [
    ['output', (wanted: GpioLine) => driver.output(wanted)],
    ['input', (wanted: GpioLine) => driver.input(wanted)],
  ] as const;
  describe.each(parts)('an %s refuses', (_, make) => {
    const refusal = async (wanted: GpioLine) => {
      const part = make(wanted);
      const error: unknown = await part.start().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await part.stop();
      return error;
    };

    test('a chip that is not there, and names those that are', async () => {
      const error = await refusal({ ...RELAY, label: 'pinctrl-rp1' });
      expect(error).toMatchObject({ code: 'gate.board', what: expect.stringMatching(/pinctrl-rp1.*pinctrl-bcm2711/) });
    });

    test('a line that the chip does not have', async () => {
      const error = await refusal({ ...RELAY, line: 54 });
      expect(error).toMatchObject({ code: 'gate.board', what: expect.stringContaining('lines 0 to 53') });
    });
  });
}
