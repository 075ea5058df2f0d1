import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Output } from './parts.ts';
import { type Failure, type Outcome, SerialLine } from './serial-line.ts';
import type { OpenWire, Wire } from './serial-port.ts';
import type { Exchange, Protocol } from './serial-protocol.ts';

/** How often the board is asked, and an off command that is not confirmed is repeated. */
const POLL_MS = 200;
/** How often a board's timer is fed; all of them are several times longer. */
const FEED_MS = 200;
/** A feed this close before the end of the board's timer may come too late, and then it would energise a dropped relay. */
const LATE_MS = 100;
/** A read-back older than this is no longer what the hardware says. */
const STALE_MS = 1000;
/** How often a port that is gone is looked for. */
const RETRY_MS = 500;

export interface SerialRelayOptions {
  /** The port; one that stays the same, as in /dev/serial/by-id. */
  readonly path: string;
  /** 9600 unless the board was set up otherwise. */
  readonly baudRate?: number;
  readonly protocol: Protocol;
  readonly open: OpenWire;
  readonly clock: Clock;
}

/** A question asked by the driver itself: while starting, and while stopping. */
interface Question {
  readonly exchange: Exchange;
  readonly resolve: (high: boolean | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One relay of a serial relay board.
 *
 * What is sent next follows from what is due, and off comes first: an off command is written at once, into whatever is
 * going on, which drops all else that was due; and it is written again, on a quiet line, until the board confirms it. The
 * other way round nothing is repeated: what does not go on at the first command, or does not stay on, is driven off.
 */
export class SerialRelay implements Output {
  readonly #options: SerialRelayOptions;
  #stopped = true;
  #stopping: Promise<void> | undefined;
  /** Settles with the newest attempt to connect. */
  #connecting: Promise<void> | undefined;
  #wire: Wire | undefined;
  #line: SerialLine | undefined;
  /** The board is there, was driven off and has been examined. */
  #ready = false;
  /** What was commanded last, or what the driver fell back to. */
  #high = false;
  /** Counts commands: a reading asked for before the last one says nothing about it. */
  #commands = 0;
  #offDue = false;
  #steps: Exchange[] = [];
  #feedDue = false;
  #readDue = false;
  #questions: Question[] = [];
  #reading: { readonly high: boolean; readonly at: number } | undefined;
  #leaseProven = false;
  #leaseDoubt: string | undefined;
  #fedAt = 0;
  #faulty = false;
  #attempts = 0;
  #listener: ((reason: string) => void) | undefined;
  #cancelPoll: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(options: SerialRelayOptions) {
    this.#options = options;
  }

  get ownTimer(): boolean {
    return this.#leaseProven;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get caveats(): readonly string[] {
    const { name, caveats, read } = this.#options.protocol;
    return [
      ...caveats,
      read === undefined
        ? `Nothing can be asked of the ${name}: the service's watchdog proves the gate's loop, and nothing of the board.`
        : `What the ${name} reads back is its command to the coil, not the contact.`,
      ...(this.#leaseDoubt === undefined
        ? []
        : [`The timer of the ${name} is not relied on, and it keeps its relay energised: ${this.#leaseDoubt}.`]),
    ];
  }

  onFault(listener: (reason: string) => void): void {
    this.#listener = listener;
  }

  async start(): Promise<void> {
    await this.#stopping;
    this.#stopped = false;
    try {
      await this.#connect();
    } catch (error) {
      await this.stop();
      throw error instanceof PortcullisError ? error : this.#error(`does not start: ${reasonOf(error)}`, error);
    }
    this.#cancelPoll = this.#options.clock.every(POLL_MS, () => this.#poll());
  }

  write(high: boolean): void {
    if (high) this.#energise();
    else this.#deEnergise();
  }

  read(): boolean | undefined {
    if (this.#reading === undefined) return undefined;
    return this.#options.clock.monotonic() - this.#reading.at > STALE_MS ? undefined : this.#reading.high;
  }

  feed(): void {
    const { protocol, clock } = this.#options;
    if (!this.#high || !this.#leaseProven || this.#steps.length > 0 || protocol.lease === undefined) return;
    const unfed = clock.monotonic() - this.#fedAt;
    if (unfed > protocol.lease.ms - LATE_MS) {
      this.#giveUp(`its timer was not fed for ${Math.round(unfed)} ms`);
    } else if (unfed >= FEED_MS) {
      this.#feedDue = true;
      this.#pump();
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  #energise(): void {
    if (!this.#ready) throw this.#error('cannot be told on: it is not there');
    if (this.#high) return;
    const { protocol, clock } = this.#options;
    this.#command(true);
    this.#offDue = false;
    this.#steps = [...(this.#leaseProven && protocol.lease !== undefined ? protocol.lease.on : protocol.on)];
    this.#fedAt = clock.monotonic();
    this.#pump();
    if (this.#line === undefined) throw this.#error('did not take the on command');
  }

  #deEnergise(): void {
    const { off } = this.#options.protocol;
    this.#command(false);
    this.#steps = [];
    this.#feedDue = false;
    const line = this.#line;
    if (line === undefined) throw this.#error('cannot be told off: it is not there');
    try {
      if (line.busy) {
        this.#offDue = true;
        line.interrupt(off.bytes);
      } else {
        this.#sendOff(line);
      }
    } catch (error) {
      this.#lost(reasonOf(error));
      throw this.#error(`did not take the off command: ${reasonOf(error)}`, error);
    }
  }

  #command(high: boolean): void {
    this.#high = high;
    this.#commands++;
    this.#reading = undefined;
    this.#readDue = this.#options.protocol.read !== undefined;
  }

  #connect(): Promise<void> {
    const established = this.#establish();
    this.#connecting = established.catch(() => {});
    return established;
  }

  /** Takes the port, drives the relay off, and only then looks what the board can do. */
  async #establish(): Promise<void> {
    const { path, baudRate = 9600, protocol, open, clock } = this.#options;
    let line: SerialLine | undefined;
    const wire = await open(path, baudRate, {
      hear: (bytes) => {
        if (line !== undefined && this.#line === line) line.hear(bytes);
      },
      lost: (reason) => {
        if (line !== undefined && this.#line === line) this.#lost(reason);
      },
    });
    if (this.#stopped) {
      await wire.close();
      throw new Error('it was stopped');
    }
    line = new SerialLine(clock, (bytes) => wire.send(bytes), {
      free: () => this.#pump(),
      noise: (failure) => this.#noise(failure),
    });
    this.#wire = wire;
    this.#line = line;
    // At once, and whatever the board was in the middle of; then again, on a line that has become quiet.
    line.interrupt(protocol.off.bytes);
    await this.#ask(protocol.off);
    if (protocol.read !== undefined && (await this.#ask(protocol.read)) !== false)
      throw new Error('its relay reads on after the off command');
    await this.#examineTimer(line);
    if (this.#line !== line || this.#stopped) throw new Error('it was stopped');
    this.#ready = true;
    this.#faulty = false;
    this.#poll();
  }

  async #examineTimer(line: SerialLine): Promise<void> {
    const { protocol, clock } = this.#options;
    this.#leaseProven = false;
    this.#leaseDoubt = undefined;
    if (protocol.lease === undefined) return;
    const ask = (exchange: Exchange) =>
      this.#line === line ? this.#ask(exchange) : Promise.reject(new Error('it is not there any more'));
    try {
      await protocol.lease.prove(ask, clock);
      this.#leaseProven = true;
    } catch (error) {
      if (this.#line !== line || this.#stopped) throw error;
      this.#leaseDoubt = reasonOf(error);
    }
  }

  #exchange(line: SerialLine, exchange: Exchange, done: (outcome: Outcome) => void): void {
    line.ask(exchange, (outcome) => {
      // A command without an answer says nothing about the board.
      if (exchange.judge !== undefined) this.#attempts++;
      done(outcome);
    });
  }

  #ask(exchange: Exchange): Promise<boolean | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#line === undefined) {
        reject(new Error('it is not there'));
        return;
      }
      this.#questions.push({ exchange, resolve, reject });
      this.#pump();
    });
  }

  #poll(): void {
    const { read } = this.#options.protocol;
    // Where nobody is there to be asked the attempt has ended already: a fault, and no reason to be killed for ever.
    if (this.#line === undefined || read === undefined) this.#attempts++;
    if (!this.#ready) return;
    this.#readDue = read !== undefined;
    // Without a read-back there is nothing to confirm it, so it is said for ever.
    if (!this.#high && (read === undefined || this.read() !== false)) this.#offDue = true;
    this.#pump();
  }

  /** Sends what is due next, if the line is free. */
  #pump(): void {
    const line = this.#line;
    if (line === undefined || line.busy) return;
    const { protocol, clock } = this.#options;
    try {
      const step = this.#steps[0];
      const question = this.#questions[0];
      if (this.#offDue) {
        this.#sendOff(line);
      } else if (question !== undefined) {
        this.#questions.shift();
        this.#exchange(line, question.exchange, (outcome) => {
          if (outcome.ok) question.resolve(outcome.high);
          else if (outcome.again && this.#line === line) this.#questions.unshift(question);
          else question.reject(new Error(outcome.reason));
        });
      } else if (step !== undefined) {
        const command = this.#commands;
        this.#exchange(line, step, (outcome) => this.#stepDone(outcome, step, command));
      } else if (this.#feedDue && protocol.lease !== undefined) {
        this.#feedDue = false;
        const { feed } = protocol.lease;
        const at = clock.monotonic();
        this.#exchange(line, feed, (outcome) => this.#feedDone(outcome, feed, at));
      } else if (this.#readDue && protocol.read !== undefined) {
        this.#readDue = false;
        const command = this.#commands;
        this.#exchange(line, protocol.read, (outcome) => this.#readDone(outcome, command));
      }
    } catch (error) {
      this.#lost(reasonOf(error));
    }
  }

  #sendOff(line: SerialLine): void {
    this.#offDue = false;
    const command = this.#commands;
    this.#exchange(line, this.#options.protocol.off, (outcome) => this.#offDone(outcome, command));
  }

  #offDone(outcome: Outcome, command: number): void {
    // Cut short by a newer off command.
    if (command !== this.#commands) return;
    if (outcome.ok) this.#succeeded(this.#options.protocol.off);
    else if (outcome.again) this.#offDue = true;
    else this.#fault(outcome.reason);
  }

  /** A command without an answer has succeeded only on a board that never answers. */
  #succeeded(exchange: Exchange): void {
    if (exchange.judge !== undefined || this.#options.protocol.read === undefined) this.#faulty = false;
  }

  #stepDone(outcome: Outcome, step: Exchange, command: number): void {
    // Cut short by an off command, which has dropped the steps as well.
    if (command !== this.#commands) return;
    if (outcome.ok) {
      this.#steps.shift();
      this.#succeeded(step);
    } else if (!outcome.again) this.#giveUp(outcome.reason);
  }

  #feedDone(outcome: Outcome, feed: Exchange, at: number): void {
    if (outcome.ok) {
      this.#fedAt = at;
      this.#succeeded(feed);
    } else if (this.#high && outcome.again) this.#feedDue = true;
    else if (this.#high) this.#fault(outcome.reason);
  }

  #readDone(outcome: Outcome, command: number): void {
    if (command !== this.#commands) return;
    if (!outcome.ok) {
      if (outcome.again) this.#readDue = true;
      else this.#fault(outcome.reason);
      return;
    }
    this.#faulty = false;
    if (outcome.high === undefined) return;
    if (this.#high && !outcome.high) this.#giveUp('its relay is off, though it was told on');
    else this.#reading = { high: outcome.high, at: this.#options.clock.monotonic() };
  }

  /** What was read just before is in doubt with it: the answer may have been a late one. */
  #noise({ reason, again }: Failure): void {
    this.#reading = undefined;
    this.#readDue = this.#options.protocol.read !== undefined;
    if (!again) this.#fault(reason);
  }

  /** Commanded on, and it is not, or not surely: off, until the next command. */
  #giveUp(reason: string): void {
    this.#fault(reason);
    try {
      this.#deEnergise();
    } catch {
      // Told: a port that takes no command is lost, and the relay is driven off when it comes back.
    }
  }

  #fault(reason: string): void {
    this.#reading = undefined;
    if (this.#faulty || this.#stopped) return;
    this.#faulty = true;
    const { protocol, path } = this.#options;
    this.#listener?.(`${protocol.name} on ${path}: ${reason}`);
  }

  /** The port is gone: the cable was pulled, or it takes no bytes. */
  #lost(reason: string): void {
    this.#fault(`the port is lost, ${reason}`);
    void this.#letGo(reason);
    this.#retry();
  }

  #retry(): void {
    if (this.#stopped || !this.#everStarted()) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#connect().catch(async (error: unknown) => {
        await this.#letGo(reasonOf(error));
        this.#retry();
      });
    });
  }

  /** While start() is still at it, it is start() that fails, and nothing is tried again. */
  #everStarted(): boolean {
    return this.#cancelPoll !== undefined;
  }

  /** Forgets the port, and resolves when it is closed. */
  async #letGo(reason: string): Promise<void> {
    const wire = this.#wire;
    const line = this.#line;
    this.#wire = undefined;
    this.#line = undefined;
    this.#ready = false;
    this.#leaseProven = false;
    this.#command(false);
    this.#offDue = false;
    this.#steps = [];
    this.#feedDue = false;
    line?.close();
    this.#forgetQuestions(reason);
    await wire?.close();
  }

  #forgetQuestions(reason: string): void {
    for (const question of this.#questions.splice(0)) question.reject(new Error(reason));
  }

  async #shutDown(): Promise<void> {
    this.#stopped = true;
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#forgetQuestions('it was stopped');
    const { off, read } = this.#options.protocol;
    try {
      this.#deEnergise();
      await this.#ask(off);
      if (read !== undefined) await this.#ask(read);
    } catch {
      // As far as possible: the command has been written, or there is nothing left to write to.
    }
    await this.#letGo('it was stopped');
    // An attempt that was under way has noticed, and lets go what it has taken.
    await this.#connecting;
  }

  #error(failure: string, cause?: unknown): PortcullisError {
    const { protocol, path } = this.#options;
    return new PortcullisError('gate.board', `The ${protocol.name} on ${path} ${failure}.`, { cause });
  }
}
