import type { Socket } from 'node:net';

/** Connections that are begun with in one turn of the event loop. More would only make the turn longer, not the work faster. */
const AT_ONCE = 2;
/** Connections that wait for their turn, at most. They cost a descriptor and what the kernel has of them, at most 64 KiB. */
const ROOM = 1024;
/** Turns in a row, at most, that only accept: then some are begun with although more are waiting at the door. */
const ONLY_ACCEPT = 32;

/**
 * Begins with connections a few at a turn, address by address: who opens many waits behind his own, and a sender at
 * another address is served next, whatever else arrives. For that all that has arrived must be known: libuv accepts one
 * connection a turn (since 1.45), and until it has found no more, turns go by that do nothing else.
 */
export class Turns {
  readonly #serve: (socket: Socket) => void;
  /** In the order in which addresses have their turn. */
  readonly #waiting = new Map<string, Set<Socket>>();
  #count = 0;
  #accepted = false;
  #onlyAccepted = 0;
  #next: NodeJS.Immediate | undefined;

  constructor(serve: (socket: Socket) => void) {
    this.#serve = serve;
  }

  /**
   * Begins with `socket` in one of the next turns, unless it is closed before. When too many wait, the last to come of the
   * address that has most of them is ended.
   */
  wait(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const own = this.#waiting.get(address) ?? new Set();
    this.#waiting.set(address, own.add(socket));
    this.#count++;
    socket.once('close', () => this.#forget(address, socket));
    if (this.#count > ROOM) this.#makeRoom();
    this.#accepted = true;
    this.#next ??= setImmediate(() => this.#turn());
  }

  /** Ends all that wait. */
  end(): void {
    for (const own of this.#waiting.values()) for (const socket of own) socket.destroy();
  }

  #turn(): void {
    this.#next = undefined;
    if (this.#accepted && this.#onlyAccepted < ONLY_ACCEPT) this.#onlyAccepted++;
    else {
      this.#onlyAccepted = 0;
      for (let begun = 0; begun < AT_ONCE; begun++) this.#begin();
    }
    this.#accepted = false;
    if (this.#waiting.size > 0) this.#next = setImmediate(() => this.#turn());
  }

  #begin(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [address, own] = first;
    // To the end of the line.
    this.#waiting.delete(address);
    this.#waiting.set(address, own);
    const [socket] = own;
    if (socket === undefined) return;
    this.#forget(address, socket);
    this.#serve(socket);
  }

  #forget(address: string, socket: Socket): void {
    const own = this.#waiting.get(address);
    if (own?.delete(socket) !== true) return;
    this.#count--;
    if (own.size === 0) this.#waiting.delete(address);
  }

  #makeRoom(): void {
    const [most] = [...this.#waiting].sort(([, a], [, b]) => b.size - a.size);
    const last = most === undefined ? undefined : [...most[1]].at(-1);
    if (most === undefined || last === undefined) return;
    this.#forget(most[0], last);
    last.destroy();
  }
}
