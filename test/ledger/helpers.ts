import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Clock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { type Ledger, openLedger } from '../../daemon/ledger/ledger.ts';

export const WALL = Date.UTC(2026, 7, 1, 2, 0, 0);

/** A clock whose wall time moves one second a look. */
export function tickingClock(): Clock {
  let wall = WALL;
  return {
    monotonic: () => 0,
    wall: () => {
      wall += 1000;
      return wall;
    },
    after: () => () => {},
    every: () => () => {},
  };
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'portcullis-ledger-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

export function ledgerAt(path: string): Ledger {
  const ledger = openLedger({ path, clock: tickingClock(), log: silentLog });
  cleanups.push(() => ledger.stop());
  return ledger;
}

/** A closed ledger of `count` entries at the returned path. */
export async function writtenLedger(count: number): Promise<string> {
  const path = join(await temporaryDirectory(), 'ledger.db');
  const ledger = ledgerAt(path);
  await ledger.start();
  const types = ['gate.tripped', 'window.opened', 'snapshot.committed'];
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      ledger.append(types[index % 3] ?? '', { number: index + 1, note: `entry number ${index + 1} … naïve ✓` }),
    ),
  );
  await ledger.stop();
  return path;
}
