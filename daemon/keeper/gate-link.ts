import { type Clock, delay } from '../base/clock.ts';
import { type ErrorCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { type Lines, openLines } from '../base/lines.ts';
import { connectUnix } from '../base/listen.ts';
import type { Log } from '../base/log.ts';
import {
  type GateRecord,
  type GateView,
  type Interlock,
  type LeaseRequest,
  leaseAnswer,
  type Reading,
  type ReportedProof,
} from '../base/protocol.ts';

const RECONNECT_MS = 200;
const REPORT_MS = 1000;
const RECORD_RETRY_MS = 1000;

/** What the keeper tells the gate about itself. */
export interface Report {
  readonly clockTrusted: boolean;
  readonly blocks: Interlock[];
  readonly attention: string[];
  /** A key for each proof that is configured. */
  readonly proofs: Partial<Record<ReportedProof, Reading>>;
}

export interface GateLinkPorts {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  report(): Report;
  /** Resolves when the record is durable in the ledger; then the gate may forget it. */
  record(record: GateRecord): Promise<void>;
  /** A new view has arrived, or the gate has gone (undefined). */
  changed(view: GateView | undefined): void;
}

/** One connection of the vault, as the keeper holds it. */
export interface Connection {
  /** Monotonic time at which the gate ends it whatever happens. */
  readonly deadline: number;
  /** Aborted as soon as the gate says the link is not connected any more. The reason is the gate's own words. */
  readonly lost: AbortSignal;
  release(reason: string): void;
}

type Session =
  | { readonly kind: 'none' }
  | { readonly kind: 'asking'; readonly id: number; resolve(connection: Connection): void; reject(error: Error): void }
  | { readonly kind: 'held'; readonly lost: AbortController };

/**
 * The keeper's end of the lease. Reconnects for ever; renews four times per TTL while a connection is held, from this
 * event loop, so that a hung keeper loses the lease by hanging.
 */
export class GateLink {
  readonly #ports: GateLinkPorts;
  #lines: Lines<LeaseRequest> | undefined;
  #boot = '';
  #view: GateView | undefined;
  #session: Session = { kind: 'none' };
  /** Oldest first; the first one is being written. */
  readonly #records: GateRecord[] = [];
  #ids = 0;
  #stopped = false;
  #renewEvery = 250;
  readonly #cancels = new Map<string, () => void>();

  constructor(ports: GateLinkPorts) {
    this.#ports = ports;
  }

  /** The gate's newest view, or undefined while it does not answer. */
  get view(): GateView | undefined {
    return this.#view;
  }

  /** How many of the gate's records have arrived and are not in the ledger yet. */
  get unrecorded(): number {
    return this.#records.length;
  }

  start(): void {
    this.#cancels.set(
      'report',
      this.#ports.clock.every(REPORT_MS, () => this.report()),
    );
    void this.#open();
  }

  /** Lets go of the link, then of the gate. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    if (this.#session.kind !== 'none')
      this.#lines?.send({ type: 'release', boot: this.#boot, reason: 'The keeper is stopping.' });
    this.#lines?.close();
  }

  /** Tells the gate now what it is otherwise told every second. */
  report(): void {
    this.#lines?.send({ type: 'report', ...this.#ports.report() });
  }

  /**
   * Asks for a connection of at most `seconds`. Resolves once the gate has measured it; rejects with `gate.refused`,
   * naming the interlocks, or `socket.unreachable`.
   */
  connect(purpose: string, seconds: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const lines = this.#lines;
      if (lines === undefined) return reject(new PortcullisError('socket.unreachable', 'The gate does not answer.'));
      if (this.#session.kind !== 'none') return reject(new Error('a connection is already under way'));
      const id = ++this.#ids;
      this.#session = { kind: 'asking', id, resolve, reject };
      this.#renewUntilOver();
      lines.send({ type: 'connect', id, boot: this.#boot, purpose: purpose.slice(0, 200), seconds });
    });
  }

  async #open(): Promise<void> {
    try {
      const socket = await connectUnix(this.#ports.path);
      if (this.#stopped) {
        socket.destroy();
        return;
      }
      this.#lines = openLines(socket, leaseAnswer, {
        message: (message) => this.#receive(message),
        closed: (reason) => this.#closed(reason),
      });
    } catch {
      this.#openLater();
    }
  }

  #openLater(): void {
    if (this.#stopped) return;
    this.#cancels.set(
      'open',
      this.#ports.clock.after(RECONNECT_MS, () => void this.#open()),
    );
  }

  #closed(reason: string): void {
    this.#lines = undefined;
    this.#view = undefined;
    this.#endSession(`The gate went away: ${reason}.`, 'socket.unreachable');
    this.#ports.changed(undefined);
    this.#openLater();
  }

  #receive(message: ReturnType<typeof leaseAnswer>): void {
    switch (message.type) {
      case 'hello':
        this.#boot = message.boot;
        this.#renewEvery = message.ttlMs / 4;
        // Said again where the gate has come to go by other rules.
        if (this.#session.kind !== 'none') this.#renewUntilOver();
        this.report();
        return;
      case 'view':
        this.#view = message.view;
        if (this.#session.kind === 'held' && message.view.link !== 'connected') this.#endSession(message.view.why);
        this.#ports.changed(message.view);
        return;
      case 'record': {
        const { boot, seq } = message.record;
        // Sent again over a new connection, while it still waits here.
        if (this.#records.some((record) => record.boot === boot && record.seq === seq)) return;
        this.#records.push(message.record);
        if (this.#records.length === 1) void this.#writeRecords();
        return;
      }
      case 'connected':
        if (this.#session.kind === 'asking' && this.#session.id === message.id) {
          const { resolve } = this.#session;
          const lost = new AbortController();
          this.#session = { kind: 'held', lost };
          resolve({ deadline: message.deadline, lost: lost.signal, release: (reason) => this.#release(lost, reason) });
        }
        return;
      case 'refused':
        if (this.#session.kind === 'asking' && this.#session.id === message.id) {
          const reasons = message.interlocks.map((interlock) => interlock.reason).join(' ');
          this.#endSession(reasons);
        }
        return;
      default:
        message satisfies never;
    }
  }

  /** One after the other, each until the ledger has it: what is confirmed to the gate covers everything before it. */
  async #writeRecords(): Promise<void> {
    for (let record = this.#records[0]; record !== undefined && !this.#stopped; record = this.#records[0]) {
      const { boot, seq } = record;
      try {
        await this.#ports.record(record);
        this.#records.shift();
        if (boot === this.#boot) this.#lines?.send({ type: 'recorded', boot, seq });
      } catch (error) {
        this.#ports.log.error('a gate record is not in the ledger', { seq, error: reasonOf(error) });
        await delay(this.#ports.clock, RECORD_RETRY_MS);
      }
    }
  }

  #renewUntilOver(): void {
    this.#cancels.get('renew')?.();
    this.#cancels.set(
      'renew',
      this.#ports.clock.every(this.#renewEvery, () => this.#lines?.send({ type: 'renew', boot: this.#boot })),
    );
  }

  #release(lost: AbortController, reason: string): void {
    if (this.#session.kind !== 'held' || this.#session.lost !== lost) return;
    this.#lines?.send({ type: 'release', boot: this.#boot, reason: reason.slice(0, 500) });
    this.#endSession(reason);
  }

  #endSession(reason: string, code: ErrorCode = 'gate.refused'): void {
    const session = this.#session;
    this.#session = { kind: 'none' };
    this.#cancels.get('renew')?.();
    this.#cancels.delete('renew');
    if (session.kind === 'asking') session.reject(new PortcullisError(code, `The gate did not connect: ${reason}`));
    if (session.kind === 'held') session.lost.abort(reason);
  }
}
