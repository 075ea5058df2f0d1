import type { Json } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { EtagCache } from './etag-cache.ts';
import { ForgeError, type ReadContext } from './forge.ts';
import { refusalOf } from './gitlab-refusal.ts';
import { patientFetch } from './patient-fetch.ts';
import { type Query, Rest } from './rest.ts';

/** What one request is for. */
export interface Ask {
  readonly context: ReadContext;
  /** For people: `variables of acme/app`. */
  readonly what: string;
  /** The role and scope it takes, in GitLab's words. */
  readonly needs: string;
  /** Texts that must not be repeated in an error, besides the token. */
  readonly hide?: readonly string[];
  /** Its answer holds values that are not to lie in the cache. */
  readonly secret?: boolean;
}

export interface Answer {
  readonly url: URL;
  readonly headers: Headers;
  readonly json: Json;
}

export interface ApiOptions {
  readonly url: string;
  readonly token: Secret;
  readonly clock: Clock;
  /** Folder for what was answered before. */
  readonly cache?: string;
}

/** GitLab's REST API, version 4, over `patientFetch`: the token, addresses, and errors that name the role and scope. */
export class GitlabApi {
  readonly #options: ApiOptions;
  readonly #base: string;
  readonly #cache: EtagCache | undefined;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#base = `${options.url.replace(/\/+$/, '')}/api/v4/`;
    this.#cache = options.cache === undefined ? undefined : new EtagCache(options.cache);
  }

  /** `path` below `/api/v4/`, its parts encoded. */
  url(path: string, query: Query = {}): URL {
    const url = new URL(`${this.#base}${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  /** Rejects with `ForgeError`, or as the signal does. */
  get(url: URL, ask: Ask): Promise<Answer> {
    return this.#ask(url, { method: 'GET' }, ask);
  }

  /** Asks once, unless GitLab says it has not looked at it yet (429). Rejects like `get`. */
  send(method: 'POST' | 'PUT', url: URL, body: Json, ask: Ask): Promise<Answer> {
    return this.#ask(url, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }, ask);
  }

  /** Streams a file to GitLab, once. Rejects like `get`. */
  async upload(url: URL, size: number, bytes: AsyncIterable<Buffer>, ask: Ask): Promise<void> {
    const { signal } = ask.context;
    const init = {
      method: 'PUT',
      body: ReadableStream.from(bytes),
      duplex: 'half',
      headers: { ...this.#headers(), 'content-type': 'application/octet-stream', 'content-length': String(size) },
      redirect: 'error',
      signal,
    };
    try {
      const response = await fetch(url, init as RequestInit);
      const text = await response.text();
      if (!response.ok) throw refusalOf(response.status, parse(text), ask.what, ask.needs);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ForgeError) throw this.#hidden(error, ask);
      const reason = reasonOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
      throw new ForgeError({ kind: 'failed' }, `GitLab does not take ${ask.what} (${reason})`, { cause: error });
    }
  }

  /** The bytes of a file. GitLab may send for them elsewhere; the token stays behind. Rejects like `get`. */
  download(url: URL, ask: Ask): AsyncIterable<Buffer> {
    const dialect = {
      headers: () => this.#headers(),
      refusalOf: ({ status, message }: { status: number; message: string }) =>
        refusalOf(status, { message }, ask.what, ask.needs).refusal,
      mayKeep: () => false,
    };
    const { url: forge, token, clock } = this.#options;
    return new Rest({ url: forge, token, clock }, dialect, ask.context).download(url.href);
  }

  async #ask(url: URL, init: RequestInit, ask: Ask): Promise<Answer> {
    const ready = patientFetch({
      clock: this.#options.clock,
      context: ask.context,
      mayKeep: () => ask.secret !== true,
      ...(this.#cache === undefined ? {} : { cache: this.#cache }),
    });
    try {
      const response = await ready(url.href, { ...init, headers: { ...this.#headers(), ...init.headers } });
      const text = await response.text();
      const json = parse(text);
      if (!response.ok) throw refusalOf(response.status, json, ask.what, ask.needs);
      return { url, headers: response.headers, json: json ?? null };
    } catch (error) {
      ask.context.signal.throwIfAborted();
      throw error instanceof ForgeError ? this.#hidden(error, ask) : error;
    }
  }

  /** RFC 6750: GitLab takes personal, group and project access tokens and those of OAuth this way. */
  #headers(): Record<string, string> {
    return {
      'user-agent': 'portcullis',
      accept: 'application/json',
      authorization: `Bearer ${this.#token()}`,
    };
  }

  #token(): string {
    return this.#options.token.reveal().toString('utf8').trim();
  }

  #hidden(error: ForgeError, ask: Ask): ForgeError {
    const hide = [this.#token(), ...(ask.hide ?? [])].filter((one) => one !== '');
    const message = hide.reduce((text, one) => text.replaceAll(one, '***'), error.message);
    return message === error.message ? error : new ForgeError(error.refusal, message);
  }
}

/** Lone surrogates, which canonical JSON cannot carry, become U+FFFD. Undefined for what is no JSON. */
function parse(body: string): Json | undefined {
  try {
    return JSON.parse(body, /\\u[dD][89a-fA-F]/.test(body) ? wellFormed : undefined) as Json;
  } catch {
    return undefined;
  }
}

function wellFormed(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
