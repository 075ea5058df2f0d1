import { isoTime } from '../base/clock.ts';
import type { GateView } from '../base/protocol.ts';

/**
 * What about the last proof test wants attention: that it failed, or that it is older than twice what is configured. One
 * that has never been is none of both: the first connection begins with it.
 */
export function proofTestAttention(test: GateView['proofTest'], everyMs: number, wall: number): string[] {
  if (test === undefined) return [];
  const date = isoTime(test.wall).slice(0, 10);
  if (!test.passed) return [`The proof test of ${date} failed: ${test.detail}`.slice(0, 500)];
  if (wall - test.wall <= 2 * everyMs) return [];
  return [`The proof test is overdue: the last one was on ${date}. \`portcullis connect --proof-test\` makes one.`];
}
