import type { Delivery } from '../base/protocol.ts';

/**
 * How much of one source goes into the ledger: so many in a time, the others as a number. A card wears out, and a ledger
 * is read by people. Trips have no limit, nor what failed; what is refused intake limits before it is told.
 */
const LIMITS: Partial<Record<Delivery['outcome'], { readonly most: number; readonly ms: number }>> = {
  'matched-none': { most: 30, ms: 60_000 },
  noted: { most: 30, ms: 60_000 },
  heartbeat: { most: 1, ms: 3_600_000 },
};
/** An agent's hook asks before every call, all day: of what trips nothing, so many payloads of each source. */
const PAYLOADS = { most: 60, ms: 3_600_000 };
/** Most senders send the same over and over. So many different ones of each are remembered. */
const REMEMBERED = 20;

interface Period {
  readonly source: string;
  readonly outcome: Delivery['outcome'];
  readonly ends: number;
  readonly recorded: number;
  readonly unrecorded: number;
}

export type Unrecorded = Pick<Period, 'source' | 'outcome'> & { readonly count: number };

/** Decides what of the deliveries is recorded. Times are monotonic ms. */
export class Deliveries {
  readonly #periods = new Map<string, Period>();
  readonly #digests = new Map<string, readonly string[]>();
  readonly #payloads = new Map<string, { readonly ends: number; readonly recorded: number }>();

  /** The delivery as it is to be recorded, or undefined where it only counts. */
  admit(delivery: Delivery, now: number): Delivery | undefined {
    const { source, outcome } = delivery;
    const limit = LIMITS[outcome];
    if (limit === undefined) return delivery;
    const key = `${outcome} ${source}`;
    const period = this.#periods.get(key) ?? { source, outcome, ends: now + limit.ms, recorded: 0, unrecorded: 0 };
    const recorded = period.recorded < limit.most;
    this.#periods.set(
      key,
      recorded ? { ...period, recorded: period.recorded + 1 } : { ...period, unrecorded: period.unrecorded + 1 },
    );
    return recorded ? this.#lighter(delivery, now) : undefined;
  }

  /** How many were not recorded in the periods that are over. */
  over(now: number): Unrecorded[] {
    const told: Unrecorded[] = [];
    for (const [key, { source, outcome, ends, unrecorded }] of this.#periods) {
      if (now < ends) continue;
      this.#periods.delete(key);
      if (unrecorded > 0) told.push({ source, outcome, count: unrecorded });
    }
    return told;
  }

  /** Without a payload too many, or one that is in the ledger already and found there by its digest. */
  #lighter(delivery: Delivery, now: number): Delivery {
    const { payload, ...rest } = delivery;
    const { source, digest } = rest;
    if (payload === undefined) return delivery;
    const known = this.#digests.get(source) ?? [];
    const before = this.#payloads.get(source);
    const hour = before === undefined || now >= before.ends ? { ends: now + PAYLOADS.ms, recorded: 0 } : before;
    if (known.includes(digest) || hour.recorded >= PAYLOADS.most) return rest;
    this.#digests.set(source, [digest, ...known].slice(0, REMEMBERED));
    this.#payloads.set(source, { ...hour, recorded: hour.recorded + 1 });
    return delivery;
  }
}
