import { nextWindow, type Window, windowAt } from '../schedule/window.ts';
import type { Interval } from './cycle.ts';

/** The configured windows as the keeper asks for them: several times a second, about the same second. */
export class Calendar {
  readonly #windows: readonly Window[];
  #second = Number.NaN;
  #at: Interval | undefined;
  #next: Interval | undefined;

  constructor(windows: readonly Window[]) {
    this.#windows = windows;
  }

  /** The window that contains `wall`, the one that ends last where several do. */
  at(wall: number): Interval | undefined {
    this.#look(wall);
    return this.#at !== undefined && wall < this.#at.endWall ? this.#at : undefined;
  }

  /** The next window to begin after `wall`. */
  next(wall: number): Interval | undefined {
    this.#look(wall);
    return this.#next;
  }

  #look(wall: number): void {
    const second = Math.floor(wall / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#at = undefined;
    this.#next = undefined;
    for (const window of this.#windows) {
      const at = windowAt(window, wall);
      if (at !== undefined && at.endWall > (this.#at?.endWall ?? 0)) this.#at = { name: window.name, ...at };
      const next = nextWindow(window, wall);
      if (next.startWall < (this.#next?.startWall ?? Number.POSITIVE_INFINITY))
        this.#next = { name: window.name, ...next };
    }
  }
}
