/** How fast something goes, and for how long still. */
export interface Pace {
  readonly bytesPerSecond: number;
  readonly leftMs: number;
}

/** Before this much time has gone by a rate says nothing. */
const LEAST_MS = 500;

/** The pace of what has done `bytes` of `total` in `elapsedMs`; undefined while it cannot be told. */
export function paceOf(bytes: number, total: number, elapsedMs: number): Pace | undefined {
  if (elapsedMs < LEAST_MS || bytes <= 0) return undefined;
  const bytesPerSecond = bytes / (elapsedMs / 1000);
  return { bytesPerSecond, leftMs: (Math.max(0, total - bytes) / bytesPerSecond) * 1000 };
}
