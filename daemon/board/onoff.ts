import type { Gpio } from 'onoff';
import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { GpioLine } from './gpio-chip.ts';
import { sysfsNumber } from './onoff-lookup.ts';
import type { Input, Output } from './parts.ts';

/** An output over sysfs, for kernels without the character device. */
export class OnoffOutput implements Output {
  readonly ownTimer = false;
  readonly caveats: readonly string[];
  readonly #wanted: GpioLine;
  #gpio: Gpio | undefined;
  #attempts = 0;

  constructor(wanted: GpioLine) {
    this.#wanted = wanted;
    this.caveats = [
      `onoff: a killed process leaves the ${wanted.what}'s line as it drove it, and any process may drive it.`,
    ];
  }

  async start(): Promise<void> {
    const gpio = await exported(this.#wanted, (Line, number) => new Line(number, 'low', 'none', { activeLow: false }));
    try {
      // Of a line that somebody left exported the package takes what it gets, and says nothing.
      if (gpio.direction() !== 'out' || gpio.activeLow() || gpio.readSync() !== 0)
        throw new Error('it cannot be made an output that is low');
    } catch (error) {
      gpio.unexport();
      throw failed(this.#wanted, error);
    }
    this.#gpio = gpio;
  }

  write(high: boolean): void {
    const { what } = this.#wanted;
    if (this.#gpio === undefined) throw new PortcullisError('gate.board', `The ${what} has not been started.`);
    try {
      this.#gpio.writeSync(high ? 1 : 0);
    } catch (error) {
      throw failed(this.#wanted, error);
    }
  }

  get attempts(): number {
    return this.#attempts;
  }

  read(): boolean | undefined {
    const level = levelOf(this.#gpio);
    this.#attempts++;
    return level;
  }

  feed(): void {}

  /** Nothing happens to a line outside a call. */
  onFault(): void {}

  async stop(): Promise<void> {
    if (this.#gpio === undefined) return;
    const gpio = this.#gpio;
    try {
      this.write(false);
    } catch {
      // Let go of it all the same: that is all that is left to do.
    }
    this.#gpio = undefined;
    gpio.unexport();
  }
}

export interface OnoffInputOptions extends GpioLine {
  /** A level is told once it has lasted this long; 0 or none: every edge. */
  readonly debounceMs?: number | undefined;
  readonly clock: Clock;
}

/** An input over sysfs. Edges are dated when they are noticed. */
export class OnoffInput implements Input {
  readonly caveats: readonly string[];
  readonly #options: OnoffInputOptions;
  #gpio: Gpio | undefined;
  #told: boolean | undefined;
  #cancelQuiet = () => {};
  #listener: (high: boolean, at: number) => void = () => {};

  constructor(options: OnoffInputOptions) {
    this.#options = options;
    this.caveats = [`onoff: the ${options.what}'s line has the bias that the boot left it, or its own resistor.`];
  }

  async start(): Promise<void> {
    const gpio = await exported(this.#options, (Line, number) => new Line(number, 'in', 'both', { activeLow: false }));
    try {
      if (gpio.direction() !== 'in' || gpio.activeLow() || gpio.edge() !== 'both')
        throw new Error('it cannot be made an input with edges');
      this.#gpio = gpio;
      this.#told = undefined;
      this.#tell(gpio.readSync() === 1);
      gpio.watch((error, value) => {
        if (error === null || error === undefined) this.#sense(value === 1);
      });
    } catch (error) {
      this.#gpio = undefined;
      gpio.unexport();
      throw failed(this.#options, error);
    }
  }

  level(): boolean | undefined {
    return levelOf(this.#gpio);
  }

  onEdge(listener: (high: boolean, at: number) => void): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    this.#cancelQuiet();
    this.#gpio?.unexport();
    this.#gpio = undefined;
  }

  /** The package's own debounce would read the line after it has been let go, and end the process. */
  #sense(high: boolean): void {
    const { debounceMs = 0, clock } = this.#options;
    if (debounceMs === 0) {
      this.#tell(high);
      return;
    }
    this.#cancelQuiet();
    this.#cancelQuiet = clock.after(debounceMs, () => {
      const settled = this.level();
      if (settled !== undefined) this.#tell(settled);
    });
  }

  #tell(high: boolean): void {
    if (high === this.#told) return;
    this.#told = high;
    this.#listener(high, this.#options.clock.monotonic());
  }
}

async function exported(wanted: GpioLine, make: (Line: typeof Gpio, number: number) => Gpio): Promise<Gpio> {
  const { Gpio: Line } = await load();
  const number = sysfsNumber(wanted);
  try {
    return make(Line, number);
  } catch (error) {
    throw failed(wanted, error);
  }
}

async function load() {
  try {
    return await import('onoff');
  } catch (error) {
    const what = `The driver onoff needs the optional package onoff: ${reasonOf(error)}.`;
    throw new PortcullisError('gate.board', what, { cause: error });
  }
}

function levelOf(gpio: Gpio | undefined): boolean | undefined {
  try {
    return gpio && gpio.readSync() === 1;
  } catch {
    return undefined;
  }
}

function failed({ label, line, what }: GpioLine, error: unknown): PortcullisError {
  const reason = reasonOf(error);
  return new PortcullisError('gate.board', `Line ${line} of ${label} (${what}) does not work by sysfs: ${reason}.`, {
    cause: error,
  });
}
