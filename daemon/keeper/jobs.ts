import type { Duplex } from 'node:stream';
import { ERROR_REGISTER, type ErrorCode, PortcullisError } from '../base/errors.ts';
import {
  type ProtectMessage,
  type ProtectRequest,
  protectMessage,
  type SealMessage,
  type SealRequest,
  type ShipMessage,
  type ShipRequest,
  type SweepMessage,
  type SweepRequest,
  sealMessage,
  shipMessage,
  sweepMessage,
} from '../base/jobs.ts';
import { type Lines, openLines } from '../base/lines.ts';
import type { Shape } from '../base/shape.ts';

export type Job = 'seal' | 'ship' | 'sweep' | 'protect';

/** Starts job processes: each is one conversation over a stream, and ends when the stream does. */
export interface JobRunner {
  /** `kill` ends the process at once, whatever it is doing; one stuck in the kernel is not waited for. */
  start(job: Job): { readonly stream: Duplex; kill(): void };
}

export type Sealed = Extract<SealMessage, { type: 'done' }>;
export type Shipped = Extract<ShipMessage, { type: 'done' }>;
export type Swept = Extract<SweepMessage, { type: 'done' }>;
export type Protected = Exclude<ProtectMessage, { type: 'failed' }>;

/** What a seal says before it is done. */
export interface SealHandlers {
  pulling(message: Extract<SealMessage, { type: 'pulling' }>): void;
  progress(message: Extract<SealMessage, { type: 'progress' }>): void;
  /** A part lies in staging that can be shipped. */
  part(): void;
  /** Sealing waits for room in staging. */
  full(): void;
}

/** Runs one seal. Rejects with the job's own error, or `job.died` when it ended without a word. */
export function runSeal(
  runner: JobRunner,
  request: SealRequest,
  signal: AbortSignal,
  handlers: SealHandlers,
): Promise<Sealed> {
  return converse<SealMessage, SealRequest, Sealed>(runner, 'seal', sealMessage, request, signal, (message) => {
    switch (message.type) {
      case 'pulling':
        handlers.pulling(message);
        return undefined;
      case 'progress':
        handlers.progress(message);
        return undefined;
      case 'part':
        handlers.part();
        return undefined;
      case 'full':
        handlers.full();
        return undefined;
      case 'done':
        return message;
      case 'failed':
        return undefined;
      default:
        return message satisfies never;
    }
  });
}

/** Runs one ship. `sign` returns the signature of a commit record's body, or throws to refuse it. */
export function runShip(
  runner: JobRunner,
  request: Extract<ShipRequest, { type: 'ship' }>,
  signal: AbortSignal,
  handlers: {
    progress(message: Extract<ShipMessage, { type: 'progress' }>): void;
    sign(message: Extract<ShipMessage, { type: 'sign' }>): Promise<string>;
    committed(message: Extract<ShipMessage, { type: 'committed' }>): void;
  },
): Promise<Shipped> {
  return converse<ShipMessage, ShipRequest, Shipped>(runner, 'ship', shipMessage, request, signal, (message, lines) => {
    switch (message.type) {
      case 'progress':
        handlers.progress(message);
        return undefined;
      case 'committed':
        handlers.committed(message);
        return undefined;
      case 'sign':
        answerSign(message.id, handlers.sign(message), lines);
        return undefined;
      case 'done':
        return message;
      case 'failed':
        return undefined;
      default:
        return message satisfies never;
    }
  });
}

/** Runs one sweep. `sign` returns the signature of a tombstone's body, or throws to refuse it. */
export function runSweep(
  runner: JobRunner,
  request: Extract<SweepRequest, { type: 'sweep' }>,
  signal: AbortSignal,
  handlers: {
    sign(message: Extract<SweepMessage, { type: 'sign' }>): Promise<string>;
    committed(message: Extract<SweepMessage, { type: 'committed' }>): void;
  },
): Promise<Swept> {
  const handle = (message: SweepMessage, lines: Lines<SweepRequest>) => {
    if (message.type === 'committed') handlers.committed(message);
    if (message.type === 'sign') answerSign(message.id, handlers.sign(message), lines);
    return message.type === 'done' ? message : undefined;
  };
  return converse<SweepMessage, SweepRequest, Swept>(runner, 'sweep', sweepMessage, request, signal, handle);
}

/** Has the vault protected, or what has expired let go. What is done is not undone when it is stopped. */
export function runProtect(runner: JobRunner, verb: ProtectRequest['type'], signal: AbortSignal): Promise<Protected> {
  return converse<ProtectMessage, ProtectRequest, Protected>(
    runner,
    'protect',
    protectMessage,
    { type: verb },
    signal,
    (message) => (message.type === 'failed' ? undefined : message),
  );
}

type Answer = { type: 'signature'; id: number; signature: string } | { type: 'refused'; id: number; reason: string };

function answerSign(id: number, signed: Promise<string>, lines: Lines<Answer>): void {
  signed.then(
    (signature) => lines.send({ type: 'signature', id, signature }),
    (error: unknown) => lines.send({ type: 'refused', id, reason: String(error).slice(0, 500) }),
  );
}

type Failed = { readonly type: 'failed'; readonly code: string; readonly what: string };

function converse<In extends { type: string }, Out, Done>(
  runner: JobRunner,
  job: Job,
  shape: Shape<In | Failed>,
  request: Out,
  signal: AbortSignal,
  handle: (message: In, lines: Lines<Out>) => Done | undefined,
): Promise<Done> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(stopped(job, signal));
    const { stream, kill } = runner.start(job);
    const settle = (finish: () => void) => {
      signal.removeEventListener('abort', abort);
      finish();
      lines.close();
      kill();
    };
    const abort = () => settle(() => reject(stopped(job, signal)));
    const lines = openLines<In | Failed, Out>(stream, shape, {
      message: (message) => {
        if (message.type === 'failed') {
          const { code, what } = message as Failed;
          return settle(() => reject(new PortcullisError(isCode(code) ? code : 'job.died', what)));
        }
        const done = handle(message as In, lines);
        if (done !== undefined) settle(() => resolve(done));
      },
      closed: (reason) =>
        settle(() => reject(new PortcullisError('job.died', `The ${job} job ended before it was done: ${reason}.`))),
    });
    signal.addEventListener('abort', abort, { once: true });
    lines.send(request);
  });
}

function stopped(job: string, signal: AbortSignal): PortcullisError {
  return new PortcullisError('job.stopped', `The ${job} job was stopped: ${String(signal.reason)}`);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_REGISTER, code);
}
