import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { cutOff, type Lines, openLines } from '../base/lines.ts';
import { connectUnix } from '../base/listen.ts';
import {
  type AdminRequest,
  adminAnswer,
  type Cause,
  type ControlRequest,
  controlAnswer,
  type GateView,
  type TripRequest,
  tripAnswer,
} from '../base/protocol.ts';
import type { Shape } from '../base/shape.ts';

/** One question on one socket: `ask` sends it, `answer` returns a value once it has one. */
async function converse<In, Out, T>(
  path: string,
  who: string,
  shape: Shape<In>,
  ask: (lines: Lines<Out>) => void,
  answer: (message: In) => T | undefined,
  signal?: AbortSignal,
): Promise<T> {
  const socket = await connectUnix(path);
  return new Promise<T>((resolve, reject) => {
    const lines = openLines<In, Out>(socket, shape, {
      message: (message) => {
        try {
          const result = answer(message);
          if (result === undefined) return;
          resolve(result);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        lines.close();
      },
      closed: (reason) => reject(cutOff(who, reason)),
    });
    signal?.addEventListener('abort', () => lines.close(), { once: true });
    ask(lines);
  });
}

/** Trips the gate. Resolves when the lockout is durable or known not to become so. */
export function trip(runtime: string, cause: Cause): Promise<{ commandedAt: number; durable: boolean }> {
  return converse<ReturnType<typeof tripAnswer>, TripRequest, { commandedAt: number; durable: boolean }>(
    join(runtime, 'trip'),
    'The gate',
    tripAnswer,
    (lines) => lines.send({ type: 'trip', id: 1, cause }),
    ({ commandedAt, durable }) => ({ commandedAt, durable }),
  );
}

/** The gate's own view of itself. */
export function gateView(runtime: string): Promise<GateView> {
  return converse<ReturnType<typeof adminAnswer>, AdminRequest, GateView>(
    join(runtime, 'admin'),
    'The gate',
    adminAnswer,
    (lines) => lines.send({ type: 'watch' }),
    (message) => (message.type === 'view' ? message.view : undefined),
  );
}

/** Follows the gate's view until `until` holds for it. */
export function awaitView(runtime: string, until: (view: GateView) => boolean, signal: AbortSignal): Promise<GateView> {
  return converse<ReturnType<typeof adminAnswer>, AdminRequest, GateView>(
    join(runtime, 'admin'),
    'The gate',
    adminAnswer,
    (lines) => lines.send({ type: 'watch' }),
    (message) => (message.type === 'view' && until(message.view) ? message.view : undefined),
    signal,
  );
}

/**
 * Asks for presence and resolves when the button approved it. `pending` is told once the request is announced.
 * Rejects with `gate.refused` when it is denied.
 */
export function requestPresence(
  runtime: string,
  request: Omit<Extract<AdminRequest, { type: 'request' }>, 'type' | 'id'>,
  pending: (until: number) => void,
  signal: AbortSignal,
): Promise<true> {
  return converse<ReturnType<typeof adminAnswer>, AdminRequest, true>(
    join(runtime, 'admin'),
    'The gate',
    adminAnswer,
    (lines) => lines.send({ type: 'request', id: 1, ...request }),
    (message) => {
      if (message.type === 'pending') pending(message.until);
      if (message.type === 'denied') throw new PortcullisError('gate.refused', `The gate denied it: ${message.reason}`);
      return message.type === 'approved' ? true : undefined;
    },
    signal,
  );
}

/**
 * Has the gate take over gate.json, and resolves once that is in force. `pending` is told what permits more, where
 * anything does, once the request is announced. Rejects with `gate.rules` when it is denied, or withdrawn by `signal`.
 */
export async function applyRules(
  runtime: string,
  pending: (reasons: readonly string[], until: number) => void,
  signal: AbortSignal,
): Promise<'at-once' | 'presence'> {
  let waiting: readonly string[] = [];
  let announced = false;
  try {
    return await converse<ReturnType<typeof adminAnswer>, AdminRequest, 'at-once' | 'presence'>(
      join(runtime, 'admin'),
      'The gate',
      adminAnswer,
      (lines) => {
        lines.send({ type: 'watch' });
        lines.send({ type: 'apply', id: 1 });
      },
      (message) => {
        if (message.type === 'view') waiting = message.view.waiting ?? [];
        if (message.type === 'pending') {
          announced = true;
          pending(waiting, message.until);
        }
        if (message.type === 'denied') throw new PortcullisError('gate.rules', `Not applied: ${message.reason}`);
        return message.type !== 'approved' ? undefined : announced ? 'presence' : 'at-once';
      },
      signal,
    );
  } catch (error) {
    if (signal.aborted) throw new PortcullisError('gate.rules', 'Not applied: the request was withdrawn.');
    throw error;
  }
}

/** One question to the keeper. Rejects with the keeper's own error. */
export function askKeeper(runtime: string, request: ControlRequest, signal?: AbortSignal): Promise<unknown> {
  return converse<ReturnType<typeof controlAnswer>, ControlRequest, { value: unknown }>(
    join(runtime, 'control'),
    'The keeper',
    controlAnswer,
    (lines) => lines.send(request),
    (message) => {
      if (message.type === 'failed') throw new PortcullisError('sync.failed', message.what);
      return { value: message.type === 'status' ? message.status : undefined };
    },
    signal,
  ).then(({ value }) => value);
}
