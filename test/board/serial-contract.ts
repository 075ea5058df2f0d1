import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import type { Protocol } from '../../daemon/board/serial-protocol.ts';
import { eventually } from './contract.ts';
import { noPty } from './serial-pty.ts';
import { type SerialRig, serialRig } from './serial-rig.ts';
import type { Mischief, SimulatedSerialBoard } from './serial-simulators.ts';

export interface SerialCase<B extends SimulatedSerialBoard> {
  readonly protocol: Protocol;
  readonly make: (speak: (bytes: Uint8Array) => void) => B;
  readonly channel: number;
  /** The board can be read back. */
  readonly readable: boolean;
  /** The driver may rely on the board's own timer. */
  readonly timer: boolean;
}

const boardError = (run: () => void): boolean => {
  try {
    run();
    return false;
  } catch (error) {
    return hasCode(error, 'gate.board');
  }
};

/** What the Output port promises, over every serial board, on a real port. */
export function serialContract<B extends SimulatedSerialBoard>(name: string, options: SerialCase<B>): void {
  const { protocol, make, channel, readable, timer } = options;
  describe.skipIf(noPty !== undefined)(`${name}: the contract of an output`, () => {
    let rig: SerialRig<B>;
    let feeding: NodeJS.Timeout;
    beforeEach(async () => {
      rig = await serialRig(protocol, make);
      feeding = setInterval(() => rig.relay.feed(), 50);
    });
    afterEach(async () => {
      clearInterval(feeding);
      await rig.dispose();
    });
    const isOn = () => rig.board.relays.get(channel) === true;
    const becomes = (on: boolean) =>
      eventually(() => {
        expect(isOn()).toBe(on);
        if (readable) expect(rig.relay.read()).toBe(on);
        else expect(rig.relay.read()).toBeUndefined();
      });
    const started = async (on: boolean) => {
      await rig.relay.start();
      if (!on) return;
      rig.relay.write(true);
      await becomes(true);
    };

    test('a constructor does nothing; before start commands are refused and nothing is read', async () => {
      expect(boardError(() => rig.relay.write(false))).toBe(true);
      expect(boardError(() => rig.relay.write(true))).toBe(true);
      rig.relay.feed();
      expect(rig.relay.read()).toBeUndefined();
      expect(rig.sent).toEqual([]);
    });

    test('start drives off before anything else, a relay that was left on too', async () => {
      rig.board.relays.set(channel, true);
      await rig.relay.start();
      expect(rig.sent[0]).toEqual(protocol.off.bytes);
      expect(rig.board.heard.includes('on')).toBe(false);
      await becomes(false);
      expect(rig.faults).toEqual([]);
      expect(rig.relay.ownTimer).toBe(timer);
    });

    test('the relay follows both ways, and a command repeated changes nothing', async () => {
      await rig.relay.start();
      for (let round = 0; round < 3; round++) {
        rig.relay.write(true);
        rig.relay.write(true);
        await becomes(true);
        rig.relay.write(false);
        rig.relay.write(false);
        await becomes(false);
      }
      expect(rig.faults).toEqual([]);
    });

    test('the last of many commands in one turn counts', async () => {
      await rig.relay.start();
      for (let i = 0; i < 20; i++) rig.relay.write(i % 2 === 0);
      await becomes(false);
      for (let i = 0; i < 21; i++) rig.relay.write(i % 2 === 0);
      await becomes(true);
      expect(rig.faults).toEqual([]);
    });

    test('off is handed to the port in the same turn, whatever is under way, and what was read before no longer counts', async () => {
      await started(true);
      for (let round = 0; round < 20; round++) {
        rig.relay.write(true);
        // Into any moment of an exchange.
        await new Promise((resolve) => setTimeout(resolve, round * 3));
        const before = rig.sent.length;
        rig.relay.write(false);
        expect(rig.sent.slice(before)).toEqual([protocol.off.bytes]);
        expect(rig.relay.read()).toBeUndefined();
        await becomes(false);
      }
      expect(rig.faults).toEqual([]);
    });

    test('stop drives off and lets the port go, twice, and it can be started again', async () => {
      await rig.relay.stop();
      await started(true);
      await Promise.all([rig.relay.stop(), rig.relay.stop()]);
      expect(isOn()).toBe(false);
      expect(rig.relay.read()).toBeUndefined();
      expect(boardError(() => rig.relay.write(false))).toBe(true);
      await started(true);
    });

    test('stop in the middle of a start', async () => {
      rig.board.relays.set(channel, true);
      const start = rig.relay.start().then(
        () => 'started',
        (error) => (hasCode(error, 'gate.board') ? 'refused' : error),
      );
      await eventually(() => expect(rig.sent.length).toBeGreaterThan(0));
      await rig.relay.stop();
      expect(await start).toBe('refused');
      await eventually(() => expect(isOn()).toBe(false));
    });

    test('without the port start is refused, and nothing goes on behind it', async () => {
      await rig.pull();
      await expect(rig.relay.start()).rejects.toMatchObject({ code: 'gate.board' });
      await rig.plug();
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(rig.sent).toEqual([]);
      await started(true);
    });

    test('the cable is pulled in the middle of a command: a fault, and off first when it comes back', async () => {
      for (const last of [true, false]) {
        await rig.relay.stop();
        await started(!last);
        rig.faults.length = 0;
        let fired = 0;
        const pulled = new Promise<void>((resolve) => {
          rig.board.onBytes = () => {
            rig.board.onBytes = () => {};
            fired++;
            resolve(rig.pull());
          };
        });
        rig.relay.write(last);
        await pulled;
        expect(fired).toBe(1);
        await eventually(() => expect(rig.faults).toHaveLength(1));
        expect(rig.faults[0]).toContain('the port is lost');
        expect(rig.relay.read()).toBeUndefined();
        expect(boardError(() => rig.relay.write(true))).toBe(true);
        expect(boardError(() => rig.relay.write(false))).toBe(true);
        rig.relay.feed();
        // It had power from elsewhere, and kept its relay.
        rig.board.relays.set(channel, true);
        const before = rig.sent.length;
        await rig.plug();
        await becomes(false);
        expect(rig.sent[before]).toEqual(protocol.off.bytes);
        await eventually(() => rig.relay.write(true));
        await becomes(true);
        expect(rig.faults).toHaveLength(1);
      }
    });

    for (const mischief of ['wrong', 'half', 'silence', 'noise'] satisfies Mischief[]) {
      test(`${mischief}: a fault and no reading, never an exception, and over when it is over`, async () => {
        for (const on of [false, true]) {
          await started(on);
          rig.faults.length = 0;
          rig.board.mischief = mischief;
          // A board without answers does its mischief at a command; the others are asked anyhow.
          if (on && !readable) rig.relay.write(false);
          await eventually(() => expect(rig.board.mischiefs).toBeGreaterThan(0));
          if (readable || mischief !== 'silence') {
            await eventually(() => expect(rig.faults.length).toBeGreaterThan(0));
            expect(rig.faults[0]).toContain(protocol.name);
          }
          expect(rig.relay.read()).toBeUndefined();
          // Off still goes out, and arrives.
          rig.relay.write(false);
          await eventually(() => expect(isOn()).toBe(false));
          expect(rig.relay.read()).toBeUndefined();
          if (!readable && mischief === 'silence') expect(rig.faults).toEqual([]);
          rig.board.mischief = 'none';
          rig.board.mischiefs = 0;
          await becomes(false);
          rig.relay.write(true);
          await becomes(true);
          await rig.relay.stop();
        }
      });

      test(`${mischief} at start: driven off all the same, and refused where the board can be read back`, async () => {
        rig.board.relays.set(channel, true);
        rig.board.mischief = mischief;
        const refused = await rig.relay.start().then(
          () => false,
          (error) => hasCode(error, 'gate.board'),
        );
        expect(refused).toBe(readable);
        expect(rig.board.mischiefs).toBeGreaterThan(0);
        await eventually(() => expect(isOn()).toBe(false));
      });
    }

    test('read-backs go on ending, twice within the second of a watchdog, whatever state the board is in', async () => {
      const twice = async () => {
        const before = rig.relay.attempts;
        const from = performance.now();
        await eventually(() => expect(rig.relay.attempts).toBeGreaterThan(before + 1));
        expect(performance.now() - from).toBeLessThan(1000);
      };
      await started(true);
      await twice();
      rig.relay.write(false);
      await twice();
      rig.board.mischief = 'silence';
      await twice();
      await rig.pull();
      await twice();
      await rig.relay.stop();
      const stopped = rig.relay.attempts;
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(rig.relay.attempts).toBe(stopped);
    });

    test('it says what it cannot guarantee', () => {
      const text = rig.relay.caveats.join(' ');
      expect(text).toContain(readable ? 'not the contact' : 'cannot be read back');
      if (!timer) expect(rig.relay.ownTimer).toBe(false);
    });
  });
}
