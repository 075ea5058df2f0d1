import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import type { Board } from '../../daemon/gate/board.ts';

/** A driver on its hardware, and hands on that hardware. */
export interface Rig {
  readonly board: Board;
  /** Moves the button's raw level. */
  push(pressed: boolean): void;
  /** Whether any of the vault's coils gets current, as the hardware tells it: nothing the driver could have invented. */
  energised(): boolean;
  /** The same of the uplink's coil. */
  uplinkEnergised(): boolean;
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
      eventually(() => expect(rig.board.read()).toMatchObject({ contact: reading, device: reading }));
    const uplinkReads = (reading: 'alive' | 'dead') => eventually(() => expect(rig.board.read().uplink).toBe(reading));

    test('a constructor does nothing, and before start only commands to the relay are refused', async () => {
      expect(rig.energised()).toBe(false);
      expect(boardError(() => rig.board.drive(true))).toBe(true);
      expect(boardError(() => rig.board.drive(false))).toBe(true);
      for (const energised of [true, false]) expect(boardError(() => rig.board.driveUplink(energised))).toBe(true);
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

    test('a reading has a key for each part the board has, and no other', async () => {
      await rig.board.start();
      const { relays, uplink, supply } = rig.board.wiring;
      const { contacts, ...reading } = rig.board.read();
      const parts = [...(uplink ? ['uplink'] : []), ...(supply ? ['supply'] : [])];
      expect(Object.keys(reading).sort()).toEqual(['contact', 'device', ...parts].sort());
      expect([undefined, 1, relays]).toContain(contacts?.length);
    });

    test('one of two relays in series energises alone, and the link stays dead; without a second one it is refused', async () => {
      await rig.board.start();
      feed();
      if (rig.board.wiring.relays === 1) {
        for (const only of [1, 2] as const) {
          rig.board.drive(true);
          await reads('alive');
          expect(boardError(() => rig.board.drive(true, only))).toBe(true);
          await reads('dead');
          expect(rig.energised()).toBe(false);
        }
        return;
      }
      for (const only of [1, 2, 1] as const) {
        rig.board.drive(true, only);
        rig.board.drive(true, only);
        const contacts = only === 1 ? ['alive', 'dead'] : ['dead', 'alive'];
        await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'dead', device: 'dead', contacts }));
        await eventually(() => expect(rig.energised()).toBe(true));
      }
      rig.board.drive(true);
      await reads('alive');
      rig.board.drive(true, 2);
      await eventually(() => expect(rig.board.read()).toMatchObject({ device: 'dead', contacts: ['dead', 'alive'] }));
      rig.board.drive(false);
      await reads('dead');
      await eventually(() => expect(rig.energised()).toBe(false));
    });

    test('the uplink follows its own command both ways, and the vault stays as it is', async () => {
      await rig.board.start();
      if (!rig.board.wiring.uplink) {
        for (const energised of [true, false]) expect(boardError(() => rig.board.driveUplink(energised))).toBe(true);
        return;
      }
      for (let round = 0; round < 3; round++) {
        rig.board.driveUplink(true);
        rig.board.driveUplink(true);
        await uplinkReads('alive');
        expect([rig.uplinkEnergised(), rig.energised()]).toEqual([true, false]);
        rig.board.drive(false);
        await reads('dead');
        expect(rig.uplinkEnergised()).toBe(true);
        rig.board.driveUplink(false);
        rig.board.driveUplink(false);
        await uplinkReads('dead');
        expect(rig.uplinkEnergised()).toBe(false);
      }
    });

    test('never both doors: what would connect the second is refused, and leaves everything off', async () => {
      await rig.board.start();
      if (!rig.board.wiring.uplink) return;
      feed();
      const both: readonly [() => void, () => void][] = [
        [() => rig.board.driveUplink(true), () => rig.board.drive(true)],
        [() => rig.board.driveUplink(true), () => rig.board.drive(true, 1)],
        [() => rig.board.drive(true), () => rig.board.driveUplink(true)],
        [() => rig.board.drive(true, 2), () => rig.board.driveUplink(true)],
      ];
      for (const [first, second] of both) {
        first();
        await eventually(() => expect(rig.energised() || rig.uplinkEnergised()).toBe(true));
        expect(boardError(second)).toBe(true);
        await reads('dead');
        await uplinkReads('dead');
        await eventually(() => expect([rig.energised(), rig.uplinkEnergised()]).toEqual([false, false]));
      }
      // And it goes on working, one after the other.
      rig.board.driveUplink(true);
      await uplinkReads('alive');
      rig.board.driveUplink(false);
      rig.board.drive(true);
      await reads('alive');
    });

    test('the coils’ supply is dead while the button is pressed', async () => {
      await rig.board.start();
      if (!rig.board.wiring.supply) return;
      for (const pressed of [true, false]) {
        rig.push(pressed);
        await eventually(() => expect(rig.board.read().supply).toBe(pressed ? 'dead' : 'alive'));
      }
    });

    test('stop drives the uplink off too', async () => {
      await rig.board.start();
      if (!rig.board.wiring.uplink) return;
      rig.board.driveUplink(true);
      await uplinkReads('alive');
      await rig.board.stop();
      expect(rig.uplinkEnergised()).toBe(false);
      expect(boardError(() => rig.board.driveUplink(true))).toBe(true);
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
