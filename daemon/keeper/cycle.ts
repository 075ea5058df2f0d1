import type { GateView } from '../base/protocol.ts';

export interface Interval {
  readonly name: string;
  readonly startWall: number;
  readonly endWall: number;
}

/** Everything the next move depends on. Times are milliseconds since the epoch, except where said. */
export interface Situation {
  readonly wall: number;
  readonly window: Interval | undefined;
  readonly next: Interval | undefined;
  /** Start of the newest window that sealing was begun for; 0 before the first. */
  readonly sealedFor: number;
  readonly sealing: boolean;
  /** Sealing waits until some of what is staged is in the vault. */
  readonly stagingFull: boolean;
  /** Sources whose sealing the uplink's loss cut short: sealed again once it is back and the window is over. */
  readonly cutShort: number;
  /** How long sealing everything took last time, ms; undefined before the first. */
  readonly lastSealMs: number | undefined;
  /** Finished batches waiting in staging. */
  readonly staged: number;
  /** A connection is being asked for, held, or let go. */
  readonly connecting: boolean;
  /** Holding back after connections that failed. A person who pressed the button is not kept waiting for it. */
  readonly resting: boolean;
  readonly gate: GateView | undefined;
  /** Nothing beyond this box can be reached: there is a second door, and it is not connected. */
  readonly uplinkAway: boolean;
}

export type Move =
  /** Seal every source, so that it is ready when `window` permits connecting. */
  | { readonly do: 'seal'; readonly window: Interval }
  /** Seal what was cut short. */
  | { readonly do: 'seal-again' }
  /** There is something to seal, and no uplink to reach it by. */
  | { readonly do: 'await-uplink' }
  | { readonly do: 'connect'; readonly permit: 'window'; readonly window: Interval; readonly seconds: number }
  | { readonly do: 'connect'; readonly permit: 'presence'; readonly seconds: number; readonly reason: string };

/** Sealing before anybody knows how long it takes begins this long ahead. */
const FIRST_SEAL_AHEAD_MS = 3_600_000;
const SEAL_MARGIN_MS = 5000;
/** With less than this left there is no point in connecting. */
const LEAST_USEFUL_MS = 500;

/**
 * What to begin now. Sealing starts ahead of the window by twice its last duration, so that connecting waits for
 * nothing (but not inside another window, which would connect for it once more); and connecting waits for sealing until
 * half of the window is gone, so that one slow source does not keep the others out of the vault, unless sealing itself waits for room in
 * staging. Where the uplink is away
 * sealing waits for it: it is never connected together with the vault, so a connection ends what is being sealed.
 */
export function decide(now: Situation): Move[] {
  const moves: Move[] = [];
  const { window, next, gate, wall } = now;
  const sealFor = window ?? next;
  const ahead = now.lastSealMs === undefined ? FIRST_SEAL_AHEAD_MS : 2 * now.lastSealMs + SEAL_MARGIN_MS;
  const due = sealFor !== undefined && sealFor.startWall > now.sealedFor && sealFor.startWall - wall <= ahead;
  if (!now.sealing && (due || now.cutShort > 0)) {
    if (now.uplinkAway) moves.push({ do: 'await-uplink' });
    else if (due) moves.push({ do: 'seal', window: sealFor });
    else if (window === undefined) moves.push({ do: 'seal-again' });
  }
  if (now.connecting || gate === undefined || gate.link !== 'isolated') return moves;
  if (gate.interlocks.some((interlock) => !interlock.ok)) return moves;
  if (gate.presence.kind === 'approved') {
    moves.push({
      do: 'connect',
      permit: 'presence',
      seconds: gate.presence.seconds ?? 0,
      reason: gate.presence.reason,
    });
    return moves;
  }
  if (now.resting || window === undefined || gate.interlocks.some((interlock) => !interlock.ok)) return moves;
  const left = window.endWall - wall;
  const patience = (window.endWall - window.startWall) / 2;
  if (now.staged > 0 && left >= LEAST_USEFUL_MS && (now.stagingFull || !(now.sealing || due) || left <= patience)) {
    moves.push({ do: 'connect', permit: 'window', window, seconds: left / 1000 });
  }
  return moves;
}
