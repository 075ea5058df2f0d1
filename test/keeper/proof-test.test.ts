import { describe, expect, it } from 'vitest';
import { proofTestAttention } from '../../daemon/keeper/proof-test.ts';

const DAY = 86_400_000;
const wall = Date.UTC(2026, 10, 21, 12);
const test = { wall, passed: true, detail: 'All agreed.' };

describe('a proof test', () => {
  it('is overdue once it is older than twice what is configured', () => {
    expect(proofTestAttention(test, 30 * DAY, wall + 60 * DAY)).toEqual([]);
    expect(proofTestAttention(test, 30 * DAY, wall + 60 * DAY + 1)).toEqual([
      'The proof test is overdue: the last one was on 2026-11-21. `portcullis connect --proof-test` makes one.',
    ]);
  });

  it('that failed wants attention at once', () => {
    const failed = { ...test, passed: false, detail: 'Relay 2 alone made the link.' };
    expect(proofTestAttention(failed, 30 * DAY, wall)).toEqual([
      'The proof test of 2026-11-21 failed: Relay 2 alone made the link.',
    ]);
  });

  it('that has never been wants none: the first connection begins with it', () => {
    expect(proofTestAttention(undefined, 30 * DAY, wall)).toEqual([]);
  });
});
