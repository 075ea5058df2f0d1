import { Duplex } from 'node:stream';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { type Lines, openLines } from '../base/lines.ts';
import type { Shape } from '../base/shape.ts';

export type Failed = { readonly type: 'failed'; readonly code: string; readonly what: string };

/**
 * The life of a job process: one conversation over standard input and output. Whatever `work` throws is told to the
 * keeper; when the conversation ends, so does the process, in the middle of whatever it is doing.
 */
export function serveJob<In, Out>(
  shape: Shape<In>,
  work: (message: In, lines: Lines<Out | Failed>) => Promise<void>,
): void {
  const stream = Duplex.from({ readable: process.stdin, writable: process.stdout });
  const lines = openLines<In, Out | Failed>(stream, shape, {
    message: (message) => {
      work(message, lines).catch((error: unknown) => {
        const code = error instanceof PortcullisError ? error.code : 'job.died';
        lines.send({ type: 'failed', code, what: reasonOf(error).slice(0, 4000) });
      });
    },
    closed: () => process.exit(0),
  });
}
