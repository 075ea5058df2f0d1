/** The limits that all rules share which act by rate: per who did it, and over all. */
const SHARED = [
  { count: 5, withinMs: 60_000 },
  { count: 20, withinMs: 600_000 },
] as const;
const OVERALL = { count: 50, withinMs: 600_000 };
/** For so long after a rule that is context only, rates trip at half as many. */
const CONTEXT_MS = 600_000;
/** Names that are counted apart, at most; then the one not heard of for longest is forgotten. All count overall. */
const MAX_KEYS = 4096;
/** Of a longer name only so much is told apart. */
const MAX_NAME = 200;

export interface Rate {
  readonly count: number;
  readonly withinMs: number;
}

/** How often rules matched that trip only when there is too much of it. In constant memory; times are monotonic ms. */
export class Rates {
  readonly #moments = new Map<string, number[]>();
  #contextUntil = Number.NEGATIVE_INFINITY;

  /** A rule that is context only matched. */
  context(now: number): void {
    this.#contextUntil = now + CONTEXT_MS;
  }

  /**
   * One more match of the rule `id`, which `who` caused as far as is known; `own` is its own limit, per `key`. Returns
   * which limit is reached, as the end of a sentence, or undefined.
   */
  count(id: string, who: string, now: number, own?: Rate & { readonly key: string }): string | undefined {
    const all = this.#reached('all', [OVERALL], now);
    if (own !== undefined) return this.#reached(`rule ${id} ${brief(own.key)}`, [own], now) ?? all;
    return this.#reached(`who ${brief(who)}`, SHARED, now) ?? all;
  }

  #reached(key: string, limits: readonly Rate[], now: number): string | undefined {
    const longest = Math.max(...limits.map(({ withinMs }) => withinMs));
    const most = Math.max(...limits.map(({ count }) => count));
    const moments = (this.#moments.get(key) ?? []).filter((at) => now - at < longest).slice(1 - most);
    moments.push(now);
    // Newest last, so that the first is the one to forget.
    this.#moments.delete(key);
    this.#moments.set(key, moments);
    if (this.#moments.size > MAX_KEYS) this.#moments.delete(this.#moments.keys().next().value ?? '');
    const half = now < this.#contextUntil;
    const reached = limits.find(({ count, withinMs }) => {
      const limit = half ? Math.ceil(count / 2) : count;
      return moments.filter((at) => now - at < withinMs).length >= limit;
    });
    if (reached === undefined) return undefined;
    const { count, withinMs } = reached;
    return `${half ? Math.ceil(count / 2) : count} within ${withinMs / 1000} s`;
  }
}

/** A copy: a part of a long text would keep all of it in memory. */
function brief(name: string): string {
  return Buffer.from(name.slice(0, MAX_NAME)).toString();
}
