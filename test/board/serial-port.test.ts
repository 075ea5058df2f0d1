import { pbkdf2 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SerialPort, SerialPortMock } from 'serialport';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { protocolOf } from '../../daemon/board/serial-boards.ts';
import { serialPorts } from '../../daemon/board/serial-port.ts';
import { SerialRelay } from '../../daemon/board/serial-relay.ts';
import { eventually } from './contract.ts';
import { noPty, plug } from './serial-pty.ts';

const deaf = { hear() {}, lost() {} };

describe('the package serialport', () => {
  test('missing, it is an error that says what to do', async () => {
    const open = serialPorts(() => import('no-such-package-anywhere' as 'serialport'));
    const relay = new SerialRelay({
      path: '/dev/null',
      protocol: protocolOf({ model: 'lcus', channel: 1 }),
      open,
      clock: systemClock,
    });
    await expect(relay.start()).rejects.toMatchObject({
      code: 'gate.board',
      what: expect.stringContaining('npm install serialport'),
    });
    await relay.stop();
  });

  test('a path that is no serial port is refused', async () => {
    for (const path of ['/nonexistent', '/dev/null', tmpdir()])
      await expect(serialPorts()(path, 9600, deaf)).rejects.toMatchObject({
        code: 'gate.board',
        what: expect.stringContaining(path),
      });
  });
});

describe('a binding without a file descriptor', () => {
  afterEach(() => SerialPortMock.binding.reset());

  test('gets the bytes through its own queue, in order', async () => {
    SerialPortMock.binding.createPort('/dev/mock', { record: true });
    let port: SerialPortMock | undefined;
    class Recorded extends SerialPortMock {
      constructor(options: ConstructorParameters<typeof SerialPortMock>[0]) {
        super(options);
        port = this;
      }
    }
    const open = serialPorts(async () => ({ SerialPort: Recorded as unknown as typeof SerialPort }));
    const relay = new SerialRelay({
      path: '/dev/mock',
      protocol: protocolOf({ model: 'lcus', channel: 1 }),
      open,
      clock: systemClock,
    });
    await relay.start();
    const recorded = () => port!.port!.recording.toString('hex');
    relay.write(true);
    await eventually(() => expect(recorded()).toMatch(/a00101a2$/));
    relay.write(false);
    await eventually(() => expect(recorded()).toMatch(/^(a00100a1)+a00101a2(a00100a1){2,}$/));
    await relay.stop();
  });
});

describe.skipIf(noPty !== undefined)('a real port', () => {
  test('what is sent has left in the same turn, though libuv’s threads are all taken', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-serial-'));
    const path = join(directory, 'port');
    const arrived: number[] = [];
    const pty = await plug(path, (_bytes, at) => arrived.push(at));
    try {
      const wire = await serialPorts()(path, 9600, deaf);
      const off = protocolOf({ model: 'waveshare', channel: 1 }).off.bytes;
      // Work that keeps all four threads; it ends long after the bytes should have left.
      let working = 4;
      const work = Array.from(
        { length: working },
        () =>
          new Promise<void>((resolve) => {
            pbkdf2('a', 'b', 600_000, 64, 'sha512', () => {
              working--;
              resolve();
            });
          }),
      );
      const from = systemClock.monotonic();
      wire.send(off);
      const called = systemClock.monotonic();
      await eventually(() => expect(arrived).toHaveLength(1));
      expect(working).toBe(4);
      console.log(
        `threads taken: send ${(called - from).toFixed(3)} ms, out of the port ${(arrived[0]! - from).toFixed(3)} ms`,
      );
      await Promise.all(work);
      await wire.close();
      await wire.close();

      const port = new SerialPort({ path, baudRate: 9600, hupcl: false, autoOpen: false });
      await new Promise<void>((resolve) => port.open(() => resolve()));
      for (const taken of [false, true]) {
        const times: { sync: number[]; async: number[] } = { sync: [], async: [] };
        const hard = taken
          ? Array.from({ length: 4 }, () => new Promise((resolve) => pbkdf2('a', 'b', 300_000, 64, 'sha512', resolve)))
          : [];
        await sleep(10);
        for (let round = 0; round < (taken ? 1 : 50); round++) {
          const before = arrived.length;
          const start = systemClock.monotonic();
          port.write(Buffer.from(off));
          await eventually(() => expect(arrived.length).toBeGreaterThan(before));
          times.async.push(arrived[before]! - start);
        }
        await Promise.all(hard);
        const sorted = times.async.toSorted((a, b) => a - b);
        console.log(
          `serialport’s own write, threads ${taken ? 'taken' : 'free'}: median ${sorted[Math.floor(sorted.length / 2)]!.toFixed(3)}, worst ${sorted.at(-1)!.toFixed(3)} ms`,
        );
      }
      await new Promise<void>((resolve) => port.close(() => resolve()));
    } finally {
      await pty.pull();
      rmSync(directory, { recursive: true });
    }
  });

  test('a port that takes no more bytes says so, and does not wait', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-serial-'));
    const path = join(directory, 'port');
    let heard = 0;
    const pty = await plug(path, (bytes) => {
      heard += bytes.length;
    });
    try {
      const wire = await serialPorts()(path, 9600, deaf);
      pty.freeze();
      expect(() => {
        for (let i = 0; i < 10_000; i++) wire.send(new Uint8Array(64));
      }).toThrow(/EAGAIN|no more bytes/);
      expect(heard).toBeLessThan(640_000);
      await wire.close();
      expect(() => wire.send(new Uint8Array(1))).toThrow('gone');
    } finally {
      await pty.pull();
      rmSync(directory, { recursive: true });
    }
  });
});
