import type { Clock } from '../base/clock.ts';

/** What was heard so far, judged as the answer to a command. An answer is exactly its bytes: nothing before, nothing after. */
export type Answer =
  /** Not wrong so far, and not whole. */
  | { readonly kind: 'part' }
  /** `high`: what the board says the relay is, where this answer says it. */
  | { readonly kind: 'good'; readonly high?: boolean }
  | { readonly kind: 'wrong'; readonly why: string };

/** A command, and the answer to it. */
export interface Exchange {
  /** For messages: "the off command". */
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Pure. Absent where the board does not answer this command. */
  readonly judge?: (heard: Uint8Array) => Answer;
}

/** Does one exchange; resolves with what the answer says the relay is. Rejects on silence and on a wrong answer. */
export type Ask = (exchange: Exchange) => Promise<boolean | undefined>;

/** The board's own timer: it drops the relay when it is not fed. */
export interface Lease {
  /** The board drops the relay this long after it was last fed, in ms. */
  readonly ms: number;
  /** Energises, with the timer running. The last one moves the relay; none is sent unless those before were answered well. */
  readonly on: readonly Exchange[];
  readonly feed: Exchange;
  /** Resolves once it is proven that the timer works. Rejects with the reason why not. The relay stays off throughout. */
  prove(ask: Ask, clock: Clock): Promise<void>;
}

/** What one kind of board understands. Everything in it is a constant of the board, its address and its channel. */
export interface Protocol {
  /** For messages: "LCUS relay board". */
  readonly name: string;
  readonly off: Exchange;
  /** Energises without a timer. */
  readonly on: readonly Exchange[];
  /** Absent where the board cannot be read back. */
  readonly read?: Exchange;
  readonly lease?: Lease;
  readonly caveats: readonly string[];
}

export const PART: Answer = { kind: 'part' };
export const GOOD: Answer = { kind: 'good' };

export function wrong(why: string): Answer {
  return { kind: 'wrong', why };
}

/** "A0 01 00 A1" */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ');
}

/** True while `heard` may still become something that begins with `head`. */
export function beginsLike(heard: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, at) => at >= heard.length || heard[at] === byte);
}
