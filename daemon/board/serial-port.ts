import { writeSync } from 'node:fs';
import { PortcullisError, reasonOf } from '../base/errors.ts';

/** An open serial port. */
export interface Wire {
  /** Hands bytes to the port, in this turn where the system allows it, else to the port's own queue. Throws when it cannot. */
  send(bytes: Uint8Array): void;
  /** Resolves when the port is let go, whatever becomes of it. */
  close(): Promise<void>;
}

export interface WireEvents {
  hear(bytes: Uint8Array): void;
  /** The port is gone, by itself: told once, and nothing after it. */
  lost(reason: string): void;
}

/** Opens the port at a path, 8N1. Rejects with `gate.board`. */
export type OpenWire = (path: string, baudRate: number, events: WireEvents) => Promise<Wire>;

/** Real serial ports, by the optional package `serialport`. `load` is how it is found. */
export function serialPorts(
  load: () => Promise<Pick<typeof import('serialport'), 'SerialPort'>> = () => import('serialport'),
): OpenWire {
  return async (path, baudRate, { hear, lost }) => {
    const { SerialPort } = await found(load);
    // hupcl would pull DTR down whenever this process ends, and some boards reset, or switch, on that.
    const port = new SerialPort({
      path,
      baudRate,
      dataBits: 8,
      parity: 'none',
      stopBits: 1,
      hupcl: false,
      autoOpen: false,
    });
    await new Promise<void>((resolve, reject) => {
      port.open((error) => {
        if (error === null) resolve();
        else
          reject(
            new PortcullisError('gate.board', `The serial port ${path} does not open: ${reasonOf(error)}.`, {
              cause: error,
            }),
          );
      });
    });
    let over = false;
    const end = (reason: string) => {
      if (over) return;
      over = true;
      lost(reason);
    };
    port.on('data', (bytes: Uint8Array) => {
      if (!over) hear(bytes);
    });
    port.on('error', (error) => end(reasonOf(error)));
    port.on('close', (error: unknown) => end(error instanceof Error ? reasonOf(error) : 'it was closed'));
    return {
      send(bytes) {
        if (!port.isOpen) throw new Error('it is gone');
        const descriptor = descriptorOf(port.port);
        if (descriptor === undefined) {
          port.write(Buffer.from(bytes), (error) => {
            if (error) end(reasonOf(error));
          });
          return;
        }
        // It does not block: a port that is full refuses the bytes (EAGAIN), or takes some.
        if (writeSync(descriptor, bytes) !== bytes.length) throw new Error('it takes no more bytes');
      },
      close() {
        over = true;
        return new Promise((resolve) => port.close(() => resolve()));
      },
    };
  };
}

/**
 * The open port's file descriptor, or undefined where there is none to write to. serialport's own write goes through
 * libuv's four threads, where it waits behind whatever keeps them (a slow disk is enough); a write to the descriptor does
 * not. The binding forgets it before it closes it, so it never names somebody else's file.
 */
function descriptorOf(binding: unknown): number | undefined {
  if (process.platform === 'win32' || typeof binding !== 'object' || binding === null) return undefined;
  return 'fd' in binding && typeof binding.fd === 'number' ? binding.fd : undefined;
}

async function found<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new PortcullisError(
      'gate.board',
      `A serial relay board needs the npm package serialport, which cannot be loaded: ${reasonOf(error)}. Install it with \`npm install serialport\`.`,
      { cause: error },
    );
  }
}
