/**
 * How long a forge wants to be left alone, read from its answer. Sources: GitHub, "Rate limits for the REST API"
 * (403 or 429; `retry-after`, `x-ratelimit-remaining`, `x-ratelimit-reset` in epoch seconds; else at least one minute); GitLab,
 * "Rate limits" (429 with `Retry-After` and `RateLimit-Reset`, epoch seconds); RFC 9110, section 10.2.3.
 */
export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** What it says, as far as it matters. */
  readonly text: string;
}

/** Where a forge says nothing of how long. */
const MINUTE_MS = 60_000;
/** GitHub's window is one hour; a forge that wants longer is not waited for. */
const MAX_MS = 65 * MINUTE_MS;

export type Patience =
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly ms: number; readonly why: string }
  | { readonly kind: 'too long'; readonly ms: number };

/** `now` is the wall clock, milliseconds since the epoch. */
export function patienceFor(answer: Answer, now: number): Patience {
  const { status, text } = answer;
  if (status !== 429 && status !== 403 && status !== 503) return { kind: 'none' };
  const asked = millisecondsFrom(answer.header('retry-after'));
  const used = answer.header('x-ratelimit-remaining') === '0' || answer.header('ratelimit-remaining') === '0';
  const reset = Number(answer.header('x-ratelimit-reset') ?? answer.header('ratelimit-reset'));
  const limited = status === 429 || asked !== undefined || used || /rate limit|abuse detection/i.test(text);
  if (!limited) return { kind: 'none' };
  // A second more: clocks differ, and a request that comes too early counts against the limit.
  const ms = asked ?? (Number.isFinite(reset) && reset > 0 ? Math.max(0, reset * 1000 - now) + 1000 : MINUTE_MS);
  if (ms > MAX_MS) return { kind: 'too long', ms };
  return { kind: 'wait', ms: Math.max(ms, 1000), why: used ? 'the rate limit is used up' : 'the forge asks for it' };
}

/** A date instead of seconds, which no forge is known to send, is a minute. */
function millisecondsFrom(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  return /^\d+$/.test(header.trim()) ? Number(header) * 1000 : MINUTE_MS;
}
