import { describe, expect, it } from 'vitest';
import { type Answer, patienceFor } from '../../daemon/forges/patience.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const SECONDS = NOW / 1000;

function answer(status: number, headers: Record<string, string> = {}, text = ''): Answer {
  return { status, header: (name) => headers[name], text };
}

describe('how long a forge wants to be left alone', () => {
  it.each([
    ['seconds it names', answer(429, { 'retry-after': '30' }), 30_000],
    [
      'a second limit of GitHub',
      answer(403, { 'retry-after': '60' }, 'You have exceeded a secondary rate limit'),
      60_000,
    ],
    [
      'until its window begins anew, and a second',
      answer(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(SECONDS + 1800) }),
      1_801_000,
    ],
    ['the same, in the words of others', answer(429, { 'ratelimit-reset': String(SECONDS + 10) }), 11_000],
    ['a window that has begun already', answer(429, { 'x-ratelimit-reset': String(SECONDS - 10) }), 1000],
    ['a minute, where nothing is said', answer(429), 60_000],
    ['a minute, where only words say it', answer(403, {}, 'You have triggered an abuse detection mechanism'), 60_000],
    ['a minute, where the time is no number', answer(503, { 'retry-after': 'soon' }), 60_000],
    ['at least a second', answer(429, { 'retry-after': '0' }), 1000],
  ])('waits for %s', (_, given, ms) => {
    expect(patienceFor(given, NOW)).toMatchObject({ kind: 'wait', ms });
  });

  it.each([
    ['an answer', answer(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(SECONDS + 1800) })],
    ['a refusal', answer(403, { 'x-ratelimit-remaining': '4999' }, 'Resource not accessible by personal access token')],
    ['a failure', answer(502)],
    ['one that says it is busy, and no more', answer(503)],
  ])('does not wait after %s', (_, given) => {
    expect(patienceFor(given, NOW)).toEqual({ kind: 'none' });
  });

  it('does not wait for longer than an hour and a little', () => {
    expect(patienceFor(answer(429, { 'retry-after': '3900' }), NOW).kind).toBe('wait');
    expect(patienceFor(answer(429, { 'retry-after': '3901' }), NOW)).toEqual({ kind: 'too long', ms: 3_901_000 });
  });
});
