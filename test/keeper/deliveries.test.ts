import { expect, it } from 'vitest';
import type { Delivery } from '../../daemon/base/protocol.ts';
import { Deliveries } from '../../daemon/keeper/deliveries.ts';

const delivery = (change: Partial<Delivery> = {}): Delivery => ({
  wall: 0,
  source: 'hook',
  outcome: 'matched-none',
  detail: '',
  bytes: 1,
  digest: '',
  ...change,
});

/** What a day of one delivery a second, each another, leaves in the ledger. */
function day(change: Partial<Delivery>) {
  const deliveries = new Deliveries();
  let [entries, payloads, told] = [0, 0, 0];
  for (let second = 0; second < 86_400; second += 1) {
    for (const { count } of deliveries.over(second * 1000)) told += count;
    const kept = deliveries.admit(delivery({ digest: String(second), payload: 'p', ...change }), second * 1000);
    if (kept !== undefined) entries += 1;
    if (kept?.payload !== undefined) payloads += 1;
  }
  for (const { count } of deliveries.over(Number.POSITIVE_INFINITY)) told += count;
  return { entries, payloads, told };
}

it('bounds a flood that trips nothing, and loses none of the count', () => {
  expect(day({})).toEqual({ entries: 30 * 1440, payloads: 60 * 24, told: 86_400 - 30 * 1440 });
  expect(day({ outcome: 'noted' })).toMatchObject({ entries: 30 * 1440 });
  const { payload: _, ...bare } = delivery({ outcome: 'heartbeat' });
  expect(day(bare)).toMatchObject({ entries: 24, told: 86_400 - 24 });
});

it('bounds no trip, nor what should have been one, nor what intake has bounded', () => {
  for (const outcome of ['tripped', 'failed', 'refused'] as const)
    expect(day({ outcome, digest: 'same' })).toEqual({ entries: 86_400, payloads: 86_400, told: 0 });
});

it('keeps a payload once for the same bytes, of each source', () => {
  const deliveries = new Deliveries();
  const keeps = (source: string, digest: string) =>
    deliveries.admit(delivery({ source, digest, payload: 'p' }), 0)?.payload !== undefined;
  expect([keeps('a', '1'), keeps('a', '1'), keeps('a', '2'), keeps('a', '1'), keeps('b', '1')]).toEqual([
    true,
    false,
    true,
    false,
    true,
  ]);
});

it('one source takes nothing from another', () => {
  const deliveries = new Deliveries();
  for (let turn = 0; turn < 100; turn += 1) deliveries.admit(delivery({ source: 'loud' }), turn);
  expect(deliveries.admit(delivery({ source: 'quiet' }), 100)).toBeDefined();
  expect(deliveries.admit(delivery({ source: 'loud' }), 100)).toBeUndefined();
});
