import type { Cause, Interlock, Reading, ReportedProof, Verb } from '../base/protocol.ts';
import type { BoardReading, Wiring } from './board.ts';
import type { Budget } from './budget.ts';

/** Who waits for an answer. Opaque to the gate's logic; the server knows which socket it is. */
export type Ref = number;

/** One connection, from the keeper's request to the relay's drop. */
export interface Session {
  readonly id: number;
  /** The keeper's conversation that holds the lease. */
  readonly holder: Ref;
  /** Where the answer to the connect request goes. */
  readonly ref: Ref;
  readonly purpose: string;
  /** What permits it: a window that contains now, or presence for exactly this. */
  readonly permit: 'window' | 'presence';
  /** Monotonic end, whatever happens. */
  readonly deadline: number;
  /** Monotonic end of the lease unless renewed. */
  readonly leaseUntil: number;
  /** What the budget was charged, ms. */
  readonly charged: number;
  /** It begins with a proof test. */
  readonly test: boolean;
  /** When a relay was first energised for it. */
  readonly energisedAt?: number;
}

interface Since {
  /** Monotonic and wall time of entering this state, and why it was entered. */
  readonly since: number;
  readonly sinceWall: number;
  readonly why: string;
}

/**
 * The measured state of the link. The relays are energised in `proving` (one of two in series, or none: the link stays
 * dead), `energised` and `connected` alone.
 */
export type Link =
  | (Since & { readonly kind: 'isolated' })
  /** Connecting, first: the budget is being charged durably, the uplink must break; the relays are still off. */
  | (Since & { readonly kind: 'charging'; readonly session: Session; readonly paid: boolean })
  /** Connecting, in a proof test of two relays in series: one alone, none, the other alone. */
  | (Since & { readonly kind: 'proving'; readonly session: Session; readonly stage: Stage })
  /** Connecting, last: all relays are energised, the proofs do not agree yet. */
  | (Since & { readonly kind: 'energised'; readonly session: Session })
  | (Since & { readonly kind: 'connected'; readonly session: Session })
  /** The relay is off, the proofs do not say so yet. */
  | (Since & { readonly kind: 'isolating' });

export type Stage = 'first' | 'between' | 'second';

/** The second door. Its relay is energised in `connected` alone. */
export type Uplink =
  /** There is none. */
  | { readonly kind: 'none' }
  /** Proven dead. */
  | { readonly kind: 'isolated'; readonly since: number }
  | { readonly kind: 'connected'; readonly since: number }
  /** The relay is off, its contact does not say so yet. */
  | { readonly kind: 'isolating'; readonly since: number };

export type Latch =
  | { readonly kind: 'clear' }
  | {
      readonly kind: 'lockout' | 'fault';
      readonly cause: Cause;
      readonly wall: number;
      readonly write: Write;
    };

/** Where the latch's way to the disk has got to. */
export type Write =
  | { readonly kind: 'durable' }
  /** `waiting`: trips to answer when it is done. `clears`: this write takes the latch away (reset). */
  | { readonly kind: 'writing'; readonly id: number; readonly waiting: readonly Ref[]; readonly clears: boolean }
  | { readonly kind: 'failed'; readonly retryAt: number };

export type Presence =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'pending';
      readonly ref: Ref;
      readonly verb: Verb;
      readonly reason: string;
      readonly seconds: number;
      readonly until: number;
      readonly test: boolean;
    }
  /** A press approved exactly this connection; it is used up by the next connect, or lapses. */
  | {
      readonly kind: 'approved';
      readonly reason: string;
      readonly seconds: number;
      readonly until: number;
      readonly test: boolean;
    };

/** What the keeper reports. It can block or isolate; nothing here can connect. */
export interface Report {
  readonly holder: Ref;
  readonly clockTrusted: boolean;
  readonly blocks: readonly Interlock[];
  readonly attention: readonly string[];
  readonly proofs: Readonly<Partial<Record<ReportedProof, Reading>>>;
}

/** What the gate's own file says about this second. */
export interface Calendar {
  readonly window?: { readonly name: string; readonly endsWall: number };
  /** The wall clock is not earlier than the gate's own durable timestamp. */
  readonly clockSane: boolean;
}

export interface Readings extends BoardReading {
  readonly at: number;
}

/** How the last proof test went, at which trusted wall time. */
export interface ProofTest {
  readonly wall: number;
  readonly passed: boolean;
  readonly detail: string;
}

/** Whether the rules in force are those that were applied last. */
export type Rules =
  | { readonly kind: 'current' }
  /** What was applied permits more, and no person has pressed for it. `blocks`: there are no older rules to go by. */
  | { readonly kind: 'waiting'; readonly reasons: readonly string[]; readonly blocks: boolean };

interface Down {
  /** The coils' supply was seen gone during this press. */
  readonly opened: boolean;
}

/** A press under way, by what it may still become. */
export type Press =
  | { readonly kind: 'none' }
  /** It began while exactly this request was announced: held for a moment, so that no spike can, it approves it. */
  | (Down & { readonly kind: 'may-approve'; readonly ref: Ref })
  /** It began in lockout or fault with nothing pending: released after 5 s it is a reset. */
  | (Down & { readonly kind: 'reset-if-held' })
  /** It has had its effect, or was for nothing. */
  | (Down & { readonly kind: 'spent' });

export interface State {
  readonly wiring: Wiring;
  readonly rules: Rules;
  readonly link: Link;
  readonly uplink: Uplink;
  readonly latch: Latch;
  readonly presence: Presence;
  readonly readings: Readings;
  /** Monotonic end of intake's liveness lease. */
  readonly intakeUntil: number;
  readonly report: Report | undefined;
  readonly calendar: Calendar;
  readonly budget: Budget;
  readonly budgetSavedAt: number;
  /** When the link was last seen leaving or entering isolation, for the minimum off-time. */
  readonly offSince: number;
  /** Since when the proofs contradict the command, if they do. */
  readonly disagreeSince: number | undefined;
  /** The same of the uplink. */
  readonly uplinkDisagreesSince: number | undefined;
  readonly proofTest: ProofTest | undefined;
  /** What the proof test under way has shown so far; it is complete once the link is isolated again. */
  readonly shown: readonly string[] | undefined;
  readonly press: Press;
  readonly buttonStuck: boolean;
  /** Whether the button's normally-closed pole opened the coils' supply when it was last pressed. */
  readonly pole: 'untried' | 'opens' | 'fails';
  /** The gate is on its way out: nothing connects any more. */
  readonly stopping: boolean;
  /** Counter for sessions and latch writes. */
  readonly nextId: number;
}

interface At {
  readonly now: number;
  readonly wall: number;
}

export type Event = At &
  (
    | { readonly type: 'tick'; readonly readings: BoardReading }
    | { readonly type: 'calendar'; readonly calendar: Calendar }
    | { readonly type: 'trip'; readonly cause: Cause; readonly ref?: Ref }
    | { readonly type: 'latch-written'; readonly id: number; readonly ok: boolean }
    | { readonly type: 'intake-alive'; readonly until: number }
    | { readonly type: 'intake-gone' }
    | {
        readonly type: 'connect';
        readonly holder: Ref;
        readonly ref: Ref;
        readonly purpose: string;
        readonly ms: number;
      }
    | { readonly type: 'charged'; readonly session: number; readonly ok: boolean }
    | { readonly type: 'renew'; readonly holder: Ref }
    | { readonly type: 'release'; readonly holder: Ref; readonly reason: string }
    | { readonly type: 'report'; readonly report: Report }
    | { readonly type: 'holder-gone'; readonly holder: Ref }
    | {
        readonly type: 'request';
        readonly ref: Ref;
        readonly verb: Verb;
        readonly reason: string;
        readonly seconds: number;
        readonly test?: boolean;
      }
    | { readonly type: 'request-gone'; readonly ref: Ref }
    /** The first edge of a press; and that it has lasted long enough to be a person's. */
    | { readonly type: 'press' }
    | { readonly type: 'firm' }
    | { readonly type: 'unpress'; readonly heldMs: number }
    | { readonly type: 'button-stuck' }
    | { readonly type: 'board-failed'; readonly reason: string }
    | { readonly type: 'rules'; readonly rules: Rules }
    | { readonly type: 'stop' }
  );

/** What to write as the latch. */
export type LatchContent =
  | { readonly kind: 'clear' }
  | { readonly kind: 'lockout' | 'fault'; readonly cause: Cause; readonly wall: number };

export type Effect =
  /** Synchronously, before anything else. */
  | { readonly do: 'relay'; readonly energised: boolean; readonly only?: 1 | 2 }
  | { readonly do: 'uplink'; readonly energised: boolean }
  /** Make `latch` durable without blocking, then say so with `latch-written` and this id. */
  | { readonly do: 'write-latch'; readonly id: number; readonly latch: LatchContent }
  /** Make budget and proof test's result durable without blocking; where `session` is given, say so with `charged`. */
  | { readonly do: 'save-budget'; readonly budget: Budget; readonly session?: number }
  /** A person pressed for the rules that wait: they are in force from here on. */
  | { readonly do: 'adopt-rules' }
  | { readonly do: 'answer'; readonly ref: Ref; readonly answer: Answer }
  | { readonly do: 'record'; readonly type: string; readonly data: Readonly<Record<string, unknown>> };

export type Answer =
  | { readonly type: 'tripped'; readonly durable: boolean }
  | { readonly type: 'connected'; readonly deadline: number }
  | { readonly type: 'refused'; readonly interlocks: readonly Interlock[] }
  | { readonly type: 'pending'; readonly until: number }
  | { readonly type: 'approved' }
  | { readonly type: 'denied'; readonly reason: string };
