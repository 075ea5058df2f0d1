/** Relay boards that speak the real bytes, written from the manuals and not from the drivers. */
export type Mischief = 'none' | 'wrong' | 'half' | 'silence' | 'noise';

export abstract class SimulatedSerialBoard {
  readonly relays = new Map<number, boolean>();
  /** Everything it understood, in order, in words. */
  readonly heard: string[] = [];
  mischief: Mischief = 'none';
  /** How often it did what `mischief` says. */
  mischiefs = 0;
  /** Called when bytes arrive, before they are looked at. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  readonly #speak: (bytes: Uint8Array) => void;

  constructor(speak: (bytes: Uint8Array) => void) {
    this.#speak = speak;
  }

  /** `at`: when they arrived, monotonic ms. */
  hear(bytes: Uint8Array, at: number): void {
    this.onBytes(bytes);
    this.take(bytes, at);
  }

  unplug(): void {}

  protected abstract take(bytes: Uint8Array, at: number): void;
  /** The same answer as a faulty board or another one would give it. */
  protected abstract spoil(answer: Uint8Array): Uint8Array;

  protected set(channel: number, on: boolean): void {
    this.heard.push(on ? 'on' : 'off');
    this.relays.set(channel, on);
  }

  protected answer(bytes: Uint8Array): void {
    if (this.mischief === 'none') this.#speak(bytes);
    else this.mischiefs++;
    if (this.mischief === 'wrong') this.#speak(this.spoil(bytes));
    if (this.mischief === 'half') this.#speak(bytes.subarray(0, Math.ceil(bytes.length / 2)));
    if (this.mischief === 'noise') this.#speak(Uint8Array.of(0x00, 0x55, ...bytes));
  }
}

abstract class Framed extends SimulatedSerialBoard {
  #rest: number[] = [];
  protected abstract readonly start: number;
  protected abstract readonly length: number;
  protected abstract frame(bytes: readonly number[]): void;

  protected take(bytes: Uint8Array): void {
    this.#rest.push(...bytes);
    for (;;) {
      while (this.#rest.length > 0 && this.#rest[0] !== this.start) this.#rest.shift();
      if (this.#rest.length < this.length) return;
      this.frame(this.#rest.splice(0, this.length));
    }
  }
}

/** LCUS says nothing. Asked for mischief it babbles as some of its copies do. */
export class LcusBoard extends Framed {
  protected readonly start = 0xa0;
  protected readonly length = 4;

  protected frame([, channel, state, sum]: readonly number[]): void {
    if ((state !== 0 && state !== 1) || sum !== ((0xa0 + channel! + state) & 0xff)) return;
    this.set(channel!, state === 1);
    if (this.mischief !== 'none') this.answer(Buffer.from(`CH${channel}: ${state === 1 ? 'ON' : 'OFF'}\r\n`));
  }

  protected spoil(answer: Uint8Array): Uint8Array {
    return answer;
  }
}

export class KmtronicBoard extends Framed {
  protected readonly start = 0xff;
  protected readonly length = 3;

  protected frame([, channel, code]: readonly number[]): void {
    if (code === 0 || code === 1) this.set(channel!, code === 1);
    if (code === 3) this.answer(Uint8Array.of(0xff, channel!, this.relays.get(channel!) ? 1 : 0));
  }

  /** Another channel's. */
  protected spoil([start, channel, state]: Uint8Array): Uint8Array {
    return Uint8Array.of(start!, channel! ^ 3, state!);
  }
}

abstract class Lines extends SimulatedSerialBoard {
  #rest = '';
  protected abstract line(text: string): void;

  protected take(bytes: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(bytes).toString('latin1')).split('\r');
    this.#rest = lines.pop()!;
    for (const line of lines) this.line(line);
  }
}

export class NumatoBoard extends Lines {
  protected line(text: string): void {
    const [, verb, index] = /^relay (on|off|read) ([0-9A-V])$/.exec(text) ?? [];
    const relay = Number.parseInt(index ?? '', 36);
    if (verb === 'on' || verb === 'off') this.set(relay + 1, verb === 'on');
    const state = verb === 'read' ? `${this.relays.get(relay + 1) ? 'on' : 'off'}\n\r` : '';
    this.answer(Buffer.from(`${text}\n\r${state}>`));
  }

  /** Its echo is of another command. */
  protected spoil(answer: Uint8Array): Uint8Array {
    return Buffer.from(Buffer.from(answer).toString().replace('relay', 'relax'));
  }
}

function crc(bytes: readonly number[]): [number, number] {
  let value = 0xffff;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const low = (value ^ (byte >> bit)) & 1;
      value = (value >> 1) ^ (low ? 0xa001 : 0);
    }
  return [value & 0xff, value >> 8];
}

export class WaveshareBoard extends SimulatedSerialBoard {
  /** What flash-on does when the relay is on already. */
  renews = true;
  /** Whether flash-on ends at all. */
  ends = true;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #rest: number[] = [];
  #last = 0;
  #quiet: NodeJS.Timeout | undefined;

  /** Frames are told apart by silence: two commands without a pause are none. */
  protected take(bytes: Uint8Array, at: number): void {
    if (at - this.#last > 3.5) this.#frame(this.#rest.splice(0));
    this.#last = at;
    this.#rest.push(...bytes);
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#frame(this.#rest.splice(0)), 4);
  }

  override unplug(): void {
    clearTimeout(this.#quiet);
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #frame(frame: readonly number[]): void {
    const body = frame.slice(0, -2);
    if (frame.length !== 8 || crc(body).join() !== frame.slice(-2).join() || frame[0] !== 1) return;
    const [, code, page, coil, high, low] = frame as [number, number, number, number, number, number];
    if (code === 1) {
      let bits = 0;
      for (let at = 0; at < 8; at++) bits |= (this.relays.get(coil + at + 1) ? 1 : 0) << at;
      const answer = [1, 1, 1, bits];
      this.answer(Uint8Array.of(...answer, ...crc(answer)));
    } else if (code === 5) {
      if (page === 0) {
        clearTimeout(this.#timers.get(coil));
        this.set(coil + 1, high === 0xff);
      } else if (page === 2) this.#flash(coil, (high * 256 + low) * 100);
      this.answer(Uint8Array.from(frame));
    }
  }

  #flash(coil: number, ms: number): void {
    if (this.relays.get(coil + 1) && !this.renews) return;
    clearTimeout(this.#timers.get(coil));
    this.relays.set(coil + 1, true);
    this.heard.push('flash');
    if (this.ends)
      this.#timers.set(
        coil,
        setTimeout(() => this.relays.set(coil + 1, false), ms),
      );
  }

  /** One bit flipped on the way. */
  protected spoil(answer: Uint8Array): Uint8Array {
    return answer.map((byte, at) => (at === 3 ? byte ^ 1 : byte));
  }
}

export class IcpdasBoard extends Lines {
  checksum = false;
  /** 04: it has lapsed. Kept over power cuts. */
  status = '00';
  /** An old firmware does not tell whether its watchdog is enabled. */
  tellsWatchdog = true;
  safe = 0;
  atPowerOn = 0;
  #watchdog = { enabled: false, units: 0 };
  #timer: NodeJS.Timeout | undefined;

  override unplug(): void {
    clearTimeout(this.#timer);
  }

  protected line(text: string): void {
    const body = this.checksum ? text.slice(0, -2) : text;
    if (this.checksum && this.#sum(body) !== text) return;
    const output = /^#011([0-3])0([01])$/.exec(body);
    const kept = /^~01([45])([SP])$/.exec(body);
    const watchdog = /^~013([01])([0-9A-F]{2})$/.exec(body);
    if (body === '~**') {
      this.heard.push('feed');
      this.#begin();
    } else if (output !== null) {
      if (this.status === '04') this.#say('!');
      else {
        this.set(Number(output[1]) + 1, output[2] === '1');
        this.#say('>');
      }
    } else if (body === '@01') this.#say(`>${this.#byte(this.#outputs())}05`);
    else if (body === '~010') this.#say(`!01${this.status}`);
    else if (body === '~011') {
      this.status = '00';
      this.#say('!01');
    } else if (body === '~012') {
      const time = this.#byte(this.#watchdog.units);
      this.#say(this.tellsWatchdog ? `!01${this.#watchdog.enabled ? 1 : 0}${time}` : `!01${time}`);
    } else if (watchdog !== null) {
      this.#watchdog = { enabled: watchdog[1] === '1', units: Number.parseInt(watchdog[2]!, 16) };
      this.#begin();
      this.#say('!01');
    } else if (kept?.[1] === '5') {
      if (kept[2] === 'S') this.safe = this.#outputs();
      else this.atPowerOn = this.#outputs();
      this.#say('!01');
    } else if (kept?.[1] === '4') this.#say(`!01${this.#byte(kept[2] === 'S' ? this.safe : this.atPowerOn)}00`);
    else this.#say('?01');
  }

  #begin(): void {
    clearTimeout(this.#timer);
    if (!this.#watchdog.enabled || this.status === '04') return;
    this.#timer = setTimeout(() => {
      this.status = '04';
      for (let at = 0; at < 4; at++) this.relays.set(at + 1, ((this.safe >> at) & 1) === 1);
    }, this.#watchdog.units * 100);
  }

  #outputs(): number {
    let bits = 0;
    for (let at = 0; at < 4; at++) bits |= (this.relays.get(at + 1) ? 1 : 0) << at;
    return bits;
  }

  #byte(value: number): string {
    return value.toString(16).toUpperCase().padStart(2, '0');
  }

  #sum(text: string): string {
    let sum = 0;
    for (const byte of Buffer.from(text)) sum += byte;
    return text + this.#byte(sum & 255);
  }

  #say(text: string): void {
    this.answer(Buffer.from(`${this.checksum ? this.#sum(text) : text}\r`));
  }

  /** A refusal. */
  protected spoil(): Uint8Array {
    return Buffer.from('?01\r');
  }
}
