import type { Socket } from 'node:net';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { openLines } from '../base/lines.ts';
import { SocketDirectory } from '../base/listen.ts';
import type { Log } from '../base/log.ts';
import { type ControlAnswer, controlRequest, type Delivery, delivery } from '../base/protocol.ts';
import type { Keeper } from './keeper.ts';

/** The keeper's two sockets: `control` for the command line, `records` for intake, which can say but not ask. */
export class KeeperSockets {
  readonly #keeper: Pick<Keeper, 'status' | 'sync' | 'clear' | 'recordDelivery'>;
  readonly #sockets: SocketDirectory;
  readonly #log: Log;

  constructor(keeper: Pick<Keeper, 'status' | 'sync' | 'clear' | 'recordDelivery'>, directory: string, log: Log) {
    this.#keeper = keeper;
    this.#sockets = new SocketDirectory(directory);
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#sockets.serve('control', (socket) => this.#serveControl(socket));
    await this.#sockets.serve('records', (socket) => this.#serveRecords(socket));
  }

  async stop(): Promise<void> {
    await this.#sockets.stop();
  }

  #serveControl(socket: Socket): void {
    const lines = openLines<ReturnType<typeof controlRequest>, ControlAnswer>(socket, controlRequest, {
      message: (message) => {
        const { id } = message;
        if (message.type === 'status') {
          lines.send({ type: 'status', id, status: this.#keeper.status() });
          return;
        }
        const done = message.type === 'clear' ? this.#keeper.clear(message.seq) : this.#keeper.sync(message.source);
        done.then(
          () => lines.send({ type: 'done', id }),
          (error: unknown) => {
            const code = error instanceof PortcullisError ? error.code : 'job.died';
            lines.send({ type: 'failed', id, code, what: reasonOf(error) });
          },
        );
      },
      closed: (reason) => this.#noteBadPeer('control', reason),
    });
  }

  #serveRecords(socket: Socket): void {
    openLines<Delivery, never>(socket, delivery, {
      message: (message) => {
        this.#keeper
          .recordDelivery(message)
          .catch((error: unknown) =>
            this.#log.error('a delivery is not in the ledger', { error, source: message.source }),
          );
      },
      closed: (reason) => this.#noteBadPeer('records', reason),
    });
  }

  #noteBadPeer(socket: string, reason: string): void {
    if (reason.startsWith('broke')) this.#log.warn('a client was cut off', { socket, reason });
  }
}
