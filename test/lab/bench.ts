import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';

/** Where scripts/lab/inside has put it, compiled from bench.c. */
const PROGRAM = '/usr/bin/lab-bench';

/** The lines of the recommended build, as docs/hardware.md lists them and bench.c watches them. */
export const RELAYS = [17, 27] as const;
export const HEARTBEAT = 18;
export const CONTACT = 22;
export const BUTTON = 25;

/** What happened at the pins, dated by the bench itself: CLOCK_MONOTONIC milliseconds. */
export interface BenchEvent {
  readonly at: number;
  readonly what: string;
  readonly values: readonly number[];
}

/** The wiring, as a process of its own outside everything that is tested. */
export class Bench {
  readonly events: BenchEvent[] = [];
  readonly #chip: string;
  readonly #told = new EventEmitter();
  readonly #levels = new Map<number, boolean>();
  #child: ChildProcess | undefined;

  constructor(chip: string) {
    this.#chip = chip;
    this.#told.setMaxListeners(0);
  }

  async start(): Promise<void> {
    const child = spawn(PROGRAM, [this.#chip], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface(child.stdout).on('line', (line) => this.#hear(line));
    await this.until(() => this.#levels.size === 3, 10_000, 'the bench has looked at every pin');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.stdin?.end();
    await gone;
  }

  order(text: string): void {
    this.#child?.stdin?.write(`${text}\n`);
  }

  level(line: number): boolean {
    return this.#levels.get(line) ?? false;
  }

  /** Both relays energised: through both of them alone the link is alive. */
  get energised(): boolean {
    return RELAYS.every((line) => this.level(line));
  }

  /** Events after `since`, in their order. */
  after(since: number, what: string, line?: number): BenchEvent[] {
    return this.events.filter(
      (event) => event.at > since && event.what === what && (line ?? event.values[0]) === event.values[0],
    );
  }

  /** When, after `since`, the last of the relays went low that had been high. */
  async low(since: number, ms = 30_000): Promise<number> {
    const falls = () =>
      RELAYS.map((line) => this.after(since, 'level', line).find(({ values }) => values[1] === 0)?.at);
    await this.until(() => falls().every((at) => at !== undefined), ms, 'both relays are low');
    return Math.max(...falls().map((at) => at ?? Number.NaN));
  }

  /** Milliseconds by which the bench itself came too late to look between two moments: the machine stood still. */
  stalled(from: number, to: number): number {
    const late = this.after(from, 'stall').filter(({ at }) => at <= to + 5);
    return Math.max(0, ...late.map(({ values }) => values[0] ?? 0));
  }

  /** Resolves once `condition` holds, looking again at each event. */
  async until(condition: () => boolean, ms: number, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        clearTimeout(limit);
        this.#told.off('event', look);
        resolve();
      };
      const limit = setTimeout(() => {
        this.#told.off('event', look);
        const last = this.events.slice(-5).map((event) => `${event.at} ${event.what} ${event.values.join(' ')}`);
        reject(new Error(`waited ${ms} ms in vain until ${what}; last: ${last.join(', ')}`));
      }, ms);
      this.#told.on('event', look);
    });
  }

  #hear(line: string): void {
    const [at, what = '', ...values] = line.split(' ');
    const event = { at: Number(at), what, values: values.map(Number) };
    if (what === 'level') this.#levels.set(event.values[0] ?? -1, event.values[1] === 1);
    this.events.push(event);
    this.#told.emit('event');
  }
}
