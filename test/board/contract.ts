import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import type { Board } from '../../daemon/gate/board.ts';

/** A driver on its hardware, and hands on that hardware. */
export interface Rig {
  readonly board: Board;
  /** Moves the button's raw level. */
  push(pressed: boolean): void;
  /** What the coil gets, as the hardware tells it: nothing the driver could have invented. */
  energised(): boolean;
  dispose(): Promise<void>;
}

/** Polls without a fixed number of tries: the bound is generous, and only a broken driver meets it. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000, interval: 2 });
}

const boardError = (run: () => void): boolean => {
  try {
    run();
    return false;
  } catch (error) {
    return hasCode(error, 'gate.board');
  }
};

/** What the gate's Board port promises, over every driver and every fake. */
export function boardContract(name: string, make: () => Promise<Rig>): void {
  describe(`${name}: the board's contract`, () => {
    let rig: Rig;
    let feeding: NodeJS.Timeout | undefined;
    beforeEach(async () => {
      rig = await make();
    });
    afterEach(async () => {
      clearInterval(feeding);
      await rig.board.stop();
      await rig.dispose();
    });
    const feed = () => {
      feeding = setInterval(() => rig.board.beat(), 50);
    };
    const reads = (reading: 'alive' | 'dead') =>
      eventually(() => expect(rig.board.read()).toEqual({ contact: reading, device: reading }));

    test('a constructor does nothing, and before start only commands to the relay are refused', async () => {
      expect(rig.energised()).toBe(false);
      expect(boardError(() => rig.board.drive(true))).toBe(true);
      expect(boardError(() => rig.board.drive(false))).toBe(true);
      rig.board.beat();
      rig.board.show('fast-red');
      expect(rig.board.read().contact).toBe('unknown');
      expect(rig.energised()).toBe(false);
    });

    test('start ends with the relay off and the proofs dead', async () => {
      await rig.board.start();
      expect(rig.energised()).toBe(false);
      await reads('dead');
    });

    test('the proofs follow the relay both ways, and a command repeated changes nothing', async () => {
      await rig.board.start();
      feed();
      for (let round = 0; round < 3; round++) {
        rig.board.drive(true);
        rig.board.drive(true);
        await reads('alive');
        expect(rig.energised()).toBe(true);
        rig.board.drive(false);
        rig.board.drive(false);
        await reads('dead');
        expect(rig.energised()).toBe(false);
      }
    });

    test('the last of many commands in one turn counts', async () => {
      await rig.board.start();
      feed();
      for (let i = 0; i < 50; i++) rig.board.drive(i % 2 === 0);
      await eventually(() => expect(rig.energised()).toBe(false));
      await reads('dead');
      for (let i = 0; i < 51; i++) rig.board.drive(i % 2 === 0);
      await reads('alive');
    });

    test('the button tells its level at start, then every change, with times that never go back', async () => {
      const told: [boolean, number][] = [];
      rig.board.onButton((pressed, at) => told.push([pressed, at]));
      await rig.board.start();
      for (const pressed of [true, false, true, false]) {
        const before = told.length;
        rig.push(pressed);
        await eventually(() => expect(told.length).toBe(before + 1));
      }
      expect(told.map(([pressed]) => pressed)).toEqual([false, true, false, true, false]);
      expect(told.map(([, at]) => at)).toEqual(told.map(([, at]) => at).toSorted((a, b) => a - b));
    });

    test('a listener that comes after start is told the level too, and a button that is down says so', async () => {
      await rig.board.start();
      rig.push(true);
      const told: boolean[] = [];
      rig.board.onButton((pressed) => told.push(pressed));
      expect(told).toEqual([true]);
    });

    test('stop drives the relay off, may be called twice, and ends all commands', async () => {
      await rig.board.start();
      feed();
      rig.board.drive(true);
      await reads('alive');
      await rig.board.stop();
      expect(rig.energised()).toBe(false);
      expect(boardError(() => rig.board.drive(true))).toBe(true);
      rig.board.beat();
      rig.board.show('dark');
      await rig.board.stop();
      expect(rig.energised()).toBe(false);
    });

    test('stop without start, and start after stop', async () => {
      await rig.board.stop();
      await rig.board.start();
      await rig.board.stop();
      await rig.board.start();
      feed();
      rig.board.drive(true);
      await reads('alive');
    });
  });
}
