import type { Delivery } from '../base/protocol.ts';
import type { Body } from './body.ts';
import { payloadOf } from './redact.ts';

/** Reading one takes milliseconds in which no trip is heard: of deliveries that changed nothing, so many a second are read. */
const QUIET_PER_SECOND = 5;

/** The payloads of deliveries. A trip always has its own, unless it was too large or cut off. */
export class Payloads {
  #second = Number.NEGATIVE_INFINITY;
  #left = 0;

  /** What is kept of `body` at `now`, in monotonic ms. A heartbeat says nothing, and strangers say what they like. */
  of({ outcome }: Pick<Delivery, 'outcome'>, body: Body | undefined, now: number): string | undefined {
    if (body?.kind !== 'whole' || outcome === 'heartbeat' || outcome === 'refused') return undefined;
    if (outcome !== 'tripped' && outcome !== 'failed' && !this.#take(now)) return undefined;
    return payloadOf(body.bytes);
  }

  #take(now: number): boolean {
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#left = QUIET_PER_SECOND;
    }
    this.#left -= 1;
    return this.#left >= 0;
  }
}
