/** The only door to time. Everything else asks a Clock, so that tests can be the clock. */
export interface Clock {
  /** Milliseconds on CLOCK_MONOTONIC since boot, with sub-microsecond fraction: comparable between processes of one boot. */
  monotonic(): number;
  /** Milliseconds since the Unix epoch. May step in either direction at any time. */
  wall(): number;
  /** Calls `run` once after `ms` milliseconds. The returned function cancels it and may be called at any time. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` every `ms` milliseconds until the returned function is called. */
  every(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
};

/** Resolves after `ms` milliseconds of `clock`. */
export function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** RFC 3339 in UTC with milliseconds, for example 2026-11-21T06:30:00.000Z. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** For what takes nothing but a Date. */
export function dateOf(wallMs: number): Date {
  return new Date(wallMs);
}

/** Milliseconds since the epoch of an RFC 3339 / ISO 8601 time, or undefined when `text` is not one. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds since the epoch of a time as OpenSSL writes that of a certificate: `Aug 17 23:59:59 2022 GMT`. */
export function parseCertificateTime(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds since the epoch of an HTTP date (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function parseHttpTime(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
