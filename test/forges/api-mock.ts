import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
export type Thing = { [key: string]: Value };

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly maximum?: number;
}

interface Operation {
  readonly query: Readonly<Record<string, Schema>>;
  readonly body?: { readonly properties: Readonly<Record<string, Schema>>; readonly required: readonly string[] };
  readonly status?: number;
  readonly example?: Value;
}

/** What a vendor publishes about its interface, less what is not used: `source`, and operations by `GET /path/{name}`. */
export interface Description {
  readonly source: string;
  readonly operations: Readonly<Record<string, Operation>>;
}

export function descriptionAt(name: string): Description {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as Description;
}

export interface MockOptions {
  readonly description: Description;
  /** What comes before each path: `/api/v4`. */
  readonly prefix?: string;
  readonly perPage: string;
  /** Headers of a list's page. Default: `Link`. */
  readonly token: string;
  readonly tokenOf: (request: IncomingMessage) => string | undefined;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/**
 * A forge on loopback, made from what its vendor publishes. It checks each request against that (path, query, body), answers
 * with what the tests have put at a path, with nothing where that is a list, and else with the published example. Lists come in
 * pages, answers have marks (ETag), and what is posted to a list is in it afterwards.
 */
export class ApiMock {
  readonly #options: MockOptions;
  readonly #state = new Map<string, Value>();
  readonly #server: Server;
  readonly #handlers: Handler[] = [];
  /** Requests as they came: `GET /path?query`. */
  readonly requests: string[] = [];
  /** What was asked against the published description. */
  readonly faults: string[] = [];
  /** Files as they came, by path and query. */
  readonly uploads = new Map<string, Buffer>();
  /** How many of a list a search (`created`) gives at most. */
  searchMost = 1000;
  /** How many answers said that nothing has changed. */
  unchanged = 0;
  #id = 1000;
  #clock = Date.parse('2026-06-01T00:00:00Z');

  constructor(options: MockOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What is at a path from now on. A list may lie in an object, as the vendor has it. */
  put(path: string, value: Value): void {
    this.#state.set(path, value);
  }

  at(path: string): Value | undefined {
    return this.#state.get(path);
  }

  /** The published example of an operation, or its first item where that is a list. */
  example(operation: string): Thing {
    const found = this.#options.description.operations[operation]?.example;
    const list = Array.isArray(found) ? found : listWithin(found ?? null)?.list;
    const one = list === undefined ? found : list[0];
    if (typeof one !== 'object' || one === null || Array.isArray(one)) throw new Error(`${operation} has no example`);
    return structuredClone(one);
  }

  /** Asked before anything else is answered; true when it has answered. */
  intercept(handler: Handler): () => void {
    this.#handlers.unshift(handler);
    return () => this.#handlers.splice(this.#handlers.indexOf(handler), 1);
  }

  /** A later time than all before, RFC 3339. */
  tick(): string {
    this.#clock += 60_000;
    return new Date(this.#clock).toISOString().replace('.000Z', 'Z');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    for (const handler of this.#handlers) if (await handler(request, response)) return;
    const { prefix = '', token, tokenOf } = this.#options;
    if (tokenOf(request) !== token) return json(response, 401, { message: 'Bad credentials' });
    if (!url.pathname.startsWith(prefix)) return this.#fault(response, `${url.pathname} is not below ${prefix}`);
    const path = url.pathname.slice(prefix.length);
    const found = this.#operation(request.method ?? 'GET', path);
    if (found === undefined) return this.#fault(response, `${request.method} ${path} is not published`);
    for (const [name, value] of url.searchParams)
      this.#checkQuery(`${request.method} ${path}`, found.operation, name, value);
    if (request.method === 'GET') return this.#get(request, response, url, path, found.operation);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const sentAsJson = /\bjson\b/.test(request.headers['content-type'] ?? 'json');
    if (!sentAsJson) this.uploads.set(`${path}${url.search}`, bytes);
    const name = url.searchParams.get('name');
    const body = sentAsJson
      ? (JSON.parse(bytes.toString('utf8') || '{}') as Thing)
      : { size: bytes.length, state: 'uploaded', ...(name === null ? {} : { name }) };
    if (sentAsJson) this.#checkBody(`${request.method} ${path}`, found.operation, body);
    return this.#write(request.method ?? 'POST', response, path, found, body);
  }

  #get(request: IncomingMessage, response: ServerResponse, url: URL, path: string, operation: Operation): void {
    const { example } = operation;
    const put = this.#state.get(path);
    // Only whether there is such a thing.
    if (operation.status === 204) {
      if (put === undefined) json(response, 404, { message: 'Not Found' });
      else response.writeHead(204).end();
      return;
    }
    const shape = put ?? example ?? null;
    const within = Array.isArray(shape) ? { list: shape, under: undefined } : listWithin(shape);
    let value: Value = shape;
    const headers: Record<string, string> = {};
    if (within !== undefined) {
      const all = put === undefined ? [] : this.#filtered(within.list, url.searchParams);
      const size = Number(url.searchParams.get(this.#options.perPage) ?? 30);
      const page = Number(url.searchParams.get('page') ?? 1);
      const list = all.slice((page - 1) * size, page * size);
      value =
        within.under === undefined ? list : { ...(shape as Thing), total_count: all.length, [within.under]: list };
      if (page * size < all.length) {
        const next = new URL(url);
        next.searchParams.set('page', String(page + 1));
        headers['link'] = `<${next.href}>; rel="next", <${url.href}>; rel="last"`;
      }
    }
    const text = JSON.stringify(value);
    const etag = `"${createHash('sha256')
      .update(text)
      .update(headers['link'] ?? '')
      .digest('hex')
      .slice(0, 16)}"`;
    if (request.headers['if-none-match'] === etag) {
      this.unchanged += 1;
      response.writeHead(304, { etag, ...headers }).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', etag, ...headers }).end(text);
  }

  /** As forges filter: by time of change, and in its order. */
  #filtered(list: readonly Value[], query: URLSearchParams): Value[] {
    const since = query.get('since') ?? query.get('updated_after');
    const time = (one: Value) => String((one as Thing)['updated_at'] ?? (one as Thing)['updated'] ?? '');
    const until = /^<=(.+)$/.exec(query.get('created') ?? '')?.[1];
    const kept = list.filter(
      (one) =>
        (since === null || time(one) >= since) &&
        (until === undefined || String((one as Thing)['created_at']) <= until),
    );
    if (until !== undefined) kept.splice(this.searchMost);
    if (
      query.get('sort') === 'updated' ||
      query.get('order_by') === 'updated_at' ||
      query.get('sort') === 'recentupdate'
    )
      kept.sort((a, b) => (time(a) < time(b) ? -1 : 1));
    return kept;
  }

  #write(method: string, response: ServerResponse, path: string, { operation, template }: Found, body: Thing): void {
    const example = operation.example;
    const base =
      typeof example === 'object' && example !== null && !Array.isArray(example) ? structuredClone(example) : {};
    this.#id += 1;
    const now = this.tick();
    if (method === 'DELETE') {
      for (const held of this.#state.values()) drop(held, Number(path.split('/').at(-1)));
      response.writeHead(204).end();
      return;
    }
    if (method === 'PATCH' || method === 'PUT') {
      const [, parent = '', key = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
      const list = listOf(this.#state.get(parent));
      const held = list?.find((one) =>
        ['number', 'iid', 'id', 'name'].some((field) => String((one as Thing)[field]) === decodeURIComponent(key)),
      ) as Thing | undefined;
      if (held !== undefined) Object.assign(held, body, { updated_at: now });
      else
        this.#append(parent, template.replace(/\/[^/]+$/, ''), {
          ...base,
          ...body,
          name: decodeURIComponent(key),
          id: this.#id,
        });
      json(response, operation.status ?? 200, held ?? base);
      return;
    }
    const siblings = listOf(this.#state.get(path)) ?? [];
    const made: Thing = {
      ...base,
      ...body,
      id: this.#id,
      ...('number' in base ? { number: siblings.length + 1 } : {}),
      ...('iid' in base ? { iid: body['iid'] ?? siblings.length + 1 } : {}),
      created_at: body['created_at'] ?? now,
      updated_at: now,
    };
    this.made(path, made);
    this.#append(path, template, made);
    json(response, operation.status ?? 201, made);
  }

  /** Called with what a request has made, before it is in its list; tests change it as the vendor would. */
  made: (path: string, thing: Thing) => void = () => {};

  #append(path: string, template: string, thing: Thing): void {
    const before = this.#state.get(path);
    if (before === undefined) {
      const example = this.#options.description.operations[`GET ${template}`]?.example ?? null;
      const within = Array.isArray(example) ? undefined : listWithin(example);
      this.#state.set(path, within === undefined ? [thing] : { [within.under]: [thing] });
    } else (listOf(before) ?? []).push(thing);
  }

  #operation(method: string, path: string): Found | undefined {
    const names = path.split('/');
    for (const [key, operation] of Object.entries(this.#options.description.operations)) {
      const [verb, template = ''] = key.split(' ');
      const parts = template.split('/');
      if (
        verb === method &&
        parts.length === names.length &&
        parts.every((part, at) => part.startsWith('{') || part === names[at])
      )
        return { operation, template };
    }
    return undefined;
  }

  #checkQuery(what: string, { query }: Operation, name: string, value: string): void {
    const schema = query[name];
    if (schema === undefined) this.faults.push(`${what} has no parameter ${name}`);
    else if (schema.enum !== undefined && !schema.enum.includes(value))
      this.faults.push(`${what}: ${name} is not ${value}`);
    else if ((schema.type === 'integer' || schema.type === 'number') && !/^-?\d+$/.test(value))
      this.faults.push(`${what}: ${name} is no number`);
    else if (schema.maximum !== undefined && Number(value) > schema.maximum)
      this.faults.push(`${what}: ${name} is at most ${schema.maximum}`);
  }

  #checkBody(what: string, { body }: Operation, given: Thing): void {
    for (const name of body?.required ?? []) if (!(name in given)) this.faults.push(`${what} needs ${name}`);
    for (const [name, value] of Object.entries(given)) {
      const schema = body?.properties[name];
      if (schema === undefined) this.faults.push(`${what} takes no ${name}`);
      else if (schema.enum !== undefined && !schema.enum.includes(value))
        this.faults.push(`${what}: ${name} is not ${String(value)}`);
      else if (schema.type === 'string' && typeof value !== 'string' && value !== null)
        this.faults.push(`${what}: ${name} is text`);
      else if (schema.type === 'boolean' && typeof value !== 'boolean')
        this.faults.push(`${what}: ${name} is true or false`);
      else if (schema.type === 'array' && !Array.isArray(value)) this.faults.push(`${what}: ${name} is a list`);
    }
  }

  #fault(response: ServerResponse, fault: string): void {
    this.faults.push(fault);
    json(response, 404, { message: 'Not Found' });
  }
}

interface Found {
  readonly operation: Operation;
  readonly template: string;
}

/** The list in an object that is a list with a count: `{ total_count, workflows: […] }`. */
function listWithin(value: Value): { readonly list: Value[]; readonly under: string } | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const lists = Object.entries(value).filter((entry): entry is [string, Value[]] => Array.isArray(entry[1]));
  const [only] = lists;
  const others = Object.keys(value).filter((name) => name !== 'total_count' && name !== 'repository_selection');
  return lists.length === 1 && only !== undefined && others.length === 1
    ? { under: only[0], list: only[1] }
    : undefined;
}

/** Takes what has an id out of a list, or out of lists of what is in it. */
function drop(from: Value, id: number): void {
  for (const list of [listOf(from) ?? []])
    for (const [at, one] of [...list.entries()].reverse()) {
      if ((one as Thing | null)?.['id'] === id) list.splice(at, 1);
      else if (typeof one === 'object' && one !== null && !Array.isArray(one))
        for (const inner of Object.values(one)) if (Array.isArray(inner)) drop(inner, id);
    }
}

function listOf(value: Value | undefined): Value[] | undefined {
  return Array.isArray(value) ? value : listWithin(value ?? null)?.list;
}

function json(response: ServerResponse, status: number, value: Value): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}
