import { beforeEach, expect, test } from 'vitest';
import { protocolOf } from '../../daemon/board/serial-boards.ts';
import type { WireEvents } from '../../daemon/board/serial-port.ts';
import { SerialRelay } from '../../daemon/board/serial-relay.ts';
import { FakeClock } from '../base/fake-clock.ts';

const OFF = 'ff0100';
const ON = 'ff0101';
const READ = 'ff0103';

let clock: FakeClock;
let sent: string[];
let faults: string[];
let events: WireEvents;
let relay: SerialRelay;
let opened: number;
let refuse: boolean;

const hear = (hex: string) => events.hear(Buffer.from(hex, 'hex'));
const passes = async (ms: number) => {
  for (let passed = 0; passed < ms; passed += 5) {
    clock.advance(5);
    for (let i = 0; i < 8; i++) await Promise.resolve();
  }
};
/** Until the driver asks, and no longer. */
const asked = async () => {
  for (let i = 0; i < 100 && sent.at(-1) !== READ; i++) await passes(5);
  expect(sent.at(-1)).toBe(READ);
  sent.push('-');
};

beforeEach(async () => {
  clock = new FakeClock();
  sent = [];
  faults = [];
  opened = 0;
  refuse = false;
  relay = new SerialRelay({
    path: 'wire',
    protocol: protocolOf({ model: 'kmtronic', channel: 1 }),
    clock,
    async open(_path, _baudRate, given) {
      opened++;
      events = given;
      return {
        send(bytes) {
          if (refuse) throw new Error('EAGAIN: resource temporarily unavailable');
          sent.push(Buffer.from(bytes).toString('hex'));
        },
        close: async () => {},
      };
    },
  });
  relay.onFault((reason) => faults.push(reason));
  const started = relay.start();
  await asked();
  hear(OFF);
  await started;
  await asked();
  hear(OFF);
  await passes(5);
  sent = [];
});

test('an answer to a question from before the on command says nothing about it', async () => {
  await asked();
  relay.write(true);
  expect(relay.read()).toBeUndefined();
  hear(OFF);
  await passes(5);
  expect([relay.read(), faults, sent]).toEqual([undefined, [], [READ, '-', ON]]);
  await asked();
  hear(ON);
  expect(relay.read()).toBe(true);
});

test('an on command that waits is dropped by off, and never sent', async () => {
  await asked();
  relay.write(true);
  relay.write(false);
  expect(sent).toEqual([READ, '-', OFF]);
  await passes(400);
  expect(sent).not.toContain(ON);
});

test('a reading is believed for a second and no longer', async () => {
  expect(relay.read()).toBe(false);
  clock.hang(1001);
  expect(relay.read()).toBeUndefined();
});

test('a process that was held up does not take the answer that waits for silence', async () => {
  await asked();
  clock.hang(2000);
  clock.advance(1);
  hear(OFF);
  expect([relay.read(), faults]).toEqual([false, []]);
  await asked();
  await passes(400);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('there is no answer');
});

test('a fault is told once until an exchange succeeds', async () => {
  await passes(3000);
  expect(faults).toHaveLength(1);
  sent.push('-');
  await asked();
  hear(OFF);
  await passes(3000);
  expect(faults).toHaveLength(2);
});

test('after a disturbance nothing is asked until the line is quiet; but off does not wait for ever', async () => {
  hear('00');
  relay.write(false);
  expect(sent).toEqual([OFF]);
  const noiseFor = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      hear('00');
      await passes(10);
    }
  };
  await noiseFor(200);
  expect(sent).toEqual([OFF]);
  await noiseFor(100);
  expect(sent.slice(1)).toContain(OFF);
  expect(relay.read()).toBeUndefined();
});

test('a port that refuses the bytes is an error, a fault, and opened anew with off first', async () => {
  refuse = true;
  expect(() => relay.write(false)).toThrow(expect.objectContaining({ code: 'gate.board' }));
  expect(faults).toHaveLength(1);
  expect(() => relay.write(true)).toThrow(expect.objectContaining({ code: 'gate.board' }));
  await passes(1600);
  expect(opened).toBeGreaterThan(2);
  refuse = false;
  sent = [];
  await asked();
  expect(sent[0]).toBe(OFF);
  hear(OFF);
  await passes(5);
  relay.write(true);
  expect(sent).toContain(OFF);
});

test('what an old port still says is not heard', async () => {
  const old = events;
  refuse = true;
  await passes(300);
  refuse = false;
  await asked();
  old.hear(Buffer.from(OFF, 'hex'));
  old.lost('again');
  await passes(5);
  expect(relay.read()).toBeUndefined();
  expect(() => relay.write(true)).toThrow();
});

test('an answer that is late because off cut in is no fault, and no confirmation either', async () => {
  await asked();
  relay.write(false);
  await passes(60);
  // Off was written again on the quiet line, and the question follows: only now comes what was asked before.
  await asked();
  hear(ON);
  hear(OFF);
  expect([relay.read(), faults]).toEqual([undefined, []]);
  await asked();
  hear(OFF);
  expect([relay.read(), faults]).toEqual([false, []]);
});

test('stopped, nothing is left behind', async () => {
  const stopped = relay.stop();
  await passes(1000);
  await stopped;
  expect(clock.timers).toBe(0);
  expect(sent.at(-1)).toBe(READ);
  expect(sent).toContain(OFF);
});
