import { afterEach, describe, expect, test } from 'vitest';
import { protocolOf, type SerialBoard } from '../../daemon/board/serial-boards.ts';
import type { Protocol } from '../../daemon/board/serial-protocol.ts';
import { eventually } from './contract.ts';
import { serialContract } from './serial-contract.ts';
import { noPty } from './serial-pty.ts';
import { type SerialRig, serialRig } from './serial-rig.ts';
import {
  IcpdasBoard,
  KmtronicBoard,
  LcusBoard,
  NumatoBoard,
  type SimulatedSerialBoard,
  WaveshareBoard,
} from './serial-simulators.ts';

const SPARE = 8;

serialContract('LCUS', {
  protocol: protocolOf({ model: 'lcus', channel: 1 }),
  make: (speak) => new LcusBoard(speak),
  channel: 1,
  readable: false,
  timer: false,
});
serialContract('KMTronic', {
  protocol: protocolOf({ model: 'kmtronic', channel: 2 }),
  make: (speak) => new KmtronicBoard(speak),
  channel: 2,
  readable: true,
  timer: false,
});
serialContract('Numato', {
  protocol: protocolOf({ model: 'numato', channel: 11 }),
  make: (speak) => new NumatoBoard(speak),
  channel: 11,
  readable: true,
  timer: false,
});
serialContract('Waveshare', {
  protocol: protocolOf({ model: 'waveshare', channel: 2 }),
  make: (speak) => new WaveshareBoard(speak),
  channel: 2,
  readable: true,
  timer: false,
});
serialContract('ICP DAS I-7060', {
  protocol: protocolOf({ model: 'i7060', channel: 2, checksum: true }),
  make: (speak) => {
    const board = new IcpdasBoard(speak);
    board.checksum = true;
    return board;
  },
  channel: 2,
  readable: true,
  timer: true,
});

describe.skipIf(noPty !== undefined)('boards with a timer of their own', () => {
  let rig: SerialRig<SimulatedSerialBoard>;
  let feeding: NodeJS.Timeout | undefined;
  afterEach(async () => {
    clearInterval(feeding);
    await rig.dispose();
  });

  async function over<B extends SimulatedSerialBoard>(
    board: SerialBoard,
    make: (speak: (bytes: Uint8Array) => void) => B,
  ): Promise<SerialRig<B>> {
    const made = await serialRig(protocolOf(board), make);
    rig = made;
    return made;
  }
  const feed = () => {
    feeding = setInterval(() => rig.relay.feed(), 50);
  };
  const passes = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  const waveshare = () => over({ model: 'waveshare', channel: 1, spare: SPARE }, (speak) => new WaveshareBoard(speak));
  const icpdas = () => over({ model: 'i7060', channel: 1 }, (speak) => new IcpdasBoard(speak));

  describe.each([
    ['Waveshare', waveshare, 700],
    ['ICP DAS', icpdas, 1000],
  ] as const)('%s', (_name, make, period) => {
    test('fed it stays on past its period; not fed it drops by itself, and a late feed does not bring it back', async () => {
      const { relay, board, faults } = await make();
      await relay.start();
      expect(relay.ownTimer).toBe(true);
      relay.write(true);
      feed();
      await eventually(() => expect(relay.read()).toBe(true));
      await passes(2 * period + 200);
      expect(board.relays.get(1)).toBe(true);
      expect(relay.read()).toBe(true);
      expect(faults).toEqual([]);
      clearInterval(feeding);
      await eventually(() => expect(board.relays.get(1)).toBe(false));
      feed();
      await passes(500);
      expect(board.relays.get(1)).toBe(false);
      expect(faults).toHaveLength(1);
      await eventually(() => expect(relay.read()).toBe(false));
      relay.write(true);
      await eventually(() => expect(relay.read()).toBe(true));
    });

    test('with the cable pulled it drops by itself', async () => {
      const { relay, board, pull } = await make();
      await relay.start();
      relay.write(true);
      feed();
      await eventually(() => expect(relay.read()).toBe(true));
      await pull();
      await eventually(() => expect(board.relays.get(1)).toBe(false));
    });
  });

  test('the Waveshare proof moves the spare relay only, and leaves it off', async () => {
    const { relay, board } = await waveshare();
    const moved = new Set<number>();
    const watch = setInterval(() => {
      for (const [channel, on] of board.relays) if (on) moved.add(channel);
    }, 1);
    await relay.start();
    clearInterval(watch);
    expect([...moved]).toEqual([SPARE]);
    expect(board.relays.get(SPARE)).toBe(false);
  });

  test.each([
    ['does not renew', (board: WaveshareBoard) => (board.renews = false), 'renewing flash-on does not renew it'],
    ['does not end', (board: WaveshareBoard) => (board.ends = false), 'the relay is still on'],
  ])('a Waveshare board whose flash-on %s is used without it, and it is said', async (_title, spoil, doubt) => {
    const { relay, board } = await waveshare();
    spoil(board);
    await relay.start();
    expect(relay.ownTimer).toBe(false);
    expect(relay.caveats.join(' ')).toContain(doubt);
    expect(board.relays.get(SPARE)).toBe(false);
    relay.write(true);
    await eventually(() => expect(relay.read()).toBe(true));
    expect(board.heard.at(-1)).toBe('on');
    await passes(1000);
    expect(relay.read()).toBe(true);
  });

  test('an I-7060 that does not tell whether its watchdog is enabled is used without it, and it is said', async () => {
    const { relay, board } = await icpdas();
    board.tellsWatchdog = false;
    await relay.start();
    expect(relay.ownTimer).toBe(false);
    expect(relay.caveats.join(' ')).toContain('it is not enabled');
    relay.write(true);
    await eventually(() => expect(relay.read()).toBe(true));
    await passes(1200);
    expect(relay.read()).toBe(true);
  });

  test('an I-7060 whose safe and power-on states have the relay on has them put right, with the relay off', async () => {
    const { relay, board } = await icpdas();
    board.safe = 0b1001;
    board.atPowerOn = 0b0001;
    board.relays.set(4, true);
    await relay.start();
    expect([board.safe, board.atPowerOn]).toEqual([0b1000, 0b1000]);
    expect(relay.ownTimer).toBe(true);
  });

  test('an I-7060 whose watchdog lapsed before a power cut is driven off, cleared and used', async () => {
    const { relay, board } = await icpdas();
    board.status = '04';
    await relay.start();
    relay.write(true);
    feed();
    await eventually(() => expect(relay.read()).toBe(true));
  });

  test('an I-7060 whose watchdog does not come on is not energised', async () => {
    const { relay, board, faults } = await icpdas();
    await relay.start();
    board.tellsWatchdog = false;
    relay.write(true);
    await eventually(() => expect(faults).toHaveLength(1));
    await eventually(() => expect(relay.read()).toBe(false));
    expect(board.heard).not.toContain('on');
  });

  test('a relay that goes off by itself is a fault, and stays off until it is told on again', async () => {
    const { relay, board, faults } = await over({ model: 'kmtronic', channel: 1 }, (speak) => new KmtronicBoard(speak));
    await relay.start();
    relay.write(true);
    await eventually(() => expect(relay.read()).toBe(true));
    board.relays.set(1, false);
    await eventually(() => expect(faults).toHaveLength(1));
    expect(faults[0]).toContain('told on');
    await eventually(() => expect(relay.read()).toBe(false));
    expect(board.heard.at(-1)).toBe('off');
    relay.write(true);
    await eventually(() => expect(relay.read()).toBe(true));
  });

  test('a relay that does not go off reads on, and is told off again and again', async () => {
    const { relay, board } = await over({ model: 'kmtronic', channel: 1 }, (speak) => new KmtronicBoard(speak));
    await relay.start();
    relay.write(true);
    await eventually(() => expect(relay.read()).toBe(true));
    board.onBytes = () => queueMicrotask(() => board.relays.set(1, true));
    const before = board.heard.length;
    relay.write(false);
    await eventually(() => expect(board.heard.length).toBeGreaterThan(before + 3));
    expect(relay.read()).toBe(true);
    board.onBytes = () => {};
    await eventually(() => expect(relay.read()).toBe(false));
  });
});

describe('which relay', () => {
  test.each<SerialBoard>([
    { model: 'lcus', channel: 0 },
    { model: 'lcus', channel: 1.5 },
    { model: 'kmtronic', channel: 3 },
    { model: 'numato', channel: 33 },
    { model: 'i7060', channel: 5 },
    { model: 'waveshare', channel: 33 },
    { model: 'waveshare', channel: 2, spare: 2 },
    { model: 'waveshare', channel: 2, spare: 0 },
  ])('%o is refused', (board) => {
    expect(() => protocolOf(board)).toThrow(expect.objectContaining({ code: 'gate.board' }));
  });
});

/** Not asserted: how long it takes depends on the machine. Real boards add their own time, and 8 bytes 8.3 ms at 9600 baud. */
describe.skipIf(noPty !== undefined)('measured', () => {
  const boards: [string, Protocol, (speak: (bytes: Uint8Array) => void) => SimulatedSerialBoard][] = [
    ['KMTronic', protocolOf({ model: 'kmtronic', channel: 1 }), (speak) => new KmtronicBoard(speak)],
    ['Numato', protocolOf({ model: 'numato', channel: 1 }), (speak) => new NumatoBoard(speak)],
    ['Waveshare', protocolOf({ model: 'waveshare', channel: 1 }), (speak) => new WaveshareBoard(speak)],
    ['I-7060', protocolOf({ model: 'i7060', channel: 1 }), (speak) => new IcpdasBoard(speak)],
  ];
  test.each(boards)('%s', async (name, protocol, make) => {
    const rig = await serialRig(protocol, make);
    try {
      await rig.relay.start();
      const toWire: number[] = [];
      const toConfirmed: number[] = [];
      for (let round = 0; round < 30; round++) {
        // Into an idle line as a rule; now and then into a poll.
        await new Promise((resolve) => setTimeout(resolve, 20));
        const before = rig.arrivedAt.length;
        const from = Number(process.hrtime.bigint()) / 1e6;
        rig.relay.write(false);
        await eventually(() => expect(rig.arrivedAt.length).toBeGreaterThan(before));
        toWire.push(rig.arrivedAt[before]! - from);
        await eventually(() => expect(rig.relay.read()).toBe(false));
        toConfirmed.push(Number(process.hrtime.bigint()) / 1e6 - from);
      }
      const figures = (values: number[]) => {
        const sorted = values.toSorted((a, b) => a - b);
        return `median ${sorted[15]!.toFixed(2)}, worst ${sorted[29]!.toFixed(2)} ms`;
      };
      console.log(`${name}: off → out of the port ${figures(toWire)}; off → confirmed ${figures(toConfirmed)}`);
      expect(toWire).toHaveLength(30);
    } finally {
      await rig.dispose();
    }
  });
});
