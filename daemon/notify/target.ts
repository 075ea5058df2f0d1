import { createHmac } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { Clock } from '../base/clock.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { mailOf, type ReceiverKind, requestOf } from './message.ts';
import type { Notice, Severity } from './notice.ts';

export type TargetSettings = {
  readonly name: string;
  /** The least that is told. */
  readonly least: Severity;
} & (
  | {
      readonly kind: ReceiverKind;
      /** Whole, with whatever in it is secret. */
      readonly url: Secret;
      /** `webhook`: signs what is sent, as Standard Webhooks. `ntfy`: the access token. */
      readonly secret?: Secret | undefined;
    }
  | {
      readonly kind: 'email';
      readonly host: string;
      readonly port: number;
      /** TLS from the first byte; otherwise STARTTLS, without which nothing is sent unless the server is this box. */
      readonly tls: boolean;
      readonly from: string;
      readonly to: readonly string[];
      readonly username?: string | undefined;
      readonly password?: Secret | undefined;
    }
);

/** A receiver that has not answered by then has not heard. */
const ANSWER_MS = 15_000;
const LEVELS: readonly Severity[] = ['info', 'warning', 'alarm'];

export function wants({ least }: TargetSettings, { severity }: Notice): boolean {
  return LEVELS.indexOf(severity) >= LEVELS.indexOf(least);
}

/** Delivers one notice. Rejects with Error in words that hold no secret when the receiver did not take it. */
export async function deliver(
  target: TargetSettings,
  appliance: string,
  notice: Notice,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const late = new AbortController();
  const cancel = clock.after(ANSWER_MS, () => late.abort(new Error(`no answer in ${ANSWER_MS / 1000} s`)));
  const over = AbortSignal.any([signal, late.signal]);
  try {
    const sent =
      target.kind === 'email' ? mail(target, appliance, notice) : post(target, appliance, notice, clock, over);
    await Promise.race([sent, aborted(over)]);
  } finally {
    cancel();
  }
}

async function post(
  target: Extract<TargetSettings, { kind: ReceiverKind }>,
  appliance: string,
  notice: Notice,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { headers, body } = requestOf(target.kind, appliance, notice);
  const url = target.url.reveal().toString('utf8').trim();
  if (!URL.canParse(url)) throw new Error('its URL is none');
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'user-agent': 'portcullis', ...headers, ...proof(target, notice, body, clock) },
      body,
      redirect: 'error',
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    // What fetch says may repeat the address, which may be a secret.
    throw new Error(`${new URL(url).host} does not answer (${errnoOf((error as Error).cause) ?? 'no connection'})`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answers ${response.status}`);
}

/** Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec): HMAC-SHA256 over id, time and body. */
function proof(
  { kind, secret }: Extract<TargetSettings, { kind: ReceiverKind }>,
  { id }: Notice,
  body: string,
  clock: Clock,
): Record<string, string> {
  if (secret === undefined) return {};
  const text = secret.reveal().toString('utf8').trim();
  if (kind === 'ntfy') return { authorization: `Bearer ${text}` };
  const key = text.startsWith('whsec_') ? Buffer.from(text.slice('whsec_'.length), 'base64') : Buffer.from(text);
  const timestamp = String(Math.floor(clock.wall() / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

async function mail(
  target: Extract<TargetSettings, { kind: 'email' }>,
  appliance: string,
  notice: Notice,
): Promise<void> {
  const { host, port, tls, from, to, username, password } = target;
  const local = host === 'localhost' || host === '127.0.0.1' || host === '::1';
  const transport = createTransport({
    host,
    port,
    secure: tls,
    requireTLS: !tls && !local,
    ...(username === undefined ? {} : { auth: { user: username, pass: password?.reveal().toString('utf8') ?? '' } }),
    connectionTimeout: ANSWER_MS,
    greetingTimeout: ANSWER_MS,
    socketTimeout: ANSWER_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from,
      to: [...to],
      ...mailOf(appliance, notice),
      messageId: `<${notice.id}@portcullis>`,
    });
  } catch (error) {
    throw new Error(`${host} does not take the mail (${reasonOf(error).split('\n')[0]?.slice(0, 200)})`);
  } finally {
    transport.close();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
