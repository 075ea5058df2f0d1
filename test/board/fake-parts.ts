import { PortcullisError } from '../../daemon/base/errors.ts';
import type { Input, Output } from '../../daemon/board/parts.ts';

/** A driven line in memory. */
export class FakeOutput implements Output {
  readonly caveats: readonly string[] = [];
  ownTimer = false;
  high = false;
  writes: boolean[] = [];
  feeds = 0;
  attempts = 0;
  failing: { start?: boolean; write?: boolean /** Never comes to an end. */; read?: boolean } = {};
  /** What reading back says; undefined: the last write. */
  readsAs: boolean | 'nothing' | undefined;
  fault: (reason: string) => void = () => {};
  #started = false;

  async start(): Promise<void> {
    if (this.failing.start) throw new PortcullisError('gate.board', 'The fake line cannot be taken.');
    this.#started = true;
    this.high = false;
  }

  write(high: boolean): void {
    if (!this.#started || this.failing.write)
      throw new PortcullisError('gate.board', 'The fake line takes no commands.');
    this.high = high;
    this.writes.push(high);
  }

  read(): boolean | undefined {
    if (!this.failing.read) this.attempts += 1;
    if (this.readsAs === 'nothing' || !this.#started) return undefined;
    return this.readsAs ?? this.high;
  }

  feed(): void {
    this.feeds += 1;
  }

  onFault(listener: (reason: string) => void): void {
    this.fault = listener;
  }

  async stop(): Promise<void> {
    this.high = false;
    this.#started = false;
  }
}

/** A read line in memory; `follow` makes it mirror an output. */
export class FakeInput implements Input {
  readonly caveats: readonly string[] = [];
  high: boolean | undefined;
  #listener: (high: boolean, at: number) => void = () => {};
  #started = false;
  readonly #mirrors: FakeOutput | undefined;

  constructor(high: boolean | undefined, mirrors?: FakeOutput) {
    this.high = high;
    this.#mirrors = mirrors;
  }

  async start(): Promise<void> {
    this.#started = true;
    if (this.high !== undefined) this.#listener(this.high, 0);
  }

  level(): boolean | undefined {
    return this.#started ? (this.#mirrors?.high ?? this.high) : undefined;
  }

  onEdge(listener: (high: boolean, at: number) => void): void {
    this.#listener = listener;
  }

  set(high: boolean, at = 0): void {
    this.high = high;
    if (this.#started) this.#listener(high, at);
  }

  async stop(): Promise<void> {
    this.#started = false;
  }
}
