import type { Clock } from '../../daemon/base/clock.ts';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { LedPattern, Reading } from '../../daemon/base/protocol.ts';
import type { Board } from '../../daemon/gate/board.ts';

export interface Command {
  readonly what: 'relay 0' | 'relay 1' | 'beat' | LedPattern;
  /** Monotonic ms. */
  readonly at: number;
}

/**
 * A board in memory, under the same contract as the real drivers. Its readings follow the relay at once, unless a test
 * sets them; its commands are recorded; its failures are switched on.
 */
export class FakeBoard implements Board {
  readonly caveats: readonly string[] = [];
  readonly commands: Command[] = [];
  /** Set one to make a reading say so whatever the relay does: welded, stuck, absent. */
  readings: { contact?: Reading; device?: Reading } = {};
  /** Makes `start` reject, or `drive` throw, with `gate.board`. */
  failing: { start?: boolean; drive?: boolean } = {};
  energised = false;
  attempts = 0;
  pressed = false;
  readonly #clock: Clock;
  #started = false;
  #listener: ((pressed: boolean, at: number) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async start(): Promise<void> {
    if (this.failing.start) throw new PortcullisError('gate.board', 'The fake board does not start.');
    this.#started = true;
    this.drive(false);
    this.#listener?.(this.pressed, this.#clock.monotonic());
  }

  drive(energised: boolean): void {
    if (!this.#started || this.failing.drive)
      throw new PortcullisError('gate.board', 'The fake board takes no commands.');
    this.energised = energised;
    this.#record(energised ? 'relay 1' : 'relay 0');
  }

  read(): { contact: Reading; device: Reading } {
    this.attempts += 1;
    const follows: Reading = this.energised ? 'alive' : 'dead';
    return { contact: this.#started ? follows : 'unknown', device: follows, ...this.readings };
  }

  show(pattern: LedPattern): void {
    if (this.#started) this.#record(pattern);
  }

  beat(): void {
    if (this.#started) this.#record('beat');
  }

  /** Reports a fault as hardware would. */
  fault: (reason: string) => void = () => {};

  onFault(listener: (reason: string) => void): void {
    this.fault = listener;
  }

  onButton(listener: (pressed: boolean, at: number) => void): void {
    this.#listener = listener;
    if (this.#started) listener(this.pressed, this.#clock.monotonic());
  }

  /** Moves the raw level, bounces and all. */
  push(pressed: boolean): void {
    this.pressed = pressed;
    if (this.#started) this.#listener?.(pressed, this.#clock.monotonic());
  }

  async stop(): Promise<void> {
    if (this.#started && !this.failing.drive) this.drive(false);
    this.#started = false;
  }

  /** The commands given so far, without their times. */
  get given(): readonly Command['what'][] {
    return this.commands.map((command) => command.what);
  }

  #record(what: Command['what']): void {
    this.commands.push({ what, at: this.#clock.monotonic() });
  }
}
