import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../daemon/base/clock.ts';
import { type OpenWire, serialPorts } from '../../daemon/board/serial-port.ts';
import type { Protocol } from '../../daemon/board/serial-protocol.ts';
import { SerialRelay } from '../../daemon/board/serial-relay.ts';
import { type Pty, plug } from './serial-pty.ts';
import type { SimulatedSerialBoard } from './serial-simulators.ts';

/** A driver, a real port, and a board at the other end of the cable. */
export interface SerialRig<B extends SimulatedSerialBoard> {
  readonly relay: SerialRelay;
  readonly board: B;
  /** What the driver told of faults. */
  readonly faults: string[];
  /** What the driver has handed to the port. */
  readonly sent: Uint8Array[];
  /** When bytes last came out of the port, monotonic ms. */
  readonly arrivedAt: number[];
  pull(): Promise<void>;
  /** Puts the cable back. */
  plug(): Promise<void>;
  dispose(): Promise<void>;
}

export async function serialRig<B extends SimulatedSerialBoard>(
  protocol: Protocol,
  make: (speak: (bytes: Uint8Array) => void) => B,
): Promise<SerialRig<B>> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-serial-'));
  const path = join(directory, 'port');
  let pty: Pty | undefined;
  const board = make((bytes) => pty?.speak(bytes));
  const arrivedAt: number[] = [];
  const plugIn = async () => {
    pty = await plug(path, (bytes, at) => {
      arrivedAt.push(at);
      board.hear(bytes, at);
    });
  };
  await plugIn();
  const sent: Uint8Array[] = [];
  const ports = serialPorts();
  const open: OpenWire = async (...args) => {
    const wire = await ports(...args);
    return {
      send(bytes) {
        wire.send(bytes);
        sent.push(bytes);
      },
      close: () => wire.close(),
    };
  };
  const relay = new SerialRelay({ path, protocol, open, clock: systemClock });
  const faults: string[] = [];
  relay.onFault((reason) => faults.push(reason));
  return {
    relay,
    board,
    faults,
    sent,
    arrivedAt,
    async pull() {
      const pulled = pty;
      pty = undefined;
      await pulled?.pull();
    },
    plug: plugIn,
    async dispose() {
      await relay.stop();
      board.unplug();
      await pty?.pull();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
