/**
 * Characters that the regular expressions of all rules together may look at for one delivery: 8 to 20 ns each on the
 * machine of docs/benchmarks.md. Intake's loop also keeps the lease, and must be back well before that lapses.
 */
const CHARACTERS = 4 << 20;

/** Thrown by `spend`. What it cuts short has not been judged. */
export class EffortSpent extends Error {}

/** What one delivery has cost so far. */
export class Effort {
  #left = CHARACTERS;

  spend(characters: number): void {
    this.#left -= characters;
    if (this.#left < 0) throw new EffortSpent();
  }
}
