import { closeSync, readSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { type GpioLine, outputsPersist } from './gpio-chip.ts';
import { type Bias, decodeEvents, EVENT_SIZE, encodeValues, SET_VALUES } from './gpiochip-abi.ts';
import { type Kernel, loadKernel } from './gpiochip-kernel.ts';
import { levelOf, takeLine } from './gpiochip-line.ts';
import type { Input, Output } from './parts.ts';

/** As many events as the kernel keeps for one line. */
const EVENTS = 16;

interface Held {
  readonly kernel: Kernel;
  readonly descriptor: number;
}

/** An output over the kernel's character device. The kernel lets the line go when this process ends, however it ends. */
export class GpiochipOutput implements Output {
  readonly ownTimer = false;
  readonly #wanted: GpioLine;
  readonly #high = encodeValues(true);
  readonly #low = encodeValues(false);
  #held: Held | undefined;
  #caveats: readonly string[] = [];
  #attempts = 0;

  constructor(wanted: GpioLine) {
    this.#wanted = wanted;
  }

  get caveats(): readonly string[] {
    return this.#caveats;
  }

  get attempts(): number {
    return this.#attempts;
  }

  async start(): Promise<void> {
    const kernel = await loadKernel();
    this.#held = { kernel, descriptor: takeLine(kernel, this.#wanted, { direction: 'output' }) };
    this.#caveats = persistence(this.#wanted);
  }

  write(high: boolean): void {
    const { label, line, what } = this.#wanted;
    if (this.#held === undefined) throw new PortcullisError('gate.board', `The ${what} has not been started.`);
    try {
      this.#held.kernel.ioctl(this.#held.descriptor, SET_VALUES, high ? this.#high : this.#low);
    } catch (error) {
      const failure = `Line ${line} of ${label} (${what}) cannot be driven ${high ? 'high' : 'low'}`;
      throw new PortcullisError('gate.board', `${failure}: ${reasonOf(error)}.`, { cause: error });
    }
  }

  read(): boolean | undefined {
    const level = this.#held && levelOf(this.#held.kernel, this.#held.descriptor);
    this.#attempts++;
    return level;
  }

  feed(): void {}

  /** Nothing happens to a line outside a call. */
  onFault(): void {}

  async stop(): Promise<void> {
    if (this.#held === undefined) return;
    const { descriptor } = this.#held;
    try {
      this.write(false);
    } catch {
      // Let go of it all the same: that is all that is left to do.
    }
    this.#held = undefined;
    closeSync(descriptor);
  }
}

export interface GpiochipInputOptions extends GpioLine {
  readonly bias?: Bias | undefined;
  /** The kernel tells a level once it has lasted this long; 0 or none: every edge. */
  readonly debounceMs?: number | undefined;
  readonly clock: Clock;
}

/** An input over the kernel's character device: the kernel dates the edges. */
export class GpiochipInput implements Input {
  readonly caveats: readonly string[] = [];
  readonly #options: GpiochipInputOptions;
  readonly #events = Buffer.alloc(EVENTS * EVENT_SIZE);
  #held: Held | undefined;
  #unwatch = () => {};
  #listener: (high: boolean, at: number) => void = () => {};
  #told: { readonly high: boolean; readonly at: number } | undefined;

  constructor(options: GpiochipInputOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bias, debounceMs, clock, ...wanted } = this.#options;
    const kernel = await loadKernel();
    const descriptor = takeLine(kernel, wanted, { direction: 'input', bias, debounceMs });
    this.#held = { kernel, descriptor };
    this.#told = undefined;
    try {
      kernel.unblock(descriptor);
      const at = clock.monotonic();
      const high = levelOf(kernel, descriptor);
      if (high === undefined) throw new Error('its level cannot be read');
      this.#tell(high, at);
      this.#unwatch = kernel.watch(descriptor, () => this.#drain());
    } catch (error) {
      await this.stop();
      const failure = `Line ${wanted.line} of ${wanted.label} (${wanted.what}) cannot be watched`;
      throw new PortcullisError('gate.board', `${failure}: ${reasonOf(error)}.`, { cause: error });
    }
  }

  level(): boolean | undefined {
    return this.#held && levelOf(this.#held.kernel, this.#held.descriptor);
  }

  onEdge(listener: (high: boolean, at: number) => void): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    if (this.#held === undefined) return;
    const { descriptor } = this.#held;
    this.#held = undefined;
    this.#unwatch();
    this.#unwatch = () => {};
    closeSync(descriptor);
  }

  #drain(): void {
    if (this.#held === undefined) return;
    try {
      const length = readSync(this.#held.descriptor, this.#events);
      for (const { high, at } of decodeEvents(this.#events.subarray(0, length))) this.#tell(high, at);
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return;
      // The chip is gone, and would wake us for ever; that its level cannot be read any more tells the rest.
      this.#unwatch();
    }
  }

  /** Not twice the same level, and nothing from before the level at start: both come of an edge while starting. */
  #tell(high: boolean, at: number): void {
    if (this.#told !== undefined && (high === this.#told.high || at < this.#told.at)) return;
    this.#told = { high, at };
    this.#listener(high, at);
  }
}

function persistence({ label, what }: GpioLine): string[] {
  const persist = outputsPersist(label);
  if (persist === false) return [];
  return [
    persist
      ? `Outputs of ${label} keep their level when their holder is killed (persist_gpio_outputs): the ${what} needs dtparam=strict_gpiod in config.txt.`
      : `Whether outputs of ${label} keep their level when their holder is killed is not told by this kernel (${what}).`,
  ];
}
