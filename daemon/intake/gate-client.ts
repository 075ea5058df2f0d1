import type { Clock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type Cause, type TripAnswer, type TripRequest, tripAnswer } from '../base/protocol.ts';
import type { GatePort } from './ports.ts';
import { Reconnecting } from './reconnecting.ts';

const ANSWER_MS = 2000;

type Tripped = Awaited<ReturnType<GatePort['trip']>>;

interface Waiting {
  readonly cause: Cause;
  readonly cancelDeadline: () => void;
  resolve(tripped: Tripped): void;
  reject(error: Error): void;
}

/**
 * The gate's `trip` socket. A trip repeats itself harmlessly, so one that has no answer yet is sent again over every new
 * connection; whoever asked hears after two seconds that there was none. One such trip stays owed for as long as the
 * gate is away: most senders never repeat an alert, and the gate locks as soon as it is back.
 */
export class GateClient implements GatePort {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #link: Reconnecting<TripAnswer, TripRequest>;
  readonly #waiting = new Map<number, Waiting>();
  #owed: number | undefined;
  #ids = 0;

  constructor(path: string, clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
    this.#link = new Reconnecting({
      path,
      shape: tripAnswer,
      clock,
      opened: () => this.#opened(),
      message: (answer) => this.#answered(answer),
      closed: (reason) => this.#log.warn('the gate is not connected', { reason }),
    });
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
    for (const { cancelDeadline, reject } of this.#waiting.values()) {
      cancelDeadline();
      reject(new PortcullisError('socket.unreachable', 'Stopped before the gate had answered a trip.'));
    }
    this.#waiting.clear();
    this.#owed = undefined;
  }

  connected(): boolean {
    return this.#link.connected;
  }

  alive(): void {
    this.#link.send({ type: 'alive' });
  }

  trip(cause: Cause): Promise<Tripped> {
    return new Promise((resolve, reject) => {
      const id = ++this.#ids;
      this.#link.send({ type: 'trip', id, cause });
      const cancelDeadline = this.#clock.after(ANSWER_MS, () => this.#expired(id));
      this.#waiting.set(id, { cause, cancelDeadline, resolve, reject });
    });
  }

  #opened(): void {
    this.#log.info('the gate is connected');
    for (const [id, { cause }] of this.#waiting) this.#link.send({ type: 'trip', id, cause });
  }

  #answered({ id, commandedAt, durable }: TripAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#owed === id) this.#owed = undefined;
    waiting?.cancelDeadline();
    waiting?.resolve({ commandedAt, durable });
  }

  #expired(id: number): void {
    const waiting = this.#waiting.get(id);
    waiting?.reject(
      new PortcullisError('socket.unreachable', `The gate did not answer a trip within ${ANSWER_MS} ms.`),
    );
    if (this.#owed === undefined) this.#owed = id;
    else this.#waiting.delete(id);
    this.#log.error('a trip is not confirmed', { cause: waiting?.cause, gateConnected: this.connected() });
  }
}
