import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { LED_PATTERNS } from '../../daemon/base/protocol.ts';
import { AssembledBoard, type Parts } from '../../daemon/board/assembled.ts';
import { lightOf, soundOf } from '../../daemon/board/led.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { boardContract } from './contract.ts';
import { FakeInput, FakeOutput } from './fake-parts.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A device that is there while the relay is on, as a disk behind it would be. */
class Disk extends FakeOutput {
  path: string;
  #others: Disk[] = [];

  constructor() {
    super();
    const folder = mkdtempSync(join(tmpdir(), 'pc-disk-'));
    folders.push(folder);
    this.path = join(folder, 'device');
  }

  /** The disk is behind both. */
  inSeries(other: Disk): void {
    other.path = this.path;
    other.#others = [this];
    this.#others = [other];
  }

  override write(high: boolean): void {
    super.write(high);
    if ([this, ...this.#others].every((relay) => relay.high)) writeFileSync(this.path, '');
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
    uplinkEnergised: () => false,
    dispose: async () => {},
  };
});

boardContract('assembled from all parts', async () => {
  const [relay, relay2] = [new Disk(), new Disk()];
  relay.inSeries(relay2);
  const [button, supply, uplink] = [new FakeInput(true), new FakeInput(true), new FakeOutput()];
  const parts: Parts = {
    relay,
    relay2,
    contacts: [relay, relay2].map((coil) => ({ line: new FakeInput(undefined, coil), madeLevel: true })),
    device: relay.path,
    button: { line: button, pressedLevel: false },
    supply: { line: supply, presentLevel: true },
    led: new FakeOutput(),
    buzzer: new FakeOutput(),
    heartbeat: new FakeOutput(),
    uplink: { relay: uplink, contact: { line: new FakeInput(undefined, uplink), madeLevel: true } },
  };
  return {
    board: new AssembledBoard(parts, systemClock),
    push: (pressed) => {
      supply.set(!pressed);
      button.set(!pressed, systemClock.monotonic());
    },
    energised: () => relay.high || relay2.high,
    uplinkEnergised: () => uplink.high,
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
    board.drive(true);
    for (let beat = 0; beat < 4; beat += 1) board.beat();
    expect(heartbeat.writes).toEqual([true, false, true, false]);
    expect(relay.feeds).toBe(4);
    heartbeat.failing = { write: true };
    expect(() => board.beat()).not.toThrow();
  });

  it('feeds no dead-man while isolated, and a beat never stays high then', async () => {
    const heartbeat = new FakeOutput();
    const uplink = { relay: new FakeOutput(), contact: { line: new FakeInput(false), madeLevel: true } };
    const { relay, board } = assembled({ heartbeat, uplink });
    await board.start();
    board.beat();
    board.driveUplink(true);
    board.beat();
    expect([heartbeat.writes, relay.feeds]).toEqual([[], 0]);
    board.driveUplink(false);
    board.drive(true);
    board.beat();
    expect(heartbeat.high).toBe(true);
    board.drive(false);
    expect(heartbeat.high).toBe(false);
    board.beat();
    expect(heartbeat.high).toBe(false);
    board.drive(true);
    board.beat();
    relay.failing = { write: true };
    expect(() => board.drive(false)).toThrow();
    expect(heartbeat.high).toBe(false);
  });

  it('in a change from one relay to the other, the one that goes off is told first', async () => {
    const told: string[] = [];
    class Told extends FakeOutput {
      readonly name: string;
      constructor(name: string) {
        super();
        this.name = name;
      }
      override write(high: boolean): void {
        super.write(high);
        told.push(`${this.name} ${high ? 1 : 0}`);
      }
    }
    const board = new AssembledBoard({ relay: new Told('a'), relay2: new Told('b'), contacts: [] }, new FakeClock());
    await board.start();
    board.drive(true, 1);
    board.drive(true, 2);
    board.drive(true, 1);
    expect(told).toEqual(['b 0', 'a 1', 'a 0', 'b 1', 'b 0', 'a 1']);
  });

  it('one relay alone: a welded other shows as a link that is alive; one contact over both shows nothing', async () => {
    const relay2 = new FakeOutput();
    const [first, second] = [new FakeInput(false), new FakeInput(false)];
    const { board } = assembled({ relay2, contacts: [first, second].map((line) => ({ line, madeLevel: true })) });
    await board.start();
    board.drive(true, 1);
    first.set(true);
    expect(board.read()).toMatchObject({ contact: 'dead', contacts: ['alive', 'dead'] });
    second.set(true);
    expect(board.read()).toMatchObject({ contact: 'alive', contacts: ['alive', 'alive'] });
    // Both mirror contacts in one line, which is low as soon as one relay is made.
    const mirrors = new FakeInput(true);
    const shared = assembled({ relay2: new FakeOutput(), contacts: [{ line: mirrors, madeLevel: false }] }).board;
    await shared.start();
    expect(shared.read().contact).toBe('dead');
    shared.drive(true, 2);
    expect(shared.read().contact).toBe('dead');
    mirrors.set(false);
    expect(shared.read()).toMatchObject({ contact: 'unknown', contacts: ['alive'] });
    shared.drive(true);
    expect(shared.read().contact).toBe('alive');
  });

  it('without a contact, one relay alone: only the coil that must be off can tell anything', async () => {
    const relay2 = new FakeOutput();
    const { relay, board } = assembled({ relay2 });
    await board.start();
    board.drive(true, 2);
    expect(board.read().contact).toBe('unknown');
    relay.readsAs = true;
    expect(board.read().contact).toBe('alive');
    relay.readsAs = undefined;
    relay2.readsAs = false;
    expect(board.read().contact).toBe('dead');
  });

  it('drives each relay off by itself, whatever the others do, at start, on command and at stop', async () => {
    for (const broken of ['relay', 'relay2', 'uplink'] as const) {
      const relays = { relay: new FakeOutput(), relay2: new FakeOutput(), uplink: new FakeOutput() };
      const { relay, relay2, uplink } = relays;
      const contact = { line: new FakeInput(false), madeLevel: true };
      const parts = { relay, relay2, contacts: [], uplink: { relay: uplink, contact } };
      const board = new AssembledBoard(parts, new FakeClock());
      relays[broken].failing = { start: true };
      await expect(board.start()).rejects.toMatchObject({ code: 'gate.board' });
      for (const each of Object.values(relays)) expect(each.high).toBe(false);
      relays[broken].failing = {};
      await board.start();
      if (broken === 'uplink') board.driveUplink(true);
      else board.drive(true);
      const others = Object.values(relays).filter((each) => each !== relays[broken]);
      relays[broken].failing = { write: true };
      // The other door is refused, and everything that can go off is.
      expect(() => (broken === 'uplink' ? board.drive(true) : board.driveUplink(true))).toThrow(/commanded on/);
      expect(others.map(({ high }) => high)).toEqual([false, false]);
      await board.stop();
      expect(Object.values(relays).map(({ high }) => high)).toEqual([false, false, false]);
    }
  });

  it('an uplink that cannot be energised leaves everything off, and passes on its faults', async () => {
    const uplink = { relay: new FakeOutput(), contact: { line: new FakeInput(false), madeLevel: false } };
    const { board } = assembled({ uplink });
    await board.start();
    expect([board.wiring, board.read().uplink]).toEqual([{ relays: 1, uplink: true, supply: false }, 'alive']);
    const heard: string[] = [];
    board.onFault((reason) => heard.push(reason));
    uplink.relay.fault('unplugged');
    expect(heard).toEqual(['unplugged']);
    uplink.relay.failing = { write: true };
    expect(() => board.driveUplink(true)).toThrow(/takes no commands/);
    uplink.relay.failing = {};
    board.drive(true);
    expect(uplink.relay.high).toBe(false);
  });

  it('senses the supply by the level it was told', async () => {
    const line = new FakeInput(false);
    const { board } = assembled({ supply: { line, presentLevel: false } });
    expect(board.read().supply).toBe('unknown');
    await board.start();
    expect(board.read().supply).toBe('alive');
    line.set(true);
    expect(board.read().supply).toBe('dead');
    line.high = undefined;
    expect(board.read().supply).toBe('unknown');
  });

  it('sounds for a lockout and a fault, and a buzzer that breaks is a caveat and nothing else', async () => {
    const buzzer = new FakeOutput();
    const { board, clock } = assembled({ buzzer });
    await board.start();
    board.show('steady-green');
    clock.advance(10_000);
    expect(buzzer.writes).toEqual([]);
    board.show('fast-red');
    expect(buzzer.high).toBe(true);
    clock.advance(500);
    expect(buzzer.high).toBe(false);
    // Told only what changes.
    expect(buzzer.writes).toEqual([true, false]);
    buzzer.failing = { write: true };
    clock.advance(5000);
    board.show('triple-red');
    expect(board.caveats.filter((caveat) => caveat.includes('buzzer'))).toHaveLength(1);
    const mute = new FakeOutput();
    mute.failing = { start: true };
    await assembled({ buzzer: mute }).board.start();
  });

  it('each alarm has a rhythm of its own: a minute without pause, then once a minute; a tick for a request', () => {
    const heard = (pattern: (typeof LED_PATTERNS)[number], from: number, to: number) =>
      Array.from({ length: (to - from) / 25 }, (_, index) => soundOf(pattern, from + index * 25));
    for (const pattern of LED_PATTERNS) {
      const [minute, later] = [heard(pattern, 0, 60_000), heard(pattern, 60_000, 600_000)];
      const alarm = pattern === 'fast-red' || pattern === 'triple-red';
      // Never silent for longer than this within the first minute.
      const pauses = minute.map(String).join('').split('true');
      expect(Math.max(...pauses.map((pause) => pause.length / 'false'.length)) * 25 <= 1300).toBe(alarm);
      expect(minute.includes(true)).toBe(alarm || pattern === 'double-blink-blue');
      if (!alarm) continue;
      for (let start = 0; start < later.length; start += 2400) {
        const sounding = later.slice(start, start + 2400).filter(Boolean).length * 25;
        expect(sounding).toBeGreaterThan(0);
        expect(sounding).toBeLessThanOrEqual(500);
      }
    }
    const rhythm = (pattern: 'fast-red' | 'triple-red' | 'double-blink-blue') => heard(pattern, 0, 6000).join();
    expect(new Set([rhythm('fast-red'), rhythm('triple-red'), rhythm('double-blink-blue')]).size).toBe(3);
    expect(heard('double-blink-blue', 0, 3000).filter(Boolean)).toHaveLength(2);
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
    expect(assembled().board.caveats.join(' ')).toMatch(/contact.*device.*button.*supply.*heartbeat/i);
  });
});
