import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { commandsOf, readValue } from '../../daemon/board/files.ts';
import { SimulatedHardware } from '../../daemon/board/hardware.ts';
import { Line } from '../../daemon/board/line.ts';
import { eventually } from './contract.ts';

/** A clock that a test moves, and that runs what falls due on the way. */
class HandClock implements Clock {
  now = 0;
  readonly #due: { at: number; run: () => void; every: number | undefined }[] = [];
  monotonic = () => this.now;
  wall = () => this.now;
  after = (ms: number, run: () => void) => this.#plan(ms, run, undefined);
  every = (ms: number, run: () => void) => this.#plan(ms, run, ms);

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#due.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.now = Math.max(this.now, next.at);
      if (next.every === undefined) this.#due.splice(this.#due.indexOf(next), 1);
      else next.at += next.every;
      next.run();
    }
    this.now = end;
  }

  #plan(ms: number, run: () => void, every: number | undefined): () => void {
    const timer = { at: this.now + ms, run, every };
    this.#due.push(timer);
    return () => {
      const index = this.#due.indexOf(timer);
      if (index !== -1) this.#due.splice(index, 1);
    };
  }
}

let folder: string;
let directory: string;
let vault: string;
let clock: HandClock;
let ends: number;
let lines: Line[];

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-hardware-')));
  directory = folder;
  vault = join(folder, 'vault');
  clock = new HandClock();
  ends = 0;
  lines = [];
  const hardware = new SimulatedHardware({ directory, clock, end: () => ends++ });
  await hardware.start();
});

afterEach(async () => {
  // The hardware notes that its last driver is gone: not in a folder that is gone too.
  await carriedOut(await connect());
  for (const line of lines) line.close();
  await eventually(() => expect(readValue(directory, 'led')).toBe('dark'));
  rmSync(folder, { recursive: true, force: true });
});

async function connect(): Promise<Line> {
  const line = await Line.open(directory, systemClock);
  if (line === undefined) throw new Error('there is no board');
  lines.push(line);
  await line.ask('relay 0', 'relay 0');
  await line.ask(`vault ${vault}`, 'vault');
  clock.advance(5);
  return line;
}

async function energise(line: Line): Promise<void> {
  line.send('relay 1');
  await eventually(() => expect(readValue(directory, 'relay')).toBe('1'));
}

/** What was sent before has been carried out once this is shown. */
let marks = 0;
async function carriedOut(line: Line): Promise<void> {
  const mark = `mark-${marks++}`;
  line.send(`led ${mark}`);
  await eventually(() => expect(readValue(directory, 'led')).toBe(mark));
}

const state = () => [readValue(directory, 'relay'), readValue(directory, 'feedback'), existsSync(vault)];

test('the contact follows the coil after 5 ms; on the way back the vault goes first', async () => {
  const line = await connect();
  await energise(line);
  clock.advance(4.9);
  expect(state()).toEqual(['1', '0', false]);
  clock.advance(0.1);
  expect(state()).toEqual(['1', '1', true]);
  await line.ask('relay 0', 'relay 0');
  expect(state()).toEqual(['0', '1', false]);
  clock.advance(4.9);
  expect(state()).toEqual(['0', '1', false]);
  clock.advance(0.1);
  expect(state()).toEqual(['0', '0', false]);
});

test('a coil switched off before its contact moved never makes it', async () => {
  const line = await connect();
  await energise(line);
  clock.advance(3);
  await line.ask('relay 0', 'relay 0');
  clock.advance(100);
  expect(state()).toEqual(['0', '0', false]);
});

test('two relays in series: the vault is behind both, and leaving one takes it away at once', async () => {
  const line = await connect();
  const contacts = () => [readValue(directory, 'contact1'), readValue(directory, 'contact2')];
  line.send('relay 1 only 1');
  await eventually(() => expect(readValue(directory, 'relay')).toBe('1'));
  clock.advance(5);
  expect([...state(), ...contacts()]).toEqual(['1', '0', false, '1', '0']);
  line.send('relay 1');
  await carriedOut(line);
  clock.advance(5);
  expect([...state(), ...contacts()]).toEqual(['1', '1', true, '1', '1']);
  line.send('relay 1 only 2');
  await carriedOut(line);
  expect([...state(), ...contacts()]).toEqual(['0', '1', false, '1', '1']);
  clock.advance(5);
  expect([...state(), ...contacts()]).toEqual(['0', '0', false, '0', '1']);
  expect(readValue(directory, 'relay2')).toBe('1');
  clock.advance(500);
  expect(readValue(directory, 'relay2')).toBe('0');
  line.send('relay 1 only 1');
  await carriedOut(line);
  expect(readValue(directory, 'relay')).toBe('0');
});

test('the dead-man drops the uplink with the vault, and the last driver’s going too', async () => {
  const line = await connect();
  await line.ask('uplink 0', 'uplink 0');
  // No driver of ours asks for both: the board drops what it finds.
  line.send('uplink 1');
  await energise(line);
  clock.advance(500);
  expect([readValue(directory, 'relay'), readValue(directory, 'uplink')]).toEqual(['0', '0']);
  line.send('uplink 1');
  await eventually(() => expect(readValue(directory, 'uplink')).toBe('1'));
  line.close();
  await eventually(() => expect(readValue(directory, 'uplink')).toBe('0'));
  writeFileSync(commandsOf(directory), 'uplink 1\nled slow-white\n');
  await eventually(() => expect(readValue(directory, 'led')).toBe('slow-white'));
  expect(readValue(directory, 'uplink')).toBe('0');
});

test('the dead-man drops the coil 500 ms after the last beat, not before, and holds it until an explicit off', async () => {
  const line = await connect();
  await energise(line);
  for (let beat = 0; beat < 5; beat++) {
    clock.advance(499);
    expect(state()).toEqual(['1', '1', true]);
    line.send('beat');
    await carriedOut(line);
  }
  expect(readValue(directory, 'heartbeat')).toBe('1');
  clock.advance(499.9);
  expect(state()).toEqual(['1', '1', true]);
  clock.advance(0.1);
  expect(state()).toEqual(['0', '1', false]);
  expect(readValue(directory, 'heartbeat')).toBe('0');
  line.send('beat');
  line.send('relay 1');
  await carriedOut(line);
  clock.advance(10);
  expect(state()).toEqual(['0', '0', false]);
  expect(readValue(directory, 'heartbeat')).toBe('1');
  await line.ask('relay 0', 'relay 0');
  await energise(line);
  clock.advance(5);
  expect(state()).toEqual(['1', '1', true]);
});

test('a driver that goes lets the line fall, and a line without a driver cannot be raised', async () => {
  const line = await connect();
  await energise(line);
  clock.advance(5);
  line.close();
  await eventually(() => expect(state()).toEqual(['0', '1', false]));
  clock.advance(5);
  expect(readValue(directory, 'led')).toBe('dark');
  expect(state()).toEqual(['0', '0', false]);
  writeFileSync(commandsOf(directory), 'relay 0\nrelay 1\nled slow-white\n');
  await eventually(() => expect(readValue(directory, 'led')).toBe('slow-white'));
  clock.advance(5);
  expect(state()).toEqual(['0', '0', false]);
});

test('it ends 60 s after the last driver has gone, and not while one is there', async () => {
  clock.advance(59_999);
  expect(ends).toBe(0);
  const line = await connect();
  const other = await connect();
  clock.advance(3_600_000);
  expect(ends).toBe(0);
  line.close();
  await other.ask('relay 0', 'relay 0');
  clock.advance(3_600_000);
  expect(ends).toBe(0);
  other.close();
  // Dark is written as the last driver goes.
  await eventually(() => expect(readValue(directory, 'led')).toBe('dark'));
  await eventually(() => {
    clock.advance(1000);
    expect(ends).toBe(1);
  });
  expect(clock.now).toBeGreaterThanOrEqual(59_999 + 7_200_000 + 60_000);
});
