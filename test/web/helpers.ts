import { afterEach } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import type { Cause } from '../../daemon/base/protocol.ts';
import type { KeeperStatus } from '../../daemon/keeper/ports.ts';
import type { LedgerEntry, PageQuery } from '../../daemon/ledger/ports.ts';
import { createWeb, type Web, type WebPorts } from '../../daemon/web/web.ts';
import { keeperStatus, WALL } from './samples.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function later(cleanup: () => Promise<unknown>): void {
  cleanups.push(cleanup);
}

export function entry(seq: number): LedgerEntry {
  return {
    seq,
    wall: WALL + seq,
    type: 'window.opened',
    data: { name: `n${seq}` },
    previous: '0'.repeat(64),
    hash: 'f'.repeat(64),
  };
}

/** What the server stands on, to be changed by the test while it runs. */
export class FakeAppliance implements WebPorts {
  current: KeeperStatus = keeperStatus();
  readonly trips: Cause[] = [];
  tripAnswer: () => Promise<{ commandedAt: number; durable: boolean }> = async () => ({
    commandedAt: this.clock.monotonic(),
    durable: true,
  });
  entries: LedgerEntry[] = Array.from({ length: 120 }, (_, index) => entry(120 - index));
  readonly watchers = new Set<() => void>();
  readonly clock = systemClock;
  readonly log = silentLog;
  readonly status = {
    status: () => this.current,
    watch: (listener: () => void) => {
      this.watchers.add(listener);
      return () => this.watchers.delete(listener);
    },
  };
  readonly ledger = {
    page: async ({ before = Number.POSITIVE_INFINITY, limit, type, source }: PageQuery) =>
      this.entries
        .filter((one) => one.seq < before && (type === undefined || [type].flat().includes(one.type)))
        .filter(({ data }) => source === undefined || data['source'] === source)
        .slice(0, limit),
    head: async () => this.entries[0],
  };
  readonly trip = {
    trip: (cause: Cause) => {
      this.trips.push(cause);
      return this.tripAnswer();
    },
  };

  show(status: KeeperStatus): void {
    this.current = status;
    for (const watcher of this.watchers) watcher();
  }
}

export async function servedAppliance(): Promise<{ appliance: FakeAppliance; web: Web; port: number }> {
  const appliance = new FakeAppliance();
  const web = createWeb(appliance);
  later(() => web.stop());
  return { appliance, web, port: await web.start('127.0.0.1', 0) };
}
