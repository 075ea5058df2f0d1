/**
 * What a real board is put together from. Each driver (gpiochip, onoff, the serial boards) makes parts; `assembled.ts`
 * puts them together behind the gate's Board port. One contract suite per part runs over every driver.
 *
 * A part does nothing in its constructor. `stop` works after half a start, and twice.
 */

/** A line this appliance drives: relay coil, LED, buzzer, heartbeat. High is energised or lit (G9). */
export interface Output {
  /** Takes the line and drives it low before anything else. Rejects with `gate.board`. */
  start(): Promise<void>;
  /**
   * Commands the line, synchronously: when it returns the command has left this process (for a serial board: has been
   * handed to the kernel or, where the runtime cannot do that, queued first in line). Throws `gate.board`. Idempotent.
   */
  write(high: boolean): void;
  /**
   * What the hardware says the line is, or undefined where it cannot be read back or has not been since the last write.
   * Never throws. A board that answers wrongly or not at all reads as undefined and reports through `onFault`.
   */
  read(): boolean | undefined;
  /**
   * How many read-backs have been attempted and have ended, well or badly, since the part was made: what the service's
   * watchdog is fed by. A board that cannot be read back counts the commands it was handed instead, and says so in its
   * caveats.
   */
  readonly attempts: number;
  /**
   * Feeds the hardware's own timer where the part has one (a serial board's watchdog or flash timer); else does nothing.
   * Called about every 50 ms by the gate's loop while the relay may be energised. Never throws.
   */
  feed(): void;
  /** Told, at most once until the next successful exchange, what went wrong outside a call: a pulled cable, silence. */
  onFault(listener: (reason: string) => void): void;
  /** Drives the line low as far as possible and lets it go. */
  stop(): Promise<void>;
  /** True when the hardware itself drops the line if we stop feeding it, whatever state the host is in. */
  readonly ownTimer: boolean;
  /** What this part cannot guarantee, for `doctor` and the log. */
  readonly caveats: readonly string[];
}

/** A line this appliance reads: button, auxiliary contact, coil supply. */
export interface Input {
  /** Takes the line. Rejects with `gate.board`. */
  start(): Promise<void>;
  /** The level now, or undefined where it cannot be read. Never throws. */
  level(): boolean | undefined;
  /** Every edge with its monotonic time in ms; the level at start is reported first. One listener, set before `start`. */
  onEdge(listener: (high: boolean, at: number) => void): void;
  stop(): Promise<void>;
  readonly caveats: readonly string[];
}
