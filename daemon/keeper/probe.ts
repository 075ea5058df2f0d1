import { lookup } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { errnoOf } from '../base/errors.ts';
import type { Reading } from '../base/protocol.ts';
import { Alarm, type Finding, type LinkProof, OFTEN_MS, SELDOM_MS } from './link-proofs.ts';

/** How one attempt ended. `refused`: somebody there says no, so the link is not dead, and the vault not alive. */
export type Answer = 'accepted' | 'refused' | 'silent' | 'nameless';

/** Tries once. Never rejects, and answers soon after `over` is aborted, however long it would have taken by itself. */
export type Dial = (over: AbortSignal) => Promise<Answer>;

/** So many attempts in a row must fail before the link is called dead: one lost packet isolates nobody. */
const FAILURES = 3;

/** A TCP connection to the vault, end to end: tried, and dropped without a word. */
export class Probe implements LinkProof {
  readonly #target: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #dial: Dial;
  readonly #alarm: Alarm;
  #changed: (() => void) | undefined;
  #finding: Finding = { reading: 'unknown' };
  #failures = 0;
  #often = false;
  #attempt: AbortController | undefined;

  /** `target` is how messages call it. */
  constructor(target: string, timeoutMs: number, clock: Clock, dial: Dial) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#dial = dial;
    this.#alarm = new Alarm(clock);
  }

  find(): Finding {
    return this.#finding;
  }

  start(changed: () => void): void {
    this.#changed = changed;
    this.#begin();
  }

  look(often: boolean): void {
    this.#often = often;
    if (this.#changed !== undefined) this.#begin();
  }

  stop(): void {
    this.#changed = undefined;
    this.#alarm.clear();
    this.#attempt?.abort();
  }

  #begin(): void {
    this.#attempt?.abort();
    const attempt = new AbortController();
    this.#attempt = attempt;
    const began = this.#clock.monotonic();
    this.#alarm.set(this.#timeoutMs, () => attempt.abort());
    void this.#dial(attempt.signal).then((answer) => {
      if (this.#attempt !== attempt || this.#changed === undefined) return;
      this.#conclude(answer);
      // A doubt is followed up soon.
      const pace = this.#often || (this.#failures > 0 && this.#failures < FAILURES) ? OFTEN_MS : SELDOM_MS;
      this.#alarm.set(Math.max(0, began + pace - this.#clock.monotonic()), () => this.#begin());
    });
  }

  #conclude(answer: Answer): void {
    this.#failures = answer === 'silent' ? Math.min(this.#failures + 1, FAILURES) : 0;
    if (answer !== 'silent') this.#find(FOUND[answer](this.#target));
    else if (this.#failures === FAILURES) this.#find({ reading: 'dead' });
  }

  #find(finding: Finding): void {
    const { reading, caveat } = this.#finding;
    this.#finding = finding;
    if (finding.reading !== reading || finding.caveat !== caveat) this.#changed?.();
  }
}

const FOUND: Record<Exclude<Answer, 'silent'>, (target: string) => Finding> = {
  accepted: () => ({ reading: 'alive' satisfies Reading }),
  refused: (target) => ({
    reading: 'unknown',
    caveat: `The probe is refused by ${target}: somebody answers there who does not serve this port.`,
  }),
  nameless: (target) => ({
    reading: 'unknown',
    caveat: `The name of the probe ${target} cannot be resolved: an address needs no name service.`,
  }),
};

/** Dials `host`, an address or a name, at `port`. */
export function tcpDial(host: string, port: number): Dial {
  const address = isIP(host) === 0 ? resolver(host) : async () => host;
  return (over) =>
    new Promise((resolve) => {
      let socket: Socket | undefined;
      const end = (answer: Answer) => {
        over.removeEventListener('abort', abort);
        socket?.destroy();
        resolve(answer);
      };
      const abort = () => end(socket === undefined ? 'nameless' : 'silent');
      over.addEventListener('abort', abort, { once: true });
      void address().then((ip) => {
        if (over.aborted) return;
        if (ip === undefined) return end('nameless');
        socket = connect({ host: ip, port });
        socket.on('connect', () => end('accepted'));
        socket.on('error', (error) => end(errnoOf(error) === 'ECONNREFUSED' ? 'refused' : 'silent'));
      });
    });
}

/**
 * Asks for the address of `name`, once at a time: a question to a name service that hangs holds one of the few threads
 * in which files are read, and cannot be taken back. Undefined where there is no answer.
 */
function resolver(name: string): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined;
  return () => {
    asked ??= new Promise((resolve) => {
      lookup(name, (error, address) => {
        asked = undefined;
        resolve(error === null ? address : undefined);
      });
    });
    return asked;
  };
}
