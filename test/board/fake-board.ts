import type { Clock } from '../../daemon/base/clock.ts';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { LedPattern, Reading } from '../../daemon/base/protocol.ts';
import { type Board, type BoardReading, PLAIN_WIRING, type Wiring } from '../../daemon/gate/board.ts';

export interface Command {
  readonly what:
    | 'relay 0'
    | 'relay 1'
    | 'relay 1 only 1'
    | 'relay 1 only 2'
    | 'uplink 0'
    | 'uplink 1'
    | 'beat'
    | LedPattern;
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
  readings: { contact?: Reading; device?: Reading; uplink?: Reading; supply?: Reading } = {};
  /** Makes `start` reject, or `drive` throw, with `gate.board`. */
  failing: { start?: boolean; drive?: boolean } = {};
  energised = false;
  only: 1 | 2 | undefined;
  uplink = false;
  attempts = 0;
  pressed = false;
  wiring: Pick<Wiring, 'relays' | 'uplink' | 'supply'> = PLAIN_WIRING;
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
    if (this.wiring.uplink) this.driveUplink(false);
    this.#listener?.(this.pressed, this.#clock.monotonic());
  }

  drive(energised: boolean, only?: 1 | 2): void {
    this.#ready();
    if (energised && this.uplink) this.#refuse('the uplink is on');
    if (energised && only !== undefined && this.wiring.relays === 1) this.#refuse('it has one relay');
    this.energised = energised;
    this.only = energised ? only : undefined;
    this.#record(energised ? (only === undefined ? 'relay 1' : `relay 1 only ${only}`) : 'relay 0');
  }

  driveUplink(energised: boolean): void {
    this.#ready();
    if (!this.wiring.uplink) throw new PortcullisError('gate.board', 'The fake board has no uplink.');
    if (energised && this.energised) this.#refuse('a relay of the vault is on');
    this.uplink = energised;
    this.#record(energised ? 'uplink 1' : 'uplink 0');
  }

  read(): BoardReading {
    this.attempts += 1;
    const through = this.energised && this.only === undefined;
    const level = (made: boolean): Reading => (made ? 'alive' : 'dead');
    const { relays, uplink, supply } = this.wiring;
    return {
      contact: this.#started ? level(through) : 'unknown',
      device: level(through),
      ...(relays === 2
        ? { contacts: [1, 2].map((each) => level(this.energised && (this.only ?? each) === each)) }
        : {}),
      ...(uplink ? { uplink: level(this.uplink) } : {}),
      ...(supply ? { supply: level(!this.pressed) } : {}),
      ...this.readings,
    };
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
    if (this.#started && !this.failing.drive) {
      this.drive(false);
      if (this.wiring.uplink) this.driveUplink(false);
    }
    this.#started = false;
  }

  /** The commands given so far, without their times. */
  get given(): readonly Command['what'][] {
    return this.commands.map((command) => command.what);
  }

  /** As the real ones: what must not be asked for leaves everything off. */
  #refuse(why: string): never {
    this.drive(false);
    if (this.wiring.uplink) this.driveUplink(false);
    throw new PortcullisError('gate.board', `The fake board refuses: ${why}.`);
  }

  #ready(): void {
    if (!this.#started || this.failing.drive)
      throw new PortcullisError('gate.board', 'The fake board takes no commands.');
  }

  #record(what: Command['what']): void {
    this.commands.push({ what, at: this.#clock.monotonic() });
  }
}
