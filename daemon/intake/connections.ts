import type { Socket } from 'node:net';

/** Memory that bodies of strangers may take together, in bytes. */
const STRANGERS_MEMORY = 64 << 20;

/**
 * The connections that have not authenticated yet. There is room for so many; one more ends the oldest of the address
 * that holds most of them. So a flood of slow connections pushes out its own kind and never keeps a sender waiting.
 */
export class Connections {
  readonly #room: number;
  readonly #strangers = new Map<string, Socket>();

  /** `maxBody`: bytes each may make us keep. */
  constructor(maxBody: number) {
    this.#room = Math.min(256, Math.max(16, Math.floor(STRANGERS_MEMORY / maxBody)));
  }

  /** `socket`: the TCP connection, also where TLS is spoken: a stranger's handshake counts like any of his requests. */
  admit(socket: Socket): void {
    const ends = endsOf(socket);
    this.#strangers.set(ends, socket);
    socket.once('close', () => {
      if (this.#strangers.get(ends) === socket) this.#strangers.delete(ends);
    });
    if (this.#strangers.size > this.#room) this.#makeRoom();
  }

  /** From now on `socket`, or the TCP connection below it, is a sender's and is not ended to make room. */
  trust(socket: Socket): void {
    this.#strangers.delete(endsOf(socket));
  }

  endStrangers(): void {
    for (const socket of this.#strangers.values()) socket.destroy();
  }

  #makeRoom(): void {
    const byAddress = new Map<string | undefined, { readonly oldest: Socket; count: number }>();
    for (const socket of this.#strangers.values()) {
      const held = byAddress.get(socket.remoteAddress);
      if (held === undefined) byAddress.set(socket.remoteAddress, { oldest: socket, count: 1 });
      else held.count++;
    }
    const [most] = [...byAddress.values()].sort((a, b) => b.count - a.count);
    if (most === undefined) return;
    this.#strangers.delete(endsOf(most.oldest));
    most.oldest.destroy();
  }
}

/** The same for a TLS socket and the TCP socket below it, and for no other two that live. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
