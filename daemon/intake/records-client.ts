import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Delivery } from '../base/protocol.ts';
import { type Shape, ShapeError } from '../base/shape.ts';
import { Reconnecting } from './reconnecting.ts';

/** Deliveries kept while the keeper is away; then the oldest go. */
const CAPACITY = 1000;

/** The keeper says nothing on this socket. */
const nothing: Shape<never> = (value) => {
  throw new ShapeError('', 'silence', value);
};

/** Hands deliveries to the keeper's `records` socket. Never waits and never fails: what is recorded has been done already. */
export class RecordsClient {
  readonly #log: Log;
  readonly #link: Reconnecting<never, Delivery>;
  readonly #kept: Delivery[] = [];
  #dropped = 0;

  constructor(path: string, clock: Clock, log: Log) {
    this.#log = log;
    this.#link = new Reconnecting<never, Delivery>({
      path,
      shape: nothing,
      clock,
      opened: () => this.#flush(),
      message: () => {},
      closed: (reason) => log.warn('the keeper takes no records', { reason }),
    });
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
  }

  /** How many deliveries were lost because the keeper was away too long. */
  get dropped(): number {
    return this.#dropped;
  }

  record(delivery: Delivery): void {
    this.#kept.push(delivery);
    this.#flush();
    if (this.#kept.length <= CAPACITY) return;
    this.#kept.shift();
    if (this.#dropped++ === 0) this.#log.error('the keeper is away: the oldest deliveries go unrecorded');
  }

  #flush(): void {
    for (let next = this.#kept[0]; next !== undefined && this.#link.send(next); next = this.#kept[0])
      this.#kept.shift();
  }
}
