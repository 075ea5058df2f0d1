import type { Duplex } from 'node:stream';
import { PortcullisError, reasonOf } from './errors.ts';
import type { Shape } from './shape.ts';

/** The longest line any of our sockets accepts, in bytes. A longer one cuts the peer off. */
export const MAX_LINE = 1 << 20;

/** A peer that leaves this many bytes unread is cut off, so that a stopped one cannot swell this process. */
const MAX_BACKLOG = 4 << 20;

/** One end of a newline-delimited JSON conversation. */
export interface Lines<Out> {
  /** Sends one message. Returns false once the peer is gone; never throws. */
  send(message: Out): boolean;
  /** Ends the conversation at once. */
  close(): void;
}

export interface LinesHandlers<In> {
  /** One valid message. */
  message(message: In): void;
  /** Called exactly once, for whatever reason the conversation ended. */
  closed(reason: string): void;
}

/**
 * Speaks newline-delimited JSON over `stream`. What is not a line of JSON in `shape` ends the conversation: a peer that
 * breaks the schema is not argued with.
 */
export function openLines<In, Out>(stream: Duplex, shape: Shape<In>, handlers: LinesHandlers<In>): Lines<Out> {
  let rest: Buffer = Buffer.alloc(0);
  let open = true;
  const end = (reason: string) => {
    if (!open) return;
    open = false;
    stream.destroy();
    handlers.closed(reason);
  };
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let newline = rest.indexOf(10, from); newline !== -1 && open; newline = rest.indexOf(10, from)) {
      const line = rest.subarray(from, newline);
      from = newline + 1;
      let message: In;
      try {
        if (line.length > MAX_LINE) throw new Error(`a line of ${line.length} bytes`);
        message = shape(JSON.parse(line.toString('utf8')));
      } catch (error) {
        end(`broke the protocol: ${reasonOf(error)}`);
        return;
      }
      handlers.message(message);
    }
    rest = rest.subarray(from);
    if (rest.length > MAX_LINE) end(`broke the protocol: a line of more than ${MAX_LINE} bytes`);
  });
  stream.on('end', () => end('the peer closed'));
  stream.on('close', () => end('the peer closed'));
  stream.on('error', (error) => end(reasonOf(error)));
  return {
    send(message) {
      if (!open || stream.destroyed || stream.writableEnded) return false;
      stream.write(`${JSON.stringify(message)}\n`);
      if (stream.writableLength > MAX_BACKLOG) end('does not read what it is sent');
      return open;
    },
    close: () => end('closed here'),
  };
}

/** The error of a conversation that ended before its answer came. */
export function cutOff(peer: string, reason: string): PortcullisError {
  return new PortcullisError('socket.unreachable', `${peer} ended the conversation: ${reason}.`);
}
