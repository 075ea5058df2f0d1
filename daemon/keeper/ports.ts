import {
  type Cause,
  type Delivery,
  type GateView,
  OUTCOMES,
  type Reading,
  type ReportedProof,
} from '../base/protocol.ts';
import type { Heartbeat } from '../config/heartbeat.ts';
import type { Life } from './heartbeats.ts';
import type { Pace } from './pace.ts';

/** Types of the ledger's entries about what alert sources sent. The last is for those that only count. */
export const ALERT_ENTRIES = [...OUTCOMES.map((outcome) => `alert.${outcome}`), 'alert.unrecorded'];

/** What the page, the metrics and the command line read from the keeper. Times are milliseconds since the epoch. */
export interface KeeperStatus {
  readonly appliance: string;
  readonly version: string;
  readonly wall: number;
  /** The gate's own view and when it arrived; absent while the gate does not answer: then nothing is claimed. */
  readonly gate?: { readonly view: GateView; readonly receivedWall: number };
  /** The window that contains now. */
  readonly window?: { readonly name: string; readonly startWall: number; readonly endWall: number };
  readonly nextWindow?: { readonly name: string; readonly startWall: number; readonly endWall: number };
  readonly sources: readonly SourceStatus[];
  readonly alertSources: readonly AlertSourceStatus[];
  /** The last finished or cut window. */
  readonly lastWindow?: {
    readonly name: string;
    readonly startWall: number;
    readonly outcome: 'complete' | 'partial' | 'cut' | 'nothing to ship';
    readonly connectedSeconds: number;
    readonly bytes: number;
    readonly why: string;
  };
  /** What the keeper is doing now, in words. */
  readonly activity: string;
  readonly attention: readonly string[];
  /** Where working copies of sources lie, and whether they are encrypted while the box is off. Absent where it was not asked. */
  readonly workingCopies?: {
    readonly path: string;
    readonly atRest: 'encrypted' | 'plaintext' | 'unknown';
    /** The device, or why nobody can tell. */
    readonly detail: string;
  };
  /** What the keeper itself measures of the link: a key for each proof that is configured. */
  readonly proofs: Readonly<Partial<Record<ReportedProof, Reading>>>;
  readonly figures: Figures;
  /** Number of the newest ledger entry this keeper has written; 0 before its first. Changes when the ledger does. */
  readonly ledgerSeq: number;
}

/** What has added up since this keeper was started. */
export interface Figures {
  /** Of connections that have ended. */
  readonly connectedSeconds: number;
  /** What intake told of, recorded or not. */
  readonly alerts: readonly {
    readonly source: string;
    readonly outcome: Delivery['outcome'];
    readonly count: number;
  }[];
  /** Alerts that tripped: received → relay commanded off. A bucket holds all that took at most `le` seconds. */
  readonly trips: {
    readonly seconds: number;
    readonly count: number;
    readonly buckets: readonly { readonly le: number; readonly count: number }[];
  };
}

export interface SourceStatus {
  readonly name: string;
  readonly kind: string;
  readonly state: 'idle' | 'sealing' | 'staged' | 'shipping';
  /** Before there is anything to seal, `what` says what the source is doing. While shipping, `files` is 0, `total` is what there is to ship of it, and `pace` is known after a moment. */
  readonly progress?: {
    readonly what?: string;
    readonly files: number;
    readonly bytes: number;
    readonly total?: number;
    readonly pace?: Pace;
  };
  readonly lastSnapshot?: {
    readonly snapshot: string;
    readonly seq: number;
    readonly wall: number;
    readonly files: number;
    readonly bytes: number;
    readonly partial: boolean;
    /** Direct: every byte was fetched from the store before the commit. Cached: some may have come from this machine's memory. */
    readonly readBack: 'direct' | 'cached';
  };
  readonly lastFailure?: { readonly wall: number; readonly what: string };
}

/** Who may send alerts, and whether it is heard. */
export interface AlertSourceStatus {
  readonly name: string;
  /** Absent: nobody would notice its silence. */
  readonly heartbeat?: Heartbeat;
  /** Absent before the first time. */
  readonly lastHeardWall?: number;
  /** Unwatched: without a heartbeat. Degraded: silent for so long that it only warns. */
  readonly state: 'unwatched' | Life['kind'];
  /** Nothing connects until it is heard. */
  readonly blocks: boolean;
}

export interface KeeperReads {
  status(): KeeperStatus;
  /** Calls `listener` soon after anything in `status()` changed, at most every 50 ms but never late for a gate state. */
  watch(listener: () => void): () => void;
}

export interface TripPort {
  /** Trips the gate. Resolves when the lockout is durable or known not to become so; rejects when the gate does not answer. */
  trip(cause: Cause): Promise<{ commandedAt: number; durable: boolean }>;
}
