import { type Clock, systemClock } from '../../daemon/base/clock.ts';

/** A clock on which every wait is over at once, and remembered. What watches for silence is left to the real one. */
export class ImpatientClock implements Clock {
  readonly waited: number[] = [];
  wall = () => systemClock.wall();
  monotonic = () => systemClock.monotonic();
  every = systemClock.every.bind(systemClock);

  after(ms: number, callback: () => void): () => void {
    if (ms === 60_000) return systemClock.after(ms, callback);
    this.waited.push(ms);
    return systemClock.after(0, callback);
  }
}
