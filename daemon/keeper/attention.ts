import { isoTime } from '../base/clock.ts';
import type { Book } from './book.ts';

/** What a person should look at, in words. */

export function suspicionAttention(seqs: readonly number[]): string[] {
  if (seqs.length === 0) return [];
  const [what, first] = [seqs.length === 1 ? 'Snapshot' : 'Snapshots', seqs.slice(0, 20).join(', ')];
  return [
    `${what} ${first} may hold a damaged source, and nothing expires meanwhile: look at the source, then \`portcullis clear ${seqs[0]}\`.`,
  ];
}

export function lostAttention(packs: number): string[] {
  if (packs === 0) return [];
  const what = packs === 1 ? '1 pack in the vault is' : `${packs} packs in the vault are`;
  return [
    `${what} damaged or gone; what the sources still have of it is sealed again. \`portcullis verify\` names them.`,
  ];
}

/** So long it is said that there are other recovery keys than before. */
const CHANGED_MS = 7 * 86_400_000;

export function recipientsAttention(recipients: Book['recipients'], wall: number): string[] {
  if (recipients?.changedWall === undefined || wall - recipients.changedWall > CHANGED_MS) return [];
  return [
    `The recovery keys were changed on ${isoTime(recipients.changedWall)}; there are ${recipients.keys.length} now. Are they yours? \`portcullis keys show\` lists them.`,
  ];
}

export function unprotectedAttention(why: string | undefined): string[] {
  return why === undefined ? [] : [`Not everything in the vault is immutable: ${why}`.slice(0, 500)];
}
