import type { Clock } from '../../daemon/base/clock.ts';

interface Timer {
  at: number;
  readonly every?: number;
  readonly run: () => void;
}

/** A clock that moves only when told. Timers run in the order of their times, those of one time in the order they were set. */
export class FakeClock implements Clock {
  /** How far the wall clock is from the monotonic one: change it to step the wall clock. */
  wallOffset: number;
  #now = 1000;
  readonly #timers = new Set<Timer>();

  constructor(wall = 1_800_000_000_000) {
    this.wallOffset = wall - this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.wallOffset;
  }

  after(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, run });
  }

  every(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: ms, run });
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, running every timer at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#now = Math.max(this.#now, next.at);
      if (next.every === undefined) this.#timers.delete(next);
      else next.at += next.every;
      next.run();
    }
    this.#now = end;
  }

  /** Time passes and nobody notices: what a process sees that hung. */
  hang(ms: number): void {
    this.#now += ms;
  }

  /** Whoever set the timers is dead. */
  forget(): void {
    this.#timers.clear();
  }

  #due(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers)
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    return first;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}
