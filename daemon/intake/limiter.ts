import { createHmac, randomBytes } from 'node:crypto';

const SLOTS = 4096;
/** One sender's failed authentications to one source: ten at once, then one in six seconds. */
const EACH = { burst: 10, perSecond: 1 / 6 };
/** All failed authentications together. */
const ALL = { burst: 100, perSecond: 5 };

/**
 * Counts failed authentications, in constant memory. It is asked after a request has failed and never before, so that
 * no flood can lock a legitimate sender out; what it saves is the bookkeeping of the failures, which ends on an SD card.
 */
export class FailureLimiter {
  readonly #seed = randomBytes(16);
  readonly #each = Array.from({ length: SLOTS }, () => full(EACH));
  readonly #all = full(ALL);
  #unrecorded = 0;

  /**
   * One more failure at `now` (monotonic ms). When it is within the limits, returns how many before it were not.
   * `sender` shares its count with whoever falls into the same of 4096 slots.
   */
  fail(sender: string, now: number): { readonly unrecorded: number } | undefined {
    const slot = createHmac('sha256', this.#seed).update(sender).digest().readUInt32LE() % SLOTS;
    const each = this.#each[slot];
    if (each === undefined || !take(each, EACH, now) || !take(this.#all, ALL, now)) {
      this.#unrecorded++;
      return undefined;
    }
    const unrecorded = this.#unrecorded;
    this.#unrecorded = 0;
    return { unrecorded };
  }
}

interface Bucket {
  tokens: number;
  at: number;
}

type Rate = typeof EACH;

function full(rate: Rate): Bucket {
  return { tokens: rate.burst, at: 0 };
}

function take(bucket: Bucket, rate: Rate, now: number): boolean {
  bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.at) / 1000) * rate.perSecond);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens--;
  return true;
}
