import type { ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import type { KeeperReads } from '../keeper/ports.ts';

const MAX_CLIENTS = 200;
/** So that a page can tell a quiet appliance from a dead one. */
const BEAT_MS = 1000;
/** Changes closer together than this share one event. */
const SPACING_MS = 50;
/** A client that has not taken what it was sent for this long is dropped. */
const BLOCKED_MS = 10_000;

interface Client {
  readonly response: ServerResponse;
  /** Monotonic time since which the socket takes no more. */
  blockedSince: number | undefined;
  /** A state went by meanwhile. */
  missed: boolean;
}

/**
 * Server-sent events: `state` with the whole status at once and on every change, `beat` with the wall time every second.
 * A slow client never has more than one event waiting here: it misses states, and gets the newest when it can take one.
 */
export class EventStream {
  readonly #reads: KeeperReads;
  readonly #clock: Clock;
  readonly #clients = new Set<Client>();
  readonly #stops: (() => void)[] = [];
  #cancelLater: (() => void) | undefined;
  #publishedAt = Number.NEGATIVE_INFINITY;

  constructor(reads: KeeperReads, clock: Clock) {
    this.#reads = reads;
    this.#clock = clock;
  }

  start(): void {
    this.#stops.push(this.#reads.watch(() => this.#changed()));
    this.#stops.push(this.#clock.every(BEAT_MS, () => this.#beat()));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#cancelLater?.();
    for (const { response } of this.#clients) response.destroy();
    this.#clients.clear();
  }

  /** Throws `web.busy` when a client more would be too many. */
  checkRoom(): void {
    if (this.#clients.size >= MAX_CLIENTS)
      throw new PortcullisError('web.busy', `${MAX_CLIENTS} pages are watching already.`);
  }

  /** Begins to send to `response`, whose head has been written. */
  add(response: ServerResponse): void {
    const client: Client = { response, blockedSince: undefined, missed: false };
    this.#clients.add(client);
    response.on('close', () => this.#clients.delete(client));
    response.on('error', () => this.#clients.delete(client));
    response.on('drain', () => {
      client.blockedSince = undefined;
      if (!client.missed) return;
      client.missed = false;
      this.#send(client, this.#state());
    });
    this.#send(client, `retry: 1000\n\n${this.#state()}`);
  }

  #changed(): void {
    if (this.#cancelLater !== undefined) return;
    const wait = this.#publishedAt + SPACING_MS - this.#clock.monotonic();
    if (wait <= 0) this.#publish();
    else
      this.#cancelLater = this.#clock.after(wait, () => {
        this.#cancelLater = undefined;
        this.#publish();
      });
  }

  #publish(): void {
    this.#publishedAt = this.#clock.monotonic();
    if (this.#clients.size === 0) return;
    const state = this.#state();
    for (const client of this.#clients) {
      if (client.blockedSince === undefined) this.#send(client, state);
      else client.missed = true;
    }
  }

  #beat(): void {
    const now = this.#clock.monotonic();
    for (const client of this.#clients) {
      if (client.blockedSince === undefined || now - client.blockedSince <= BLOCKED_MS) continue;
      this.#clients.delete(client);
      client.response.destroy();
    }
    const beat = `event: beat\ndata: {"wall":${this.#clock.wall()}}\n\n`;
    for (const client of this.#clients) if (client.blockedSince === undefined) this.#send(client, beat);
  }

  #send(client: Client, text: string): void {
    if (!client.response.write(text)) client.blockedSince = this.#clock.monotonic();
  }

  #state(): string {
    return `event: state\ndata: ${JSON.stringify(this.#reads.status())}\n\n`;
  }
}
