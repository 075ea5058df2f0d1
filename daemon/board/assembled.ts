import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { LedPattern, Reading } from '../base/protocol.ts';
import type { Board } from '../gate/board.ts';
import { lightOf, RGB } from './led.ts';
import type { Input, Output } from './parts.ts';

/** Finer than the shortest blink. */
const LED_MS = 25;

/** An auxiliary contact: `madeLevel` is the level its line has while the contact it mirrors is made. */
export interface Contact {
  readonly line: Input;
  readonly madeLevel: boolean;
}

export interface Parts {
  readonly relay: Output;
  /** In series with the first, driven by its own line or board: survives one welded contact. */
  readonly relay2?: Output;
  readonly contacts: readonly Contact[];
  /** Path of the block device or mount behind the link. */
  readonly device?: string;
  readonly led?: Output | { readonly red: Output; readonly green: Output; readonly blue: Output };
  /** `pressedLevel` is the level of the line while the button is pressed. */
  readonly button?: { readonly line: Input; readonly pressedLevel: boolean };
  /** Feeds a dead-man circuit: toggled at 10 Hz while the relay may be energised, still otherwise. */
  readonly heartbeat?: Output;
}

/** A real board, put together from parts. */
export class AssembledBoard implements Board {
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #caveats: string[] = [];
  #energised = false;
  #beat = false;
  #attempts = 0;
  /** What each relay had counted when all of them had moved on. */
  #counted: readonly number[] = [];
  #pattern: LedPattern = 'dark';
  #patternSince = 0;
  #cancelLed: () => void = () => {};
  #ledFailed = false;
  #pressed: { readonly pressed: boolean; readonly at: number } | undefined;
  #listener: (pressed: boolean, at: number) => void = () => {};

  constructor(parts: Parts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  get caveats(): readonly string[] {
    const { relay, relay2, contacts, device, button, heartbeat } = this.#parts;
    const own = [
      ...(contacts.length === 0 ? ['No auxiliary contact: a welded relay is seen only if the device stays.'] : []),
      ...(device === undefined ? ['No device is watched: what is behind the link is not proven.'] : []),
      ...(button === undefined ? ['No button: nothing that needs presence can be done.'] : []),
      ...(heartbeat === undefined && !relay.ownTimer && relay2?.ownTimer !== true
        ? ['No heartbeat line and no timer on the board: a stopped kernel leaves the relay to the hardware watchdog.']
        : []),
    ];
    return [...own, ...this.#all().flatMap(({ caveats }) => caveats), ...this.#caveats];
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** True when something outside our processes drops the relay if they all die: known once started, for timers are proven. */
  get dropsAlone(): boolean {
    return this.#parts.heartbeat !== undefined || this.#relays().some(({ ownTimer }) => ownTimer);
  }

  async start(): Promise<void> {
    const { relay, relay2, contacts, button, heartbeat } = this.#parts;
    // Off first: each relay drives itself low when it starts. The second is tried even if the first fails.
    const relays = await Promise.allSettled([relay.start(), relay2?.start()]);
    for (const outcome of relays) if (outcome.status === 'rejected') throw boardError(outcome.reason);
    await heartbeat?.start();
    for (const { line } of contacts) await line.start();
    button?.line.onEdge((high, at) => {
      this.#pressed = { pressed: high === button.pressedLevel, at };
      this.#listener(this.#pressed.pressed, at);
    });
    await button?.line.start();
    // A dark LED is a nuisance, never a reason to leave the relay unguarded.
    for (const light of this.#lights()) {
      await light
        .start()
        .catch((error: unknown) => this.#caveats.push(`An indicator does not work: ${reasonOf(error)}.`));
    }
    this.#cancelLed = this.#clock.every(LED_MS, () => this.#light());
  }

  drive(energised: boolean): void {
    this.#energised = energised;
    const failures: unknown[] = [];
    for (const relay of this.#relays()) {
      try {
        relay.write(energised);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return;
    if (energised) this.#dropAll();
    throw boardError(failures[0]);
  }

  /**
   * The contact as it matters for the command: while off, one contact still made is alive (a weld, even if the other relay
   * keeps the link dead); while on, all must be made. Without contacts, a coil that reads back high while commanded off
   * is alive; a coil that reads low proves nothing.
   */
  read(): { contact: Reading; device: Reading } {
    // Read whether or not a contact says more: that they can be is what the service's watchdog lives on.
    const coils = this.#relays().map((relay) => relay.read());
    this.#countAttempts();
    return { contact: this.#readContact(coils), device: this.#readDevice() };
  }

  show(pattern: LedPattern): void {
    if (pattern === this.#pattern) return;
    this.#pattern = pattern;
    this.#patternSince = this.#clock.monotonic();
    this.#light();
  }

  beat(): void {
    for (const relay of this.#relays()) relay.feed();
    this.#beat = !this.#beat;
    try {
      this.#parts.heartbeat?.write(this.#beat);
    } catch {
      // An unfed dead-man drops the relay, which is what a broken line should do.
    }
  }

  onButton(listener: (pressed: boolean, at: number) => void): void {
    this.#listener = listener;
    if (this.#pressed !== undefined) listener(this.#pressed.pressed, this.#pressed.at);
  }

  onFault(listener: (reason: string) => void): void {
    for (const relay of this.#relays()) relay.onFault(listener);
  }

  async stop(): Promise<void> {
    this.#cancelLed();
    this.#dropAll();
    const { contacts, button } = this.#parts;
    const inputs = [...contacts.map(({ line }) => line), ...(button === undefined ? [] : [button.line])];
    await Promise.allSettled([...this.#relays().map((relay) => relay.stop())]);
    await Promise.allSettled([...this.#all().map((output) => output.stop()), ...inputs.map((input) => input.stop())]);
  }

  #relays(): Output[] {
    const { relay, relay2 } = this.#parts;
    return relay2 === undefined ? [relay] : [relay, relay2];
  }

  #lights(): Output[] {
    const { led } = this.#parts;
    if (led === undefined) return [];
    return 'red' in led ? [led.red, led.green, led.blue] : [led];
  }

  #all(): Output[] {
    const { heartbeat } = this.#parts;
    return [...this.#relays(), ...this.#lights(), ...(heartbeat === undefined ? [] : [heartbeat])];
  }

  #dropAll(): void {
    this.#energised = false;
    for (const relay of this.#relays()) {
      try {
        relay.write(false);
      } catch {
        // Told by drive(); here only as many as possible are to go off.
      }
    }
  }

  #readContact(coils: readonly (boolean | undefined)[]): Reading {
    const { contacts } = this.#parts;
    if (contacts.length === 0) {
      if (!this.#energised && coils.includes(true)) return 'alive';
      if (this.#energised && coils.includes(false)) return 'dead';
      return 'unknown';
    }
    const made = contacts.map(({ line, madeLevel }) => {
      const level = line.level();
      return level === undefined ? undefined : level === madeLevel;
    });
    if (!this.#energised && made.includes(true)) return 'alive';
    if (made.includes(undefined)) return 'unknown';
    return made.every((each) => each === true) ? 'alive' : 'dead';
  }

  /** One relay that answers does not stand for another one that does not. */
  #countAttempts(): void {
    const counts = this.#relays().map(({ attempts }) => attempts);
    if (!counts.every((count, index) => count > (this.#counted[index] ?? 0))) return;
    this.#counted = counts;
    this.#attempts++;
  }

  #readDevice(): Reading {
    const { device } = this.#parts;
    if (device === undefined) return 'unknown';
    return existsSync(device) ? 'alive' : 'dead';
  }

  #light(): void {
    const { led } = this.#parts;
    if (led === undefined || this.#ledFailed) return;
    const colour = lightOf(this.#pattern, this.#clock.monotonic() - this.#patternSince);
    try {
      if (!('red' in led)) led.write(colour !== undefined);
      else
        for (const name of ['red', 'green', 'blue'] as const)
          led[name].write(colour !== undefined && RGB[colour].includes(name));
    } catch (error) {
      this.#ledFailed = true;
      this.#caveats.push(`The LED does not work: ${reasonOf(error)}.`);
    }
  }
}

function boardError(error: unknown): PortcullisError {
  return error instanceof PortcullisError
    ? error
    : new PortcullisError('gate.board', `The board failed: ${reasonOf(error)}.`);
}
