import type { Book } from './book.ts';
import type { Interval } from './cycle.ts';
import type { KeeperStatus } from './ports.ts';

/** How a window that is over is told in the ledger, in `status` and on the page. */
export function outcomeOf(
  { name, startWall }: Interval,
  end: {
    /** What the book holds of it. */
    readonly story: Book['window'];
    /** Batches still in staging. */
    readonly left: number;
    /** Sources whose last sealing failed. */
    readonly failed: number;
    /** Sources that the uplink's loss kept from being sealed. */
    readonly cutShort: number;
    /** The first lost interlock, if one kept the gate from connecting. */
    readonly blocked: string | undefined;
  },
): NonNullable<KeeperStatus['lastWindow']> {
  const { connectedSeconds = 0, bytes = 0, committed = 0, cut } = end.story ?? {};
  const rounded = Math.round(connectedSeconds * 1000) / 1000;
  const common = { name, startWall, connectedSeconds: rounded, bytes };
  if (cut !== undefined) return { ...common, outcome: 'cut', why: cut };
  if (end.left > 0) {
    return {
      ...common,
      outcome: 'partial',
      why: end.blocked ?? `${several(end.left, 'sealed snapshot')} left for the next window.`,
    };
  }
  if (end.failed > 0)
    return { ...common, outcome: 'partial', why: `${several(end.failed, 'source')} could not be sealed.` };
  if (end.cutShort > 0)
    return {
      ...common,
      outcome: 'partial',
      why: `${several(end.cutShort, 'source')} to be sealed when the uplink is back.`,
    };
  return { ...common, outcome: committed > 0 ? 'complete' : 'nothing to ship', why: '' };
}

function several(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
