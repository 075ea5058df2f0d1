import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { LED_PATTERNS } from '../../daemon/base/protocol.ts';
import { AssembledBoard, type Parts } from '../../daemon/board/assembled.ts';
import { lightOf } from '../../daemon/board/led.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { boardContract } from './contract.ts';
import { FakeInput, FakeOutput } from './fake-parts.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A device that is there while the relay is on, as a disk behind it would be. */
class Disk extends FakeOutput {
  readonly path: string;

  constructor() {
    super();
    const folder = mkdtempSync(join(tmpdir(), 'pc-disk-'));
    folders.push(folder);
    this.path = join(folder, 'device');
  }

  override write(high: boolean): void {
    super.write(high);
    if (high) writeFileSync(this.path, '');
    else rmSync(this.path, { force: true });
  }

  override async stop(): Promise<void> {
    await super.stop();
    rmSync(this.path, { force: true });
  }
}

boardContract('assembled from parts', async () => {
  const relay = new Disk();
  const button = new FakeInput(true);
  const parts: Parts = {
    relay,
    contacts: [{ line: new FakeInput(undefined, relay), madeLevel: true }],
    device: relay.path,
    button: { line: button, pressedLevel: false },
    led: new FakeOutput(),
    heartbeat: new FakeOutput(),
  };
  return {
    board: new AssembledBoard(parts, systemClock),
    push: (pressed) => button.set(!pressed, systemClock.monotonic()),
    energised: () => relay.high,
    dispose: async () => {},
  };
});

function assembled(change: Partial<Parts> = {}) {
  const clock = new FakeClock();
  const relay = new FakeOutput();
  return { clock, relay, board: new AssembledBoard({ relay, contacts: [], ...change }, clock) };
}

describe('a board put together from parts', () => {
  it('drives both relays, and both off even if the first refuses', async () => {
    const relay2 = new FakeOutput();
    const { relay, board } = assembled({ relay2 });
    await board.start();
    board.drive(true);
    expect([relay.high, relay2.high]).toEqual([true, true]);
    relay.failing = { write: true };
    expect(() => board.drive(false)).toThrow(/takes no commands/);
    expect(relay2.high).toBe(false);
  });

  it('does not leave one relay energised when the other cannot be', async () => {
    const relay2 = new FakeOutput();
    const { relay, board } = assembled({ relay2 });
    await board.start();
    relay2.failing = { write: true };
    expect(() => board.drive(true)).toThrow();
    expect(relay.high).toBe(false);
  });

  it('shows one welded contact although the other relay keeps the link dead', async () => {
    const [first, second] = [new FakeInput(false), new FakeInput(false)];
    const { board } = assembled({ contacts: [first, second].map((line) => ({ line, madeLevel: true })) });
    await board.start();
    expect(board.read().contact).toBe('dead');
    first.set(true);
    expect(board.read().contact).toBe('alive');
    board.drive(true);
    expect(board.read().contact).toBe('dead');
    second.set(true);
    expect(board.read().contact).toBe('alive');
    second.high = undefined;
    expect(board.read().contact).toBe('unknown');
  });

  it('without a contact a coil read back proves at most that something is wrong', async () => {
    const { relay, board } = assembled();
    await board.start();
    expect(board.read().contact).toBe('unknown');
    relay.readsAs = true;
    expect(board.read().contact).toBe('alive');
    board.drive(true);
    expect(board.read().contact).toBe('unknown');
    relay.readsAs = false;
    expect(board.read().contact).toBe('dead');
  });

  it('toggles the heartbeat on each beat and feeds the relay’s own timer; a broken heartbeat throws nothing', async () => {
    const heartbeat = new FakeOutput();
    const { relay, board } = assembled({ heartbeat });
    await board.start();
    for (let beat = 0; beat < 4; beat += 1) board.beat();
    expect(heartbeat.writes).toEqual([true, false, true, false]);
    expect(relay.feeds).toBe(4);
    heartbeat.failing = { write: true };
    expect(() => board.beat()).not.toThrow();
  });

  it('a dead LED neither stops the start nor throws, and is told', async () => {
    const led = new FakeOutput();
    led.failing = { start: true };
    const { board, clock } = assembled({ led });
    await board.start();
    board.show('fast-red');
    clock.advance(1000);
    expect(board.caveats.join(' ')).toContain('indicator');
  });

  it('lights one line or three by pattern and time', async () => {
    const led = { red: new FakeOutput(), green: new FakeOutput(), blue: new FakeOutput() };
    const { board, clock } = assembled({ led });
    await board.start();
    board.show('steady-green');
    clock.advance(5000);
    expect([led.red.high, led.green.high, led.blue.high]).toEqual([false, true, false]);
    board.show('fast-red');
    expect([led.red.high, led.green.high]).toEqual([true, false]);
    clock.advance(150);
    expect(led.red.high).toBe(false);
  });

  it('tells the patterns apart by time alone, so that one colour is enough', () => {
    const shapes = LED_PATTERNS.map((pattern) => {
      const lit = Array.from({ length: 240 }, (_, index) => (lightOf(pattern, index * 25) === undefined ? '.' : '#'));
      return lit.join('');
    });
    expect(new Set(shapes).size).toBe(LED_PATTERNS.length);
  });

  it('passes on what a relay board reports, and refuses to start without its relay', async () => {
    const { relay, board } = assembled();
    await board.start();
    const heard: string[] = [];
    board.onFault((reason) => heard.push(reason));
    relay.fault('the cable was pulled');
    expect(heard).toEqual(['the cable was pulled']);
    const broken = assembled();
    broken.relay.failing = { start: true };
    await expect(broken.board.start()).rejects.toMatchObject({ code: 'gate.board' });
    await broken.board.stop();
  });

  it('counts an attempt once every relay has been asked, whatever it answered, and whatever the contacts say', async () => {
    const relay2 = new FakeOutput();
    const { relay, board } = assembled({ relay2, contacts: [{ line: new FakeInput(false), madeLevel: true }] });
    await board.start();
    board.read();
    board.read();
    expect(board.attempts).toBe(2);
    relay.readsAs = true;
    relay2.readsAs = 'nothing';
    board.read();
    expect(board.attempts).toBe(3);
    // One that answers a hundred times does not stand for one that is stuck.
    relay2.failing = { read: true };
    for (let count = 0; count < 100; count += 1) board.read();
    expect(board.attempts).toBe(3);
    relay2.failing = {};
    relay.failing = { read: true };
    for (let count = 0; count < 100; count += 1) board.read();
    expect(board.attempts).toBe(4);
  });

  it('drops alone only with a heartbeat, or a timer that the start has proven', async () => {
    expect(assembled().board.dropsAlone).toBe(false);
    expect(assembled({ heartbeat: new FakeOutput() }).board.dropsAlone).toBe(true);
    const { relay, board } = assembled();
    await board.start();
    expect(board.dropsAlone).toBe(false);
    relay.ownTimer = true;
    expect(board.dropsAlone).toBe(true);
  });

  it('says what is missing', () => {
    expect(assembled().board.caveats.join(' ')).toMatch(/contact.*device.*button.*heartbeat/i);
  });
});
