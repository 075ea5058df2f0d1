import { Octokit } from '@octokit/core';
import type { Json } from '../base/canonical.ts';
import { isObject, listIn, optionalText } from './documents.ts';
import { EtagCache } from './etag-cache.ts';
import { ForgeError, type JsonObject, type ReadContext } from './forge.ts';
import { githubDialect, refusalOf } from './github-dialect.ts';
import type { ForgeOptions } from './options.ts';
import { patientFetch } from './patient-fetch.ts';
import { messageIn, objectOf, type Query, Rest } from './rest.ts';

/** The largest page GitHub gives. */
export const PER_PAGE = 100;

export type OwnerKind = 'Organization' | 'User';
export type GithubOptions = Pick<ForgeOptions, 'url' | 'token' | 'clock'> & Partial<Pick<ForgeOptions, 'cache'>>;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly data: Json;
}

/** More pages than any list has: one that never ends is told, and not read for ever. */
const MAX_PAGES = 20_000;
/** Octokit would write to the console. */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * GitHub's REST API for one context: Octokit over `patientFetch`, which knows the clock and the signal, obeys limits and bounds what
 * is answered. Paths are relative to the forge's address, their parts encoded by `path`. All reject with `ForgeError`, or
 * as the signal does.
 */
export class GithubApi {
  readonly #octokit: Octokit;
  /** Files are streamed; Octokit would hold them whole. */
  readonly #files: Rest;
  readonly #base: string;
  readonly #context: ReadContext;

  constructor(options: GithubOptions, context: ReadContext) {
    const { url, token, clock, cache } = options;
    this.#context = context;
    this.#base = url.replace(/\/+$/, '');
    this.#files = new Rest({ url, token, clock }, githubDialect, context);
    this.#octokit = new Octokit({
      baseUrl: this.#base,
      userAgent: 'portcullis',
      log: SILENT,
      request: {
        fetch: patientFetch({
          clock,
          context,
          mayKeep: githubDialect.mayKeep,
          ...(cache === undefined ? {} : { cache: new EtagCache(cache) }),
        }),
      },
    });
    // Revealed for each request, and kept by nobody.
    this.#octokit.hook.before('request', ({ headers }) => {
      Object.assign(headers, githubDialect.headers(token.reveal().toString('utf8').trim()));
    });
  }

  /** One object. */
  async get(path: string, query: Query = {}): Promise<JsonObject> {
    return objectOf((await this.#ask('GET', path, query)).data, path);
  }

  /** One object, with the headers it came with. */
  async getWithHeaders(path: string): Promise<{ object: JsonObject; headers: Headers }> {
    const { data, headers } = await this.#ask('GET', path);
    return { object: objectOf(data, path), headers };
  }

  /** Whether there is such a thing. What is hidden from the token is not there. */
  async has(path: string): Promise<boolean> {
    return (await this.find(path)) !== undefined;
  }

  /** One object, or undefined where there is none; `{}` where only that is said. */
  async find(path: string): Promise<JsonObject | undefined> {
    try {
      const { status, data } = await this.#ask('GET', path);
      return status === 204 ? {} : objectOf(data, path);
    } catch (error) {
      if (error instanceof ForgeError && (error.refusal.kind === 'disabled' || error.refusal.kind === 'absent'))
        return undefined;
      throw error;
    }
  }

  /** A list, page by page, as `Link: rel="next"` (RFC 8288) leads. Lists that lie in an object are named by `under`. */
  async *pages(path: string, query: Query = {}, under?: string): AsyncGenerator<JsonObject[]> {
    const seen = new Set<string>();
    let answer = await this.#ask('GET', path, query);
    for (;;) {
      const list = under === undefined ? answer.data : objectOf(answer.data, path)[under];
      if (answer.status === 204 || list === null || list === undefined) return;
      if (!Array.isArray(list)) throw new ForgeError({ kind: 'failed' }, `${this.#where(path)} answers without a list`);
      yield list.map((one) => objectOf(one, path));
      const next = this.#next(answer.headers, path);
      if (next === undefined) return;
      if (seen.has(next) || seen.size >= MAX_PAGES)
        throw new ForgeError({ kind: 'failed' }, `the list at ${this.#where(path)} does not end`);
      seen.add(next);
      answer = await this.#ask('GET', next);
    }
  }

  /** All of a list that is known to be short. */
  async all(path: string, query: Query = {}, under?: string): Promise<JsonObject[]> {
    const all: JsonObject[] = [];
    for await (const page of this.pages(path, query, under)) all.push(...page);
    return all;
  }

  /** Writes, once, and gives what is answered; `{}` where that is nothing. */
  async send(method: 'POST' | 'PUT' | 'PATCH', path: string, body: JsonObject): Promise<JsonObject> {
    const { data } = await this.#ask(method, path, { data: body });
    return data === null || data === '' ? {} : objectOf(data, path);
  }

  async remove(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  /** Sends a file of `size` bytes, once. `url` is whole. */
  upload(url: string, bytes: AsyncIterable<Buffer>, size: number): Promise<JsonObject> {
    return this.#files.upload(url, bytes, size, 'application/octet-stream');
  }

  /** The bytes of a file. GitHub sends them from elsewhere; the token stays behind. */
  download(url: string): AsyncIterable<Buffer> {
    return this.#files.download(url);
  }

  async #ask(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    parameters: object = {},
  ): Promise<Answer> {
    try {
      const { status, headers, data } = await this.#octokit.request({ ...parameters, method, url: path });
      return { status, headers: headersOf(headers), data: data as Json };
    } catch (error) {
      this.#context.signal.throwIfAborted();
      throw this.#meaning(error, path);
    }
  }

  /** Octokit wraps what `patientFetch` throws, and throws what GitHub refuses. */
  #meaning(error: unknown, path: string): ForgeError {
    const { cause, status, response } = error as { cause?: unknown; status?: number; response?: Partial<Answer> };
    if (cause instanceof ForgeError) return cause;
    if (status === undefined || response === undefined)
      return new ForgeError({ kind: 'failed' }, `${this.#where(path)} could not be asked`, { cause: error });
    const { data = null } = response;
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    const message = messageIn(text);
    const refusal = refusalOf(
      { status, headers: headersOf(response.headers ?? {}), message, text },
      this.#pathOf(path),
    );
    return new ForgeError(
      refusal,
      `${this.#where(path)} answers ${status}${message === '' ? '' : ` (${[message, ...reasonsIn(data)].join('; ')})`}`,
    );
  }

  #pathOf(path: string): string {
    return /^https?:/.test(path) ? new URL(path).pathname : path;
  }

  /** Host and path, without a query. */
  #where(path: string): string {
    const { host, pathname } = /^https?:/.test(path) ? new URL(path) : new URL(`${this.#base}${path}`);
    return `${host}${pathname}`;
  }

  #next(headers: Headers, path: string): string | undefined {
    const link = /<([^>]+)>\s*;[^,]*\brel="?next"?/i.exec(headers.get('link') ?? '')?.[1];
    if (link === undefined) return undefined;
    const url = URL.canParse(link, this.#base) ? new URL(link, this.#base) : undefined;
    if (url?.origin !== new URL(this.#base).origin)
      throw new ForgeError({ kind: 'failed' }, `the list at ${this.#where(path)} goes on at another host`);
    return url.href;
  }
}

/** What GitHub has against single fields: `name already_exists`. Never a value. */
function reasonsIn(data: Json): string[] {
  if (!isObject(data)) return [];
  return listIn(data, 'errors')
    .slice(0, 5)
    .flatMap((one) => {
      const field = optionalText(one, 'field');
      const code = optionalText(one, 'code');
      return code === undefined ? [] : [[field, code].filter(Boolean).join(' ').slice(0, 80)];
    });
}

function headersOf(headers: object): Headers {
  return new Headers(Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]));
}
