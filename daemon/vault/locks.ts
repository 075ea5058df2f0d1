/** Locks of objects in a store that enforces them. Pure, but for the port. */

const DAY_MS = 86_400_000;

/** What a store can do with the locks of its objects. */
export interface Locks {
  /** For how long an object that a snapshot needs is to be locked at any moment, at the least, ms. */
  readonly baseMs: number;
  /**
   * Makes sure that the object `name` is locked until `until` (ms since the epoch) or longer. `enough` when it was, `extended` when it is now,
   * `missing` when there is no such object. Rejects with `store.unlocked` when the store does not do it, or as the store does.
   */
  extend(name: string, until: number): Promise<'enough' | 'extended' | 'missing'>;
}

/** A lock is made longer than the base by this, so that an object needs a new one only so often: half the base, whole days. */
function slackMs(baseMs: number): number {
  return Math.max(1, Math.ceil(baseMs / 2 / DAY_MS)) * DAY_MS;
}

/**
 * Until when (ms since the epoch) an object is locked that is written or extended at `wall`: the base and one to two slacks from now, at a
 * multiple of the slack, so that objects share their dates. That is whole days, which a clock some minutes behind does not shorten.
 */
export function lockEnd(wall: number, baseMs: number): number {
  const slack = slackMs(baseMs);
  return (Math.ceil((wall + baseMs) / slack) + 1) * slack;
}

/** A round has to begin when no more than this is known of every object: half a slack before the first falls short. */
export function isLockDue(floor: number, wall: number, baseMs: number): boolean {
  return floor < wall + baseMs + slackMs(baseMs) / 2;
}

/**
 * How many of `left` objects to look at now, at most `most`: an even share of the days until the first falls short of the base, and as
 * many as are permitted when that is over. Each costs one request, or three, of time in which the vault is connected.
 */
export function lockShare(left: number, floor: number, wall: number, baseMs: number, most: number): number {
  const days = Math.floor((floor - (wall + baseMs)) / DAY_MS);
  return Math.min(left, most, Math.ceil(left / Math.max(1, days)));
}
