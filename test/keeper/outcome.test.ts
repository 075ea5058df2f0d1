import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../daemon/keeper/outcome.ts';

const window = { name: 'nightly', startWall: 5, endWall: 9 };
const story = { startWall: 5, connectedSeconds: 1.23456, bytes: 7, committed: 2 };
const end = { story: { ...story, cut: undefined }, left: 0, failed: 0, cutShort: 0, blocked: undefined };

describe('how a window is told', () => {
  it('complete: everything sealed, shipped and committed', () => {
    expect(outcomeOf(window, end)).toEqual({
      name: 'nightly',
      startWall: 5,
      connectedSeconds: 1.235,
      bytes: 7,
      outcome: 'complete',
      why: '',
    });
  });

  it('cut before anything else: the reason is the one that cut it', () => {
    const cut = outcomeOf(window, { ...end, story: { ...story, cut: 'Trip: an agent.' }, left: 3, failed: 1 });
    expect(cut).toMatchObject({ outcome: 'cut', why: 'Trip: an agent.' });
  });

  it('partial: what is left says why it could not go, or how much it is', () => {
    expect(outcomeOf(window, { ...end, left: 2, blocked: 'The clock is not synchronised.' }).why).toBe(
      'The clock is not synchronised.',
    );
    expect(outcomeOf(window, { ...end, left: 2 }).why).toBe('2 sealed snapshots left for the next window.');
    expect(outcomeOf(window, { ...end, failed: 1 })).toMatchObject({
      outcome: 'partial',
      why: '1 source could not be sealed.',
    });
    expect(outcomeOf(window, { ...end, cutShort: 2 })).toMatchObject({
      outcome: 'partial',
      why: '2 sources to be sealed when the uplink is back.',
    });
  });

  it('nothing to ship, and a window nothing is known of', () => {
    expect(outcomeOf(window, { ...end, story: { ...story, committed: 0, cut: undefined } }).outcome).toBe(
      'nothing to ship',
    );
    expect(outcomeOf(window, { ...end, story: undefined })).toMatchObject({ outcome: 'nothing to ship', bytes: 0 });
  });
});
