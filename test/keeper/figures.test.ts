import { expect, it } from 'vitest';
import { count, NO_FIGURES } from '../../daemon/keeper/figures.ts';

it('adds up connections that have ended, and nothing else', () => {
  const entries = [
    { type: 'gate.isolating', data: { seconds: 1.5 } },
    { type: 'gate.connected', data: { seconds: 9 } },
    { type: 'gate.isolating', data: { seconds: 2 } },
  ];
  expect(entries.reduce(count, NO_FIGURES)).toEqual({ ...NO_FIGURES, connectedSeconds: 3.5 });
});

it('sorts the trips of alerts by how long they took, each bucket with what is in the smaller ones', () => {
  const tripped = (latencyMs: number) => ({ type: 'alert.tripped', data: { latencyMs } });
  const others = [
    { type: 'alert.tripped', data: {} },
    { type: 'alert.matched-none', data: { latencyMs: 1 } },
  ];
  const { trips } = [tripped(0.4), tripped(5), tripped(5.001), tripped(60_000), ...others].reduce(count, NO_FIGURES);
  const at = (le: number) => trips.buckets.find((bucket) => bucket.le === le)?.count;
  expect([at(0.001), at(0.0025), at(0.005), at(0.01), at(1)]).toEqual([1, 1, 2, 3, 3]);
  expect(trips.count).toBe(4);
  expect(trips.seconds).toBeCloseTo(60.010401, 9);
});
