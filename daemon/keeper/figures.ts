import type { Delivery } from '../base/protocol.ts';
import type { LedgerEntry } from '../ledger/ports.ts';
import type { Figures } from './ports.ts';

/** Upper ends of the trips' buckets, in seconds: around the 5 ms that are promised, up to what nobody may see. */
const TRIP_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

export const NO_FIGURES: Figures = {
  connectedSeconds: 0,
  alerts: [],
  trips: { seconds: 0, count: 0, buckets: TRIP_BUCKETS.map((le) => ({ le, count: 0 })) },
};

/**
 * Adds up what this process has seen. It begins at nothing with every start, as counters do that are read by monitoring:
 * one that came back from the ledger a little smaller would be taken for a reset, and counted twice.
 */
export function count(figures: Figures, { type, data }: Pick<LedgerEntry, 'type' | 'data'>): Figures {
  const { seconds, latencyMs } = data;
  if (type === 'gate.isolating' && typeof seconds === 'number')
    return { ...figures, connectedSeconds: figures.connectedSeconds + seconds };
  if (type !== 'alert.tripped' || typeof latencyMs !== 'number') return figures;
  const took = latencyMs / 1000;
  const { trips } = figures;
  return {
    ...figures,
    trips: {
      seconds: trips.seconds + took,
      count: trips.count + 1,
      // As Prometheus has it: each bucket holds all that is in the smaller ones.
      buckets: trips.buckets.map(({ le, count }) => ({ le, count: took <= le ? count + 1 : count })),
    },
  };
}

/** One more delivery, whether the ledger hears of it or not. */
export function countDelivery(figures: Figures, { source, outcome }: Pick<Delivery, 'source' | 'outcome'>): Figures {
  const same = (one: Figures['alerts'][number]) => one.source === source && one.outcome === outcome;
  const count = (figures.alerts.find(same)?.count ?? 0) + 1;
  return { ...figures, alerts: [...figures.alerts.filter((one) => !same(one)), { source, outcome, count }] };
}
