import type { Heartbeat } from '../config/heartbeat.ts';

/**
 * Whether an alert source is heard. Pure. A source is silent when nothing has come for twice as long as it was promised:
 * one beat may be late or lost, two of them are no accident.
 *
 * Times are monotonic, but for one: what the ledger says of the time before this process. That is believed only by a
 * trusted clock, and only to find a source silent. How long silence has lasted is what was seen of it, so that neither a
 * box that was off nor a step of the clock turns blocking into warning.
 */
export interface Watch {
  readonly heartbeat: Heartbeat;
  /** Last heard by this process. */
  readonly at?: number;
  /** Last heard, or first expected, as the ledger had it when this process began: by the wall clock. */
  readonly beforeWall?: number;
  /** Since when this process has seen it silent, and how long others had before it. */
  readonly silent?: { readonly from: number; readonly beforeMs: number };
}

export interface Now {
  /** When this process began to listen, and now: monotonic ms. */
  readonly startedAt: number;
  readonly at: number;
  readonly wall: number;
  readonly clockTrusted: boolean;
}

export type Life =
  | { readonly kind: 'alive' }
  /** `blocks`: nothing may connect because of it. */
  | { readonly kind: 'silent'; readonly silentMs: number; readonly blocks: boolean }
  /** It has been silent for so long that it does not block any more. */
  | { readonly kind: 'degraded'; readonly silentMs: number };

/** How long nothing may come, ms. */
export function patience({ everyMs }: Heartbeat): number {
  return 2 * everyMs;
}

/** Looks at the time. Silence that was found lasts until the source is heard. */
export function look(watch: Watch, now: Now): Watch {
  if (watch.silent !== undefined) return watch;
  const from = silentFrom(watch, now);
  return now.at >= from ? { ...watch, silent: { from, beforeMs: 0 } } : watch;
}

/** The source was heard at `at`, which may be a while ago where this process was told late: whoever calls looks again. */
export function hear({ silent: _, ...watch }: Watch, at: number): Watch {
  return { ...watch, at: Math.max(at, watch.at ?? at) };
}

export function lifeOf({ heartbeat: { silence, afterMs }, silent }: Watch, at: number): Life {
  if (silent === undefined) return { kind: 'alive' };
  const silentMs = silent.beforeMs + Math.max(0, at - silent.from);
  if (silence === 'degrade' && silentMs >= afterMs) return { kind: 'degraded', silentMs };
  return { kind: 'silent', silentMs, blocks: silence !== 'warn' };
}

function silentFrom({ heartbeat, at, beforeWall }: Watch, { startedAt, wall, clockTrusted }: Now): number {
  const limit = patience(heartbeat);
  if (at !== undefined) return at + limit;
  // A time that lies far ahead was written by a clock that was wrong, and says as little as one far back.
  const stale = clockTrusted && beforeWall !== undefined && Math.abs(wall - beforeWall) > limit;
  return stale ? startedAt : startedAt + limit;
}
