import type { Socket } from 'node:net';
import { openLines } from '../base/lines.ts';
import { SocketDirectory } from '../base/listen.ts';
import type { Log } from '../base/log.ts';
import {
  type AdminAnswer,
  adminRequest,
  type GateRecord,
  type LeaseAnswer,
  leaseRequest,
  type TripAnswer,
  tripRequest,
} from '../base/protocol.ts';
import type { Gate } from './gate.ts';
import type { Ref } from './state.ts';

/** Records the keeper has not confirmed are kept up to this many; then the oldest go. */
const MAX_RECORDS = 10_000;
/** This many are on their way to the keeper unconfirmed, at most: all at once would look like a peer that does not read. */
const RECORDS_AHEAD = 200;

/**
 * The gate's three sockets. Node cannot read a peer's credentials, so which socket it is *is* the permission: each has a
 * group of its own (set by the unit) and its own fixed verbs.
 */
export class GateServer {
  readonly #gate: Gate;
  readonly #sockets: SocketDirectory;
  readonly #log: Log;
  readonly #records: GateRecord[] = [];
  #unwatch: () => void = () => {};
  #keeper: { send(message: LeaseAnswer): boolean } | undefined;
  #lost = 0;

  constructor(gate: Gate, directory: string, log: Log) {
    this.#gate = gate;
    this.#sockets = new SocketDirectory(directory);
    this.#log = log;
  }

  /** Collects records from now on. Call before the gate starts, so that its first words are kept. */
  watch(): void {
    this.#unwatch = this.#gate.watch({ view: () => {}, record: (record) => this.#keep(record) });
  }

  async start(): Promise<void> {
    await this.#sockets.serve('trip', (socket) => this.#serveTrip(socket));
    await this.#sockets.serve('lease', (socket) => this.#serveLease(socket));
    await this.#sockets.serve('admin', (socket) => this.#serveAdmin(socket));
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#sockets.stop();
  }

  #serveTrip(socket: Socket): void {
    let isIntake = false;
    const lines = openLines<ReturnType<typeof tripRequest>, TripAnswer>(socket, tripRequest, {
      message: (message) => {
        if (message.type === 'alive') {
          isIntake = true;
          this.#gate.dispatch({ type: 'intake-alive', until: this.#gate.now + this.#gate.limits.intakeLeaseMs });
          return;
        }
        let commandedAt = 0;
        const ref = this.#gate.ref((answer) => {
          if (answer.type !== 'tripped') return;
          this.#gate.forget(ref);
          // A latch that was durable already answers inside `dispatch`, before `commandedAt` is known here.
          queueMicrotask(() => lines.send({ type: 'tripped', id: message.id, commandedAt, durable: answer.durable }));
        });
        commandedAt = this.#gate.dispatch({ type: 'trip', cause: message.cause, ref });
      },
      closed: (reason) => {
        this.#noteBadPeer('trip', reason);
        if (isIntake) this.#gate.dispatch({ type: 'intake-gone' });
      },
    });
  }

  #serveLease(socket: Socket): void {
    if (this.#keeper !== undefined) {
      this.#log.warn('a second keeper was turned away');
      socket.destroy();
      return;
    }
    const holder = this.#gate.ref(() => {});
    const refs = new Set<Ref>();
    let unwatch = () => {};
    let sent = 0;
    let ttlMs = 0;
    /** Says how long a lease is, as often as that changes. */
    const greet = () => {
      if (ttlMs === this.#gate.limits.leaseMs) return;
      ttlMs = this.#gate.limits.leaseMs;
      lines.send({ type: 'hello', boot: this.#gate.boot, ttlMs });
    };
    const sendRecords = () => {
      for (const record of this.#records.slice(0, RECORDS_AHEAD)) {
        if (record.seq <= sent) continue;
        sent = record.seq;
        lines.send({ type: 'record', record });
      }
    };
    const lines = openLines<ReturnType<typeof leaseRequest>, LeaseAnswer>(socket, leaseRequest, {
      message: (message) => {
        if ('boot' in message && message.boot !== this.#gate.boot) return lines.close();
        switch (message.type) {
          case 'connect': {
            const ref = this.#gate.ref((answer) => {
              if (answer.type === 'connected')
                lines.send({ type: 'connected', id: message.id, deadline: answer.deadline });
              if (answer.type === 'refused')
                lines.send({ type: 'refused', id: message.id, interlocks: [...answer.interlocks] });
              this.#drop(refs, ref);
            });
            refs.add(ref);
            this.#gate.dispatch({ type: 'connect', holder, ref, purpose: message.purpose, ms: message.seconds * 1000 });
            return;
          }
          case 'renew':
            this.#gate.dispatch({ type: 'renew', holder });
            return;
          case 'release':
            this.#gate.dispatch({ type: 'release', holder, reason: message.reason });
            return;
          case 'report': {
            const { type: _, ...report } = message;
            this.#gate.dispatch({ type: 'report', report: { holder, ...report } });
            return;
          }
          case 'recorded':
            this.#confirm(message.seq);
            sendRecords();
            return;
          default:
            message satisfies never;
        }
      },
      closed: (reason) => {
        this.#noteBadPeer('lease', reason);
        this.#keeper = undefined;
        unwatch();
        this.#gate.dispatch({ type: 'holder-gone', holder });
        for (const ref of refs) this.#gate.forget(ref);
        this.#gate.forget(holder);
      },
    });
    this.#keeper = lines;
    unwatch = this.#gate.watch({
      view: (view) => lines.send({ type: 'view', view }),
      record: () => {
        greet();
        sendRecords();
      },
    });
    greet();
    lines.send({ type: 'view', view: this.#gate.view });
    sendRecords();
  }

  #serveAdmin(socket: Socket): void {
    const refs = new Set<Ref>();
    const stops: (() => void)[] = [];
    const waiting = (id: number): Ref => {
      const ref = this.#gate.ref((answer) => {
        if (answer.type === 'pending') lines.send({ type: 'pending', id, until: answer.until });
        if (answer.type === 'approved') lines.send({ type: 'approved', id });
        if (answer.type === 'denied') lines.send({ type: 'denied', id, reason: answer.reason });
        if (answer.type !== 'pending') this.#drop(refs, ref);
      });
      refs.add(ref);
      return ref;
    };
    const lines = openLines<ReturnType<typeof adminRequest>, AdminAnswer>(socket, adminRequest, {
      message: (message) => {
        switch (message.type) {
          case 'watch':
            if (stops.length > 0) return;
            stops.push(this.#gate.watch({ view: (view) => lines.send({ type: 'view', view }), record: () => {} }));
            lines.send({ type: 'view', view: this.#gate.view });
            return;
          case 'request': {
            const { verb, reason, seconds = 0, test = false } = message;
            this.#gate.dispatch({ type: 'request', ref: waiting(message.id), verb, reason, seconds, test });
            return;
          }
          case 'apply':
            void this.#gate.apply(waiting(message.id));
            return;
          case 'cancel':
            for (const ref of refs) {
              this.#gate.dispatch({ type: 'request-gone', ref });
              this.#drop(refs, ref);
            }
            return;
          default:
            message satisfies never;
        }
      },
      closed: (reason) => {
        this.#noteBadPeer('admin', reason);
        for (const stop of stops) stop();
        for (const ref of refs) {
          this.#gate.dispatch({ type: 'request-gone', ref });
          this.#gate.forget(ref);
        }
      },
    });
  }

  #drop(refs: Set<Ref>, ref: Ref): void {
    refs.delete(ref);
    this.#gate.forget(ref);
  }

  #noteBadPeer(socket: string, reason: string): void {
    if (reason.startsWith('broke')) this.#log.warn('a client was cut off', { socket, reason });
  }

  #keep(record: GateRecord): void {
    this.#records.push(record);
    if (this.#records.length <= MAX_RECORDS) return;
    this.#records.shift();
    if (this.#lost++ === 0) this.#log.error('no keeper takes the records: the oldest are being lost');
  }

  #confirm(seq: number): void {
    while ((this.#records[0]?.seq ?? Number.POSITIVE_INFINITY) <= seq) this.#records.shift();
  }
}
