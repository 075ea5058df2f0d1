import type { Json } from '../base/canonical.ts';
import { EtagCache } from './etag-cache.ts';
import { ForgeError, type JsonObject, type ReadContext, type Refusal } from './forge.ts';
import type { ForgeOptions } from './options.ts';
import { type PatientOptions, patientFetch } from './patient-fetch.ts';

/** An answer that is no success. */
export interface Refused {
  readonly status: number;
  readonly headers: Headers;
  /** `message` of its body, or a piece of it. */
  readonly message: string;
  /** All of its body. */
  readonly text: string;
}

/** What differs between forges that speak JSON over HTTP. */
export interface Dialect {
  /** Headers of every request, the token among them. */
  headers(token: string): Record<string, string>;
  refusalOf(refused: Refused): Refusal;
  /** Whether answers from an address may lie in the cache. */
  mayKeep(url: URL): boolean;
  /** Where a list goes on, if not where its link says. */
  next?(link: URL, from: URL): URL;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** More pages than any list has: one that never ends is told, and not read for ever. */
const MAX_PAGES = 20_000;

/** A forge's REST interface, for one context. Paths are relative to the forge's address, their parts encoded by `path`. */
export class Rest {
  readonly #options: ForgeOptions;
  readonly #dialect: Dialect;
  readonly #fetch: ReturnType<typeof patientFetch>;
  readonly #context: ReadContext;

  constructor(
    options: Pick<ForgeOptions, 'url' | 'token' | 'clock'> & Partial<Pick<ForgeOptions, 'cache'>>,
    dialect: Dialect,
    context: ReadContext,
  ) {
    this.#options = { owner: '', cache: '', ...options };
    this.#dialect = dialect;
    this.#context = context;
    const patient: PatientOptions = {
      clock: options.clock,
      context,
      mayKeep: (url) => dialect.mayKeep(url),
      ...(options.cache === undefined ? {} : { cache: new EtagCache(options.cache) }),
    };
    this.#fetch = patientFetch(patient);
  }

  /** One object. Rejects with `ForgeError`. */
  async get(path: string, query: Query = {}): Promise<JsonObject> {
    return objectOf(await this.#ask('GET', this.#url(path, query)), path);
  }

  /** One object, with the headers it came with. */
  async getWithHeaders(path: string): Promise<{ object: JsonObject; headers: Headers }> {
    const response = await this.#response('GET', this.#url(path, {}));
    return { object: objectOf((await response.json()) as Json, path), headers: response.headers };
  }

  /** A list, page by page, as `Link: rel="next"` (RFC 8288) leads. Lists that lie in an object are named by `under`. */
  async *pages(path: string, query: Query = {}, under?: string): AsyncGenerator<JsonObject[]> {
    let url: URL | undefined = this.#url(path, query);
    const seen = new Set<string>();
    while (url !== undefined) {
      if (seen.has(url.href) || seen.size >= MAX_PAGES)
        throw new ForgeError({ kind: 'failed' }, `the list at ${url.pathname} does not end`);
      seen.add(url.href);
      const response: Response = await this.#response('GET', url);
      const body = response.status === 204 ? [] : ((await response.json()) as Json);
      const list = under === undefined ? body : objectOf(body, path)[under];
      if (list === null || list === undefined) return;
      if (!Array.isArray(list)) throw new ForgeError({ kind: 'failed' }, `${url.pathname} answers without a list`);
      yield list.map((one) => objectOf(one as Json, path));
      url = this.#next(response.headers, url);
    }
  }

  /** All of a list that is known to be short. */
  async all(path: string, query: Query = {}, under?: string): Promise<JsonObject[]> {
    const all: JsonObject[] = [];
    for await (const page of this.pages(path, query, under)) all.push(...page);
    return all;
  }

  /** Writes, and gives what is answered; `{}` where that is nothing. */
  async send(method: 'POST' | 'PUT' | 'PATCH', path: string, body: JsonObject): Promise<JsonObject> {
    const response = await this.#response(method, this.#url(path, {}), JSON.stringify(body), 'application/json');
    const text = await response.text();
    return text === '' ? {} : objectOf(JSON.parse(text) as Json, path);
  }

  /** Sends a file. `url` is whole, or a path. */
  async upload(url: string, bytes: AsyncIterable<Buffer>, size: number, type: string): Promise<JsonObject> {
    const target = /^https?:/.test(url) ? new URL(url) : this.#url(url, {});
    const response = await fetch(target, {
      method: 'POST',
      headers: { ...this.#headers(), 'content-type': type, 'content-length': String(size) },
      body: bytes as unknown as ReadableStream,
      duplex: 'half',
      redirect: 'error',
      signal: this.#context.signal,
    } as RequestInit).catch((error: unknown) => {
      this.#context.signal.throwIfAborted();
      throw new ForgeError({ kind: 'failed' }, `${target.host}${target.pathname} does not take the file`, {
        cause: error,
      });
    });
    if (!response.ok) throw this.#refused(response, await response.text(), target);
    return objectOf((await response.json()) as Json, target.pathname);
  }

  /**
   * The bytes of a file. Forges send them from elsewhere: a redirect to another host is followed once, without the token.
   */
  async *download(url: string, accept = 'application/octet-stream'): AsyncGenerator<Buffer> {
    const { signal } = this.#context;
    const own = new URL(this.#options.url);
    let target = new URL(url, own);
    let response: Response | undefined;
    for (let hop = 0; hop < 4; hop += 1) {
      const isOwn = target.origin === own.origin;
      const asked = await fetch(target, {
        headers: { ...(isOwn ? this.#headers() : {}), accept },
        redirect: 'manual',
        signal,
      }).catch((error: unknown) => {
        signal.throwIfAborted();
        throw new ForgeError({ kind: 'failed' }, `${target.host} does not send the file`, { cause: error });
      });
      response = asked;
      const location = asked.headers.get('location');
      if (asked.status < 300 || asked.status >= 400 || location === null) break;
      const next = new URL(location, target);
      if (next.protocol !== 'https:' && next.origin !== target.origin)
        throw new ForgeError({ kind: 'failed' }, `${target.host} sends the file over ${next.protocol}`);
      target = next;
    }
    if (response === undefined || !response.ok || response.body === null)
      throw response === undefined
        ? new ForgeError({ kind: 'failed' }, 'nothing was answered')
        : this.#refused(response, '', target);
    for await (const chunk of response.body) yield Buffer.from(chunk);
  }

  #headers(): Record<string, string> {
    return {
      'user-agent': 'portcullis',
      ...this.#dialect.headers(this.#options.token.reveal().toString('utf8').trim()),
    };
  }

  async #ask(method: string, url: URL): Promise<Json> {
    return (await (await this.#response(method, url)).json()) as Json;
  }

  async #response(method: string, url: URL, body?: string, type?: string): Promise<Response> {
    const response = await this.#fetch(url.href, {
      method,
      headers: { ...this.#headers(), ...(type === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body }),
    });
    if (response.ok) return response;
    throw this.#refused(response, await response.text(), url);
  }

  #refused({ status, headers }: Response, text: string, url: URL): ForgeError {
    const message = messageIn(text);
    const refusal = this.#dialect.refusalOf({ status, headers, message, text });
    return new ForgeError(
      refusal,
      `${url.host}${url.pathname} answers ${status}${message === '' ? '' : ` (${message})`}`,
    );
  }

  #url(path: string, query: Query): URL {
    const base = this.#options.url.replace(/\/+$/, '');
    const url = new URL(`${base}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  #next(headers: Headers, from: URL): URL | undefined {
    const link = /<([^>]+)>\s*;[^,]*\brel="?next"?/i.exec(headers.get('link') ?? '')?.[1];
    if (link === undefined) return undefined;
    const said = URL.canParse(link, from.href) ? new URL(link, from) : undefined;
    const url = said && (this.#dialect.next?.(said, from) ?? said);
    if (url?.origin !== from.origin)
      throw new ForgeError({ kind: 'failed' }, `the list at ${from.pathname} goes on at another host`);
    return url;
  }
}

/** A path with its parts encoded: path`/repos/${owner}/${name}`. */
export function path(texts: TemplateStringsArray, ...parts: readonly (string | number)[]): string {
  return texts.reduce(
    (all, text, at) => all + text + (at < parts.length ? encodeURIComponent(String(parts[at])) : ''),
    '',
  );
}

export function objectOf(value: Json | undefined, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ForgeError({ kind: 'failed' }, `${path} answers with something that is no object`);
  return value as JsonObject;
}

/** What an error's body says, in one short line. */
export function messageIn(text: string): string {
  let said: unknown = text;
  try {
    const parsed = JSON.parse(text) as { message?: unknown; error?: unknown };
    said = parsed.message ?? parsed.error ?? '';
  } catch {
    if (/<html|<!doctype/i.test(text)) return 'a web page';
  }
  const line = typeof said === 'string' ? said : JSON.stringify(said);
  return line
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 200)
    .trim();
}
