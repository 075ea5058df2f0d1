import { describe, expect, it } from 'vitest';
import { paceOf } from '../../daemon/keeper/pace.ts';

describe('the pace of shipping', () => {
  it('is what was done in the time that it took, and what is left at that rate', () => {
    expect(paceOf(100, 300, 1000)).toEqual({ bytesPerSecond: 100, leftMs: 2000 });
    expect(paceOf(300, 300, 1000)).toEqual({ bytesPerSecond: 300, leftMs: 0 });
    // What is there already was not counted as to be done.
    expect(paceOf(400, 300, 1000)?.leftMs).toBe(0);
  });

  it('is not told before it can be', () => {
    expect(paceOf(100, 300, 499)).toBeUndefined();
    expect(paceOf(0, 300, 60_000)).toBeUndefined();
  });
});
