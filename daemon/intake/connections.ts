import type { Socket } from 'node:net';

/** Memory that bodies of strangers may take together, in bytes. */
const STRANGERS_MEMORY = 64 << 20;

/**
 * The connections that have not authenticated yet. There is room for so many; one more ends the oldest of the address
 * that holds most of them. So a flood of slow connections pushes out its own kind and never keeps a sender waiting.
 */
export class Connections {
  readonly #room: number;
  readonly #strangers = new Set<Socket>();

  /** `maxBody`: bytes each may make us keep. */
  constructor(maxBody: number) {
    this.#room = Math.min(256, Math.max(16, Math.floor(STRANGERS_MEMORY / maxBody)));
  }

  admit(socket: Socket): void {
    this.#strangers.add(socket);
    socket.once('close', () => this.#strangers.delete(socket));
    if (this.#strangers.size > this.#room) this.#makeRoom();
  }

  /** From now on `socket` is a sender's and is not ended to make room. */
  trust(socket: Socket): void {
    this.#strangers.delete(socket);
  }

  endStrangers(): void {
    for (const socket of this.#strangers) socket.destroy();
  }

  #makeRoom(): void {
    const byAddress = new Map<string | undefined, { readonly oldest: Socket; count: number }>();
    for (const socket of this.#strangers) {
      const held = byAddress.get(socket.remoteAddress);
      if (held === undefined) byAddress.set(socket.remoteAddress, { oldest: socket, count: 1 });
      else held.count++;
    }
    const [most] = [...byAddress.values()].sort((a, b) => b.count - a.count);
    if (most === undefined) return;
    this.#strangers.delete(most.oldest);
    most.oldest.destroy();
  }
}
