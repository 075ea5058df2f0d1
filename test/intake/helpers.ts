import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import type { Cause, Delivery } from '../../daemon/base/protocol.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { SharedRule, TlsConfig } from '../../daemon/config/schema.ts';
import { createIntake } from '../../daemon/intake/intake.ts';
import type { GatePort, IntakeSource } from '../../daemon/intake/ports.ts';
import type { Seen } from '../../daemon/intake/replay.ts';
import type { Attempt } from '../../daemon/intake/scheme.ts';

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  wallMs = 1_700_000_000_000;
  #now = 1000;
  #timers = new Set<{ at: number; every?: number; run: () => void }>();

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.wallMs;
  }

  after(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, run });
  }

  every(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: ms, run });
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      if (next.every === undefined) this.#timers.delete(next);
      else next.at += next.every;
      next.run();
    }
    this.#now = end;
  }

  #add(timer: { at: number; every?: number; run: () => void }): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Resolves with `value()` once it is neither undefined nor false, looking again at every turn of the event loop. */
export async function until<T>(value: () => T | undefined | false): Promise<T> {
  for (;;) {
    const now = value();
    if (now !== undefined && now !== false) return now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export class FakeGate implements GatePort {
  readonly causes: Cause[] = [];
  isConnected = true;
  durable = true;
  failure: Error | undefined;
  renewals = 0;

  async trip(cause: Cause): Promise<{ commandedAt: number; durable: boolean }> {
    this.causes.push(cause);
    if (this.failure !== undefined) throw this.failure;
    return { commandedAt: systemClock.monotonic(), durable: this.durable };
  }

  alive(): void {
    this.renewals++;
  }

  connected(): boolean {
    return this.isConnected;
  }
}

export const TOKEN = 'token-of-the-monitoring-0123456789';
export const WHSEC = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
export const NEXT_WHSEC = `whsec_${Buffer.from('the next secret, while rotating.').toString('base64')}`;

const destructive = {
  id: 'agent.destructive',
  on: 'alert' as const,
  act: 'trip' as const,
  reason: 'An agent deletes.',
  when: { path: ['labels', 'airgap_action'], op: 'eq' as const, value: 'drop' },
};

/** Alertmanager with a bearer token. */
export const prometheus: IntakeSource = {
  name: 'prometheus',
  format: 'alertmanager',
  auth: { scheme: 'bearer', secrets: [Secret.fromText(TOKEN)] },
  rules: [destructive],
  unknown: 'trip',
};

/** Generic JSON, signed. */
export const detector: IntakeSource = {
  name: 'detector',
  format: 'json',
  auth: {
    scheme: 'standard-webhooks',
    secrets: [Secret.fromText(WHSEC), Secret.fromText(NEXT_WHSEC)],
    tolerance: '5m',
  },
  rules: [
    {
      id: 'detector.destructive',
      on: 'alert',
      act: 'trip',
      reason: 'The detector saw a destructive act.',
      when: { path: ['type'], op: 'prefix', value: 'agent.destructive' },
    },
  ],
  unknown: 'trip',
};

export function sample(name: string): Buffer {
  return readFileSync(new URL(`../alerts/samples/${name}`, import.meta.url));
}

export function sampleJson(name: string): Record<string, unknown> {
  return JSON.parse(sample(name).toString('utf8'));
}

/** The three headers of a Standard Webhooks signature. */
export function signed(
  body: Uint8Array | string,
  { secret = WHSEC, wall = systemClock.wall(), id = 'msg_1' } = {},
): Record<string, string> {
  const timestamp = String(Math.floor(wall / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}

/** As Node hands them over: name, value, name, value … */
export const raw = (headers: Readonly<Record<string, string>>) => Object.entries(headers).flat();

/** Whether `attempt` accepts `body`, which arrives in pieces of `step` bytes. */
export function passes(attempt: Attempt, body: Buffer, step = body.length): boolean {
  if (attempt.kind === 'whole') return attempt.verdict(body).authentic;
  if (attempt.kind !== 'signed') return attempt.kind === 'authentic';
  for (let at = 0; at < body.length; at += step) attempt.update(body.subarray(at, at + step));
  return attempt.verdict().authentic;
}

export const authorized = { authorization: `Bearer ${TOKEN}` };

export interface Bench {
  readonly port: number;
  readonly gate: FakeGate;
  readonly deliveries: Delivery[];
  /** The next delivery not taken yet. */
  delivered(): Promise<Delivery>;
  rehearse(): void;
  stop(): Promise<void>;
}

/** An intake on a free port, with a gate that notes what it is asked. */
export async function bench(
  options: {
    sources?: readonly IntakeSource[];
    maxBody?: number;
    rules?: SharedRule[];
    clock?: Clock;
    record?: (delivery: Delivery) => void;
    log?: Log;
    tls?: TlsConfig;
    seen?: Seen;
  } = {},
): Promise<Bench> {
  const gate = new FakeGate();
  const deliveries: Delivery[] = [];
  let taken = 0;
  const intake = createIntake({
    sources: options.sources ?? [prometheus, detector],
    maxBody: options.maxBody ?? 4096,
    rules: options.rules ?? [],
    agents: [],
    gate,
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    ...(options.tls && { tls: options.tls }),
    ...(options.seen && { seen: options.seen }),
    record: options.record ?? ((delivery) => void deliveries.push(delivery)),
  });
  const port = await intake.start('127.0.0.1', 0);
  return {
    port,
    gate,
    deliveries,
    delivered: async () => {
      const delivery = await until(() => deliveries[taken]);
      taken++;
      return delivery;
    },
    rehearse: () => intake.rehearse(),
    stop: () => intake.stop(),
  };
}

export interface Answered {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  readonly head: string;
  /** Content-Length. */
  readonly length: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

/** Opens a connection and writes exactly `bytes`; `answer` resolves when it has come or the server ends the connection. */
export function speak(
  port: number,
  ...bytes: readonly (string | Uint8Array)[]
): { socket: Socket; answer: Promise<Answered> } {
  return speakOn(createConnection(port, '127.0.0.1'), ...bytes);
}

export function speakOn<S extends Socket>(
  socket: S,
  ...bytes: readonly (string | Uint8Array)[]
): { socket: S; answer: Promise<Answered> } {
  const chunks: Buffer[] = [];
  for (const part of bytes) socket.write(part);
  const answer = new Promise<Answered>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const answered = parse(Buffer.concat(chunks).toString('latin1'));
      if (answered.status < 200 || answered.text.length < answered.length) return;
      socket.destroy();
      resolve(answered);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(parse(Buffer.concat(chunks).toString('latin1'))));
  });
  return { socket, answer };
}

function parse(text: string): Answered {
  const last = text.slice(Math.max(0, text.lastIndexOf('HTTP/1.1 ')));
  const [head = '', body = ''] = last.split('\r\n\r\n', 2);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  let read: Record<string, unknown> = {};
  try {
    read = JSON.parse(body);
  } catch {}
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  return { status, head, length, text: body, body: read };
}

export type Headers = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** The head of a POST, with a Content-Length for `size` bytes unless a header says otherwise. */
export function head(path: string, headers: Headers, size: number): string {
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  const framed = pairs.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  return [
    `POST ${path} HTTP/1.1`,
    'host: intake',
    ...(framed ? [] : [`content-length: ${size}`]),
    ...pairs.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n');
}

export function post(port: number, path: string, headers: Headers, body: Uint8Array | string): Promise<Answered> {
  return speak(port, head(path, headers, Buffer.byteLength(body)), body).answer;
}
