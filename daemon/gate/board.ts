import type { LedPattern, Reading } from '../base/protocol.ts';

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
   * Commands the relay, synchronously: when it returns, the command has left this process. Throws `gate.board` when the
   * command could not be given. Idempotent.
   */
  drive(energised: boolean): void;
  /** Reads the contact and the device behind it, now. `unknown` where this board has no such reading. Never throws. */
  read(): { contact: Reading; device: Reading };
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
  /** Drives the relay off and lets the hardware go. Works after half a start, and twice. */
  stop(): Promise<void>;
}
