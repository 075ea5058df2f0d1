import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { EtagCache } from './etag-cache.ts';
import { ForgeError, type ReadContext } from './forge.ts';
import { patienceFor } from './patience.ts';
import { wait } from './wait.ts';

export interface PatientOptions {
  readonly clock: Clock;
  readonly context: ReadContext;
  readonly cache?: EtagCache;
  /** Whether the answer from an address may be kept on disk. */
  readonly mayKeep?: (url: URL) => boolean;
  /** Bytes an answer may have. */
  readonly maxBytes?: number;
}

const MAX_BYTES = 64 << 20;
const MAX_REDIRECTS = 5;
/** After a failure that may pass: so long, four times as long, and so on. */
const FIRST_PAUSE_MS = 1000;
const TRIES = 4;
/** How often in a row one request is put off by a rate limit. */
const PATIENCE = 12;
/** A forge that sends nothing for so long is dead. */
const SILENCE_MS = 60_000;
/** Headers that go with a kept body: the next page, and how many there are. */
const KEPT_HEADERS = ['content-type', 'link', 'x-next-page', 'x-total', 'x-total-pages'];

/**
 * `fetch` as a forge is to be asked: one answer at a time, whole, of bounded size; waits when asked to and says so; tries again what
 * may pass; follows redirects only within the forge, where the token may go; asks for what it has seen only whether it
 * has changed. Ends at once by the context's signal. Rejects with `ForgeError`, or as the signal does.
 */
export function patientFetch(options: PatientOptions): (url: string, init?: RequestInit) => Promise<Response> {
  return (url, init = {}) => ask(options, url, init);
}

async function ask(options: PatientOptions, address: string, init: RequestInit): Promise<Response> {
  const { clock, context } = options;
  let url = new URL(address);
  let redirects = 0;
  let tries = 0;
  let patience = 0;
  for (;;) {
    context.signal.throwIfAborted();
    const kept = isRead(init) && options.mayKeep?.(url) !== false ? await options.cache?.get(url.href) : undefined;
    const got = await once(options, url, init, kept?.etag).catch((error: unknown) => {
      context.signal.throwIfAborted();
      if (error instanceof ForgeError) throw error;
      return { failure: error } as const;
    });
    if ('failure' in got) {
      tries += 1;
      // A request that writes may have been obeyed although its answer was lost.
      if (tries >= TRIES || !isRead(init))
        throw new ForgeError({ kind: 'failed' }, `${where(url)} does not answer: ${reasonOf(rootOf(got.failure))}`, {
          cause: got.failure,
        });
      await pause(options, FIRST_PAUSE_MS * 4 ** (tries - 1), 'it does not answer');
      continue;
    }
    const { status, headers, text } = got;
    if (status === 304 && kept !== undefined) return new Response(kept.body, { status: 200, headers: kept.headers });
    if ([301, 302, 307, 308].includes(status)) {
      url = redirected(url, headers.get('location'), init);
      redirects += 1;
      if (redirects > MAX_REDIRECTS) throw new ForgeError({ kind: 'failed' }, `${where(url)} redirects without end`);
      continue;
    }
    const wanted = patienceFor(
      { status, header: (name) => headers.get(name) ?? undefined, text: text.slice(0, 2000) },
      clock.wall(),
    );
    if (wanted.kind === 'wait') patience += 1;
    if (wanted.kind === 'too long' || (wanted.kind === 'wait' && patience > PATIENCE))
      throw new ForgeError(
        { kind: 'failed' },
        `${where(url)} asks to wait for ${Math.ceil(wanted.ms / 60_000)} minutes: the rest has to wait for the next run`,
      );
    if (wanted.kind === 'wait') {
      await pause(options, wanted.ms, wanted.why);
      continue;
    }
    if (status >= 500 && status !== 501 && isRead(init)) {
      tries += 1;
      if (tries < TRIES) {
        await pause(options, FIRST_PAUSE_MS * 4 ** (tries - 1), `it answered ${status}`);
        continue;
      }
      throw new ForgeError({ kind: 'failed' }, `${where(url)} answers ${status}`);
    }
    const etag = headers.get('etag');
    if (status === 200 && etag !== null && isRead(init) && options.mayKeep?.(url) !== false) {
      const keep = Object.fromEntries(
        KEPT_HEADERS.flatMap((name) => (headers.get(name) === null ? [] : [[name, headers.get(name) ?? '']])),
      );
      await options.cache?.put(url.href, { etag, headers: keep, body: text });
    }
    return new Response(status === 204 || status === 304 ? null : text, { status, headers });
  }
}

async function once(options: PatientOptions, url: URL, init: RequestInit, etag: string | undefined) {
  const { clock, context, maxBytes = MAX_BYTES } = options;
  const silence = new AbortController();
  let cancel = clock.after(SILENCE_MS, () => silence.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)));
  const heard = () => {
    cancel();
    cancel = clock.after(SILENCE_MS, () => silence.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)));
  };
  try {
    const headers = new Headers(init.headers);
    if (etag !== undefined) headers.set('if-none-match', etag);
    const signal = AbortSignal.any([context.signal, silence.signal]);
    const response = await fetch(url, { ...init, headers, redirect: 'manual', signal });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      heard();
      size += chunk.length;
      if (size > maxBytes)
        throw new ForgeError({ kind: 'failed' }, `${where(url)} answers with more than ${maxBytes >> 20} MiB`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.ok && size > 0) insistOnJson(url, response.headers, text);
    return { status: response.status, headers: response.headers, text };
  } finally {
    cancel();
  }
}

/** A login page, a captive portal or half an answer is no answer. */
function insistOnJson(url: URL, headers: Headers, text: string): void {
  const type = headers.get('content-type') ?? '';
  if (!/\bjson\b/i.test(type))
    throw new ForgeError(
      { kind: 'failed' },
      `${where(url)} answers with ${type === '' ? 'something' : type.split(';')[0]} instead of JSON`,
    );
  try {
    JSON.parse(text);
  } catch (error) {
    throw new ForgeError({ kind: 'failed' }, `${where(url)} answers with JSON that is cut short or broken`, {
      cause: error,
    });
  }
}

/** Where to go on. The token goes along, so it must be the same forge. */
function redirected(from: URL, location: string | null, init: RequestInit): URL {
  const to = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || to.origin !== from.origin || !isRead(init))
    throw new ForgeError(
      { kind: 'failed' },
      `${where(from)} redirects to ${to?.origin ?? 'nowhere'}, where the token must not go`,
    );
  return to;
}

async function pause({ clock, context }: PatientOptions, ms: number, why: string): Promise<void> {
  context.waiting?.(ms, why);
  await wait(clock, ms, context.signal);
}

function isRead({ method = 'GET' }: RequestInit): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Host and path, without a query: nothing in it is secret. */
function where({ host, pathname }: URL): string {
  return `${host}${pathname}`;
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}
