import type { Clock } from '../base/clock.ts';
import { type Lines, openLines } from '../base/lines.ts';
import { connectUnix } from '../base/listen.ts';
import type { Shape } from '../base/shape.ts';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

export interface ReconnectingPorts<In> {
  readonly path: string;
  readonly shape: Shape<In>;
  readonly clock: Clock;
  opened(): void;
  message(message: In): void;
  /** Called once for each `opened`. */
  closed(reason: string): void;
}

/** A conversation over a Unix socket that is taken up again whenever it ends, until stopped. */
export class Reconnecting<In, Out> {
  readonly #ports: ReconnectingPorts<In>;
  #lines: Lines<Out> | undefined;
  #running = false;
  #retryMs = FIRST_RETRY_MS;
  #cancelRetry = () => {};

  constructor(ports: ReconnectingPorts<In>) {
    this.#ports = ports;
  }

  get connected(): boolean {
    return this.#lines !== undefined;
  }

  /** Connects in the background. */
  start(): void {
    this.#running = true;
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    this.#cancelRetry();
    this.#lines?.close();
  }

  /** Returns false while there is no conversation. */
  send(message: Out): boolean {
    return this.#lines?.send(message) ?? false;
  }

  async #connect(): Promise<void> {
    const socket = await connectUnix(this.#ports.path).catch(() => undefined);
    if (socket === undefined) return this.#retry();
    if (!this.#running) {
      socket.destroy();
      return;
    }
    this.#retryMs = FIRST_RETRY_MS;
    this.#lines = openLines<In, Out>(socket, this.#ports.shape, {
      message: (message) => this.#ports.message(message),
      closed: (reason) => this.#closed(reason),
    });
    this.#ports.opened();
  }

  #closed(reason: string): void {
    this.#lines = undefined;
    this.#ports.closed(reason);
    this.#retry();
  }

  #retry(): void {
    if (!this.#running) return;
    this.#cancelRetry = this.#ports.clock.after(this.#retryMs, () => void this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
