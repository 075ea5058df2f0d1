import type { Clock } from '../base/clock.ts';
import { type Exchange, hex } from './serial-protocol.ts';

/** A board answers within 30 ms at 9600 baud, its USB adapter's latency included. */
const ANSWER_MS = 250;
/** Between an answer and the next command: Modbus wants 3.5 characters, 4 ms at 9600 baud. */
const GAP_MS = 5;
/** After a disturbance: nothing is believed until the line has been quiet this long … */
const QUIET_MS = 50;
/** … but a line that is never quiet does not keep an off command waiting. */
const DRAIN_MS = 250;
/** After an interruption answers to what was interrupted may come late: nobody is to blame for what does not fit. */
const FORGIVE_MS = 500;
const LONGEST_ANSWER = 64;
/** A timer this late means that this process was held up, and then bytes may be waiting that it has not seen yet. */
const HELD_UP_MS = 20;
const CATCH_UP_MS = 50;

/** `again`: too soon after an interruption to blame the board; what was asked is to be asked again. */
export type Failure = { readonly ok: false; readonly reason: string; readonly again: boolean };
export type Outcome = { readonly ok: true; readonly high: boolean | undefined } | Failure;

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'gap'; readonly cancel: () => void }
  | {
      readonly kind: 'answer';
      readonly exchange: Exchange;
      readonly heard: Uint8Array;
      readonly done: (outcome: Outcome) => void;
      readonly cancel: () => void;
    }
  | { readonly kind: 'drain'; readonly until: number; readonly cancel: () => void };

/**
 * One exchange at a time over a half-duplex line. Strict: bytes nobody asked for, and anything that is not exactly the
 * answer, are a disturbance; after one the line is drained until it is quiet, so that no late byte passes for an answer.
 */
export class SerialLine {
  readonly #clock: Clock;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #free: () => void;
  readonly #noise: (failure: Failure) => void;
  #state: State = { kind: 'idle' };
  #forgiveUntil = Number.NEGATIVE_INFINITY;

  /** `send` may throw. `free` is called whenever the line is free for the next exchange, `noise` when bytes came unasked. */
  constructor(
    clock: Clock,
    send: (bytes: Uint8Array) => void,
    events: { free(): void; noise(failure: Failure): void },
  ) {
    this.#clock = clock;
    this.#send = send;
    this.#free = events.free;
    this.#noise = events.noise;
  }

  get busy(): boolean {
    return this.#state.kind !== 'idle';
  }

  /** Begins an exchange on a line that is not busy. `done` is called once. Throws, and calls nothing, where `send` does. */
  ask(exchange: Exchange, done: (outcome: Outcome) => void): void {
    this.#send(exchange.bytes);
    if (exchange.judge === undefined) {
      this.#gap();
      done({ ok: true, high: undefined });
      return;
    }
    const cancel = this.#after(ANSWER_MS, () => this.#silent());
    this.#state = { kind: 'answer', exchange, heard: new Uint8Array(), done, cancel };
  }

  /** Sends at once, whatever goes on; an exchange under way is given up. Throws as `send` does. */
  interrupt(bytes: Uint8Array): void {
    const before = this.#state;
    this.#forgiveUntil = this.#clock.monotonic() + FORGIVE_MS;
    this.#drain();
    this.#send(bytes);
    if (before.kind === 'answer') before.done(this.#failure('it was cut short by the off command'));
  }

  hear(bytes: Uint8Array): void {
    const state = this.#state;
    switch (state.kind) {
      case 'idle':
      case 'gap':
        this.#drain();
        this.#noise(this.#failure(`${hex(bytes.subarray(0, LONGEST_ANSWER))} came unasked`));
        return;
      case 'drain':
        this.#drain(state.until);
        return;
      case 'answer':
        this.#answer(state, Buffer.concat([state.heard, bytes]));
        return;
      default:
        state satisfies never;
    }
  }

  /** Gives up the exchange under way. Nothing is called any more after that. */
  close(): void {
    const before = this.#state;
    this.#enter({ kind: 'idle' });
    if (before.kind === 'answer') before.done({ ok: false, reason: 'the port was let go', again: false });
  }

  #answer(state: State & { kind: 'answer' }, heard: Uint8Array): void {
    const { exchange, done } = state;
    const answer = exchange.judge?.(heard) ?? { kind: 'wrong', why: 'no answer is due' };
    const long = heard.length > LONGEST_ANSWER;
    if (answer.kind === 'part' && !long) {
      this.#state = { ...state, heard };
    } else if (answer.kind === 'good') {
      this.#gap();
      done({ ok: true, high: answer.high });
    } else {
      this.#drain();
      const why = answer.kind === 'wrong' ? answer.why : 'it does not end';
      const said = hex(heard.subarray(0, LONGEST_ANSWER));
      done(this.#failure(`the answer to ${exchange.what} is wrong, ${why}: ${said}`));
    }
  }

  #silent(): void {
    if (this.#state.kind !== 'answer') return;
    const { exchange, heard, done } = this.#state;
    this.#drain();
    const what = heard.length === 0 ? 'there is no answer' : `only ${hex(heard)} came as an answer`;
    done(this.#failure(`${what} to ${exchange.what}`));
  }

  get #forgiven(): boolean {
    return this.#clock.monotonic() < this.#forgiveUntil;
  }

  #failure(reason: string): Failure {
    return { ok: false, reason, again: this.#forgiven };
  }

  /** Timers run before bytes are read: after a hold-up, one that was waiting for the board waits a little more. */
  #after(ms: number, run: () => void): () => void {
    const due = this.#clock.monotonic() + ms;
    let cancel = this.#clock.after(ms, () => {
      if (this.#clock.monotonic() - due < HELD_UP_MS) run();
      else cancel = this.#clock.after(CATCH_UP_MS, run);
    });
    return () => cancel();
  }

  #gap(): void {
    this.#enter({ kind: 'gap', cancel: this.#clock.after(GAP_MS, () => this.#release()) });
  }

  #drain(until = this.#clock.monotonic() + DRAIN_MS): void {
    const wait = Math.max(0, Math.min(QUIET_MS, until - this.#clock.monotonic()));
    this.#enter({ kind: 'drain', until, cancel: this.#after(wait, () => this.#release()) });
  }

  #release(): void {
    this.#state = { kind: 'idle' };
    this.#free();
  }

  #enter(state: State): void {
    if (this.#state.kind !== 'idle') this.#state.cancel();
    this.#state = state;
  }
}
