import type { LedPattern, Reading, ReportedProof } from '../base/protocol.ts';

/** What a board is made of, as far as it decides what can be measured and done. Known before `start`. */
export interface Wiring {
  /** In series; the second one is driven by a line or board of its own. */
  readonly relays: 1 | 2;
  /** The network door: a relay of its own, and a contact that proves its break. */
  readonly uplink: boolean;
  /** The coils' supply is sensed behind the button's normally-closed pole. */
  readonly supply: boolean;
  /** Proofs that the keeper must report. */
  readonly reported: readonly ReportedProof[];
}

export const PLAIN_WIRING: Wiring = { relays: 1, uplink: false, supply: false, reported: [] };

/** One look at the hardware. `unknown` where it cannot be read; a key is there only where the board has that part. */
export interface BoardReading {
  readonly contact: Reading;
  readonly device: Reading;
  /** Each auxiliary contact by itself, in the order of the relays: *alive* while made. */
  readonly contacts?: readonly Reading[];
  /** The uplink's contact. */
  readonly uplink?: Reading;
  /** The coils' supply behind the button's normally-closed pole: *dead* while the button is down, or the supply gone. */
  readonly supply?: Reading;
}

/**
 * The gate's port to the hardware. One contract suite (`test/board/contract.ts`) runs over every driver.
 *
 * A driver does nothing in its constructor. Energised means the line is high, through the normally-open contact (G9).
 */
export interface Board {
  /**
   * Takes the hardware and drives the relay off before anything else. Rejects with `gate.board` when it cannot; the
   * relay is then as far off as the driver could bring it.
   */
  start(): Promise<void>;
  /**
   * Commands the vault's relays, synchronously: when it returns, the command has left this process. `only` energises one of
   * two in series, which leaves the link dead, for the proof test. Throws `gate.board` when the command could not be given.
   * Idempotent.
   */
  drive(energised: boolean, only?: 1 | 2): void;
  /** Commands the uplink's relay, as `drive`. Only where there is one. */
  driveUplink(energised: boolean): void;
  /** Reads everything, now. Never throws. */
  read(): BoardReading;
  /**
   * How many read-backs of the relay have been attempted and have ended, well or badly. Grows only while every relay is
   * being asked: it is what the service's watchdog is fed by.
   */
  readonly attempts: number;
  /** Shows a pattern. Best effort: a failed LED never throws and never delays. */
  show(pattern: LedPattern): void;
  /** Feeds the dead-man, called about every 50 ms by the gate's own loop while the relay may be energised. Never throws. */
  beat(): void;
  /**
   * Raw button level, `true` while pressed, with the monotonic time of the edge, bounces included. The level at start is
   * reported first. One listener.
   */
  onButton(listener: (pressed: boolean, at: number) => void): void;
  /**
   * What the hardware says went wrong outside a call: a pulled cable, a wrong answer. One listener, set after `start`.
   * What can only fail inside a call never reports here.
   */
  onFault(listener: (reason: string) => void): void;
  /** What this board cannot guarantee, for `doctor` and the log. Empty when nothing is missing. */
  readonly caveats: readonly string[];
  readonly wiring: Pick<Wiring, 'relays' | 'uplink' | 'supply'>;
  /** Drives the relay off and lets the hardware go. Works after half a start, and twice. */
  stop(): Promise<void>;
}
