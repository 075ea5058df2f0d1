import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { LedPattern, Reading } from '../base/protocol.ts';
import type { Board, BoardReading, Wiring } from '../gate/board.ts';
import { lightOf, RGB, soundOf } from './led.ts';
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
  /** Sounds with the pattern shown. */
  readonly buzzer?: Output;
  /** Senses the coils' supply behind the button's normally-closed pole; `presentLevel` is its level while there is current. */
  readonly supply?: { readonly line: Input; readonly presentLevel: boolean };
  /** Feeds a dead-man circuit: toggled at 10 Hz while the relay may be energised, still and low otherwise. */
  readonly heartbeat?: Output;
  /** The network door: its relay, and the contact that proves its break. The dead-man does not feed it. */
  readonly uplink?: { readonly relay: Output; readonly contact: Contact };
}

/** What the vault's relays are told: neither, all there are, or one of two in series. */
type Commanded = 'none' | 'all' | 1 | 2;

/** A real board, put together from parts. */
export class AssembledBoard implements Board {
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #caveats: string[] = [];
  #commanded: Commanded = 'none';
  #uplinkOn = false;
  #beat = false;
  #attempts = 0;
  /** What each relay had counted when all of them had moved on. */
  #counted: readonly number[] = [];
  #pattern: LedPattern = 'dark';
  #patternSince = 0;
  #cancelLed: () => void = () => {};
  #ledFailed = false;
  #sounding = false;
  #buzzerFailed = false;
  #pressed: { readonly pressed: boolean; readonly at: number } | undefined;
  #listener: (pressed: boolean, at: number) => void = () => {};

  constructor(parts: Parts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  get caveats(): readonly string[] {
    const { relay, relay2, contacts, device, button, supply, heartbeat } = this.#parts;
    const own = [
      ...(contacts.length === 0 ? ['No auxiliary contact: a welded relay is seen only if the device stays.'] : []),
      ...(device === undefined ? ['No device is watched: what is behind the link is not proven.'] : []),
      ...(button === undefined ? ['No button: nothing that needs presence can be done.'] : []),
      ...(supply === undefined
        ? ["The coils' supply is not sensed: that the button's closed pole opens it is a claim nobody checks."]
        : []),
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

  get wiring(): Pick<Wiring, 'relays' | 'uplink' | 'supply'> {
    const { relay2, uplink, supply } = this.#parts;
    return { relays: relay2 === undefined ? 1 : 2, uplink: uplink !== undefined, supply: supply !== undefined };
  }

  async start(): Promise<void> {
    const { button, heartbeat } = this.#parts;
    this.#commanded = 'none';
    this.#uplinkOn = false;
    this.#beat = false;
    this.#sounding = false;
    // Off first: each relay drives itself low when it starts. Every one is tried, whichever fails.
    const relays = await Promise.allSettled(this.#everyRelay().map((relay) => relay.start()));
    for (const outcome of relays) if (outcome.status === 'rejected') throw boardError(outcome.reason);
    await heartbeat?.start();
    for (const line of this.#sensors()) await line.start();
    button?.line.onEdge((high, at) => {
      this.#pressed = { pressed: high === button.pressedLevel, at };
      this.#listener(this.#pressed.pressed, at);
    });
    await button?.line.start();
    // A dark LED or a mute buzzer is a nuisance, never a reason to leave the relay unguarded.
    for (const indicator of this.#indicators()) {
      await indicator
        .start()
        .catch((error: unknown) => this.#caveats.push(`An indicator does not work: ${reasonOf(error)}.`));
    }
    this.#cancelLed = this.#clock.every(LED_MS, () => this.#indicate());
  }

  drive(energised: boolean, only?: 1 | 2): void {
    if (!energised) {
      this.#commanded = 'none';
      this.#tell(this.#relays(), false);
      return;
    }
    // On a single relay, `only` would make the link that it promises to leave dead.
    if (only !== undefined && this.#parts.relay2 === undefined)
      this.#refuse('This board has no second relay in series: one cannot be energised alone.');
    if (this.#uplinkOn) this.#refuse('The uplink is commanded on: the vault is not connected beside it.');
    this.#commanded = only ?? 'all';
    const [on, off] = split(this.#relays(), (_, index) => only === undefined || only === index + 1);
    try {
      // The one that is to be off first, so that the two are never on together on the way.
      this.#tell(off, false);
      this.#tell(on, true);
    } catch (error) {
      this.#dropAll();
      throw error;
    }
  }

  driveUplink(energised: boolean): void {
    const { uplink } = this.#parts;
    if (uplink === undefined) throw new PortcullisError('gate.board', 'This board has no uplink.');
    if (energised && this.#commanded !== 'none')
      this.#refuse('A relay of the vault is commanded on: the uplink is not connected beside it.');
    this.#uplinkOn = energised;
    try {
      this.#tell([uplink.relay], energised);
    } catch (error) {
      if (energised) this.#dropAll();
      throw error;
    }
  }

  /**
   * The contact as it matters for the command: while off, one contact still made is alive (a weld, even if the other relay
   * keeps the link dead); while on, all must be made. Without contacts, a coil that reads back high while commanded off
   * is alive; a coil that reads low proves nothing.
   */
  read(): BoardReading {
    const { contacts, uplink, supply } = this.#parts;
    // Read whether or not a contact says more: that they can be is what the service's watchdog lives on.
    const coils = this.#relays().map((relay) => relay.read());
    this.#countAttempts();
    return {
      contact: this.#readContact(coils),
      device: this.#readDevice(),
      ...(contacts.length === 0 ? {} : { contacts: contacts.map(readingOf) }),
      ...(uplink === undefined ? {} : { uplink: readingOf(uplink.contact) }),
      ...(supply === undefined ? {} : { supply: readingOf({ line: supply.line, madeLevel: supply.presentLevel }) }),
    };
  }

  show(pattern: LedPattern): void {
    if (pattern === this.#pattern) return;
    this.#pattern = pattern;
    this.#patternSince = this.#clock.monotonic();
    this.#indicate();
  }

  beat(): void {
    // A dead-man that is fed while isolated would no longer stand against a line that is stuck on.
    if (this.#commanded === 'none') return;
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
    for (const relay of this.#everyRelay()) relay.onFault(listener);
  }

  async stop(): Promise<void> {
    this.#cancelLed();
    this.#dropAll();
    const { button } = this.#parts;
    const inputs = [...this.#sensors(), ...(button === undefined ? [] : [button.line])];
    await Promise.allSettled(this.#everyRelay().map((relay) => relay.stop()));
    await Promise.allSettled([...this.#all().map((output) => output.stop()), ...inputs.map((input) => input.stop())]);
  }

  #relays(): Output[] {
    const { relay, relay2 } = this.#parts;
    return relay2 === undefined ? [relay] : [relay, relay2];
  }

  /** The vault's first: whatever becomes of the uplink, they are told before it. */
  #everyRelay(): Output[] {
    const { uplink } = this.#parts;
    return [...this.#relays(), ...(uplink === undefined ? [] : [uplink.relay])];
  }

  #sensors(): Input[] {
    const { contacts, uplink, supply } = this.#parts;
    return [
      ...contacts.map(({ line }) => line),
      ...(uplink === undefined ? [] : [uplink.contact.line]),
      ...(supply === undefined ? [] : [supply.line]),
    ];
  }

  #indicators(): Output[] {
    const { led, buzzer } = this.#parts;
    const lights = led === undefined ? [] : 'red' in led ? [led.red, led.green, led.blue] : [led];
    return buzzer === undefined ? lights : [...lights, buzzer];
  }

  #all(): Output[] {
    const { heartbeat } = this.#parts;
    return [...this.#everyRelay(), ...this.#indicators(), ...(heartbeat === undefined ? [] : [heartbeat])];
  }

  /** Tells each of them, whichever fails; throws `gate.board` if one did. */
  #tell(relays: readonly Output[], high: boolean): void {
    const failures: unknown[] = [];
    for (const relay of relays) {
      try {
        relay.write(high);
      } catch (error) {
        failures.push(error);
      }
    }
    if (this.#commanded === 'none') this.#quietHeartbeat();
    if (failures.length > 0) throw boardError(failures[0]);
  }

  /** After the relays: a beat that stayed high would be half an edge in store for whoever comes next. */
  #quietHeartbeat(): void {
    if (!this.#beat) return;
    this.#beat = false;
    try {
      this.#parts.heartbeat?.write(false);
    } catch {
      // No more edges come of a line that cannot be driven.
    }
  }

  #dropAll(): void {
    this.#commanded = 'none';
    this.#uplinkOn = false;
    try {
      this.#tell(this.#everyRelay(), false);
    } catch {
      // Told by drive(); here only as many as possible are to go off.
    }
  }

  /** The last line of defence beneath the gate: what must not be asked for leaves everything off. */
  #refuse(what: string): never {
    this.#dropAll();
    throw new PortcullisError('gate.board', what);
  }

  #readContact(coils: readonly (boolean | undefined)[]): Reading {
    const { contacts, relay2 } = this.#parts;
    const on = this.#commanded;
    if (contacts.length === 0) {
      // One that must be off and reads high is all that coils can tell while the link is to stay dead.
      const [driven, others] = split(coils, (_, index) => on === 'all' || on === index + 1);
      if (others.includes(true)) return 'alive';
      return driven.includes(false) ? 'dead' : 'unknown';
    }
    const readings = contacts.map(readingOf);
    if (on === 'none' && readings.includes('alive')) return 'alive';
    if (readings.includes('unknown')) return 'unknown';
    if (!readings.every((each) => each === 'alive')) return 'dead';
    // One contact over two relays (both mirror contacts in one line) shows that one of them moved, not that the link is made.
    return (on === 1 || on === 2) && relay2 !== undefined && contacts.length === 1 ? 'unknown' : 'alive';
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

  #indicate(): void {
    this.#light();
    this.#sound();
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

  #sound(): void {
    const { buzzer } = this.#parts;
    if (buzzer === undefined || this.#buzzerFailed) return;
    const sounds = soundOf(this.#pattern, this.#clock.monotonic() - this.#patternSince);
    if (sounds === this.#sounding) return;
    try {
      buzzer.write(sounds);
      this.#sounding = sounds;
    } catch (error) {
      this.#buzzerFailed = true;
      this.#caveats.push(`The buzzer does not work: ${reasonOf(error)}.`);
    }
  }
}

function readingOf({ line, madeLevel }: Contact): Reading {
  const level = line.level();
  return level === undefined ? 'unknown' : level === madeLevel ? 'alive' : 'dead';
}

function split<T>(items: readonly T[], first: (item: T, index: number) => boolean): [T[], T[]] {
  return [items.filter(first), items.filter((item, index) => !first(item, index))];
}

function boardError(error: unknown): PortcullisError {
  return error instanceof PortcullisError
    ? error
    : new PortcullisError('gate.board', `The board failed: ${reasonOf(error)}.`);
}
