import { type Deed, deed, firstText, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';
import { mutationFields } from './graphql.ts';

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PURGE',
  'MOVE',
]);
const METHOD_KEYS = ['method', 'http_method', 'httpMethod', 'requestMethod', 'request_method', ':method'];
const URL_KEYS = ['url', 'uri', 'requestUrl', 'request_url', 'full_url', 'pretty_url', 'requestURL'];
const HOST_KEYS = ['host', 'authority', ':authority', 'hostname', 'domain', 'server_name', 'pretty_host', 'sni'];
const PATH_KEYS = ['path', ':path', 'request_uri', 'requestPath', 'request_path', 'uri_path', 'requestUri'];
const STATUS_KEYS = ['status', 'status_code', 'statusCode', 'response_code', 'responseCode', 'sc_status'];
const BODY_KEYS = ['body', 'request_body', 'requestBody', 'postData', 'data', 'content'];

/**
 * A call over HTTP, as an egress proxy, a gateway of agents or an access log writes it, with what a query of GraphQL in its
 * body would change; or such a query by itself.
 */
export const http: Recogniser = (value) => {
  const call = callOf(value);
  const operations = operationsOf(value).concat(
    call === undefined ? [] : BODY_KEYS.flatMap((key) => inBody(value[key])),
  );
  if (call === undefined) return operations.map((operation) => made(value, { operation }));
  return operations.length === 0
    ? [made(value, call)]
    : [...new Set(operations)].map((operation) => made(value, { ...call, operation }));
};

function made(value: JsonObject, root: JsonObject): Deed {
  return deed('http', root, {
    by: [value['user'], value['username'], value['client'], value['identity']],
    through: [value['user_agent'], value['userAgent'], within(value, 'user_agent')['original']],
    refused: STATUS_KEYS.some((key) => isClientError(value[key])),
    origin: value,
  });
}

function callOf(value: JsonObject): JsonObject | undefined {
  const ecs = within(within(value, 'http'), 'request');
  const method = firstText([...METHOD_KEYS.map((key) => value[key]), ecs['method']])?.toUpperCase();
  if (method === undefined || !METHODS.has(method)) return undefined;
  const parts = within(value, 'url');
  const given = firstText([...URL_KEYS.map((key) => value[key]), parts['full'], parts['original']]) ?? '';
  const path = firstText([...PATH_KEYS.map((key) => value[key]), parts['path']]);
  const host = firstText([...HOST_KEYS.map((key) => value[key]), parts['domain']]);
  const whole = urlOf(given) ?? urlOf(path ?? '');
  if (whole !== undefined) return { method, host: plainHost(whole.host), path: plainPath(whole.pathname) };
  const found = path ?? text(given);
  if (found === undefined && host === undefined) return undefined;
  return {
    method,
    ...(host !== undefined && { host: plainHost(host) }),
    ...(found !== undefined && { path: plainPath(found) }),
  };
}

/** A whole address; a path alone is none. */
function urlOf(given: string): URL | undefined {
  try {
    return /^[a-z]+:\/\//i.test(given) ? new URL(given) : undefined;
  } catch {
    return undefined;
  }
}

/** In small letters, without a port and the dot that a name may end in. */
function plainHost(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '');
}

/** Without its query, and decoded, because servers decode it: `%64elete` must not be another word than `delete`. */
function plainPath(path: string): string {
  const [plain = ''] = path.split(/[?#]/, 1);
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

/** What `request`, one of GraphQL over HTTP, would change. */
function operationsOf(request: JsonObject): readonly string[] {
  return typeof request['query'] === 'string' ? mutationFields(request['query']) : [];
}

/** The same for a body: an object, JSON in text, several of either, or a query alone. */
function inBody(body: unknown): readonly string[] {
  if (isObject(body)) return typeof body['text'] === 'string' ? inBody(body['text']) : operationsOf(body);
  if (Array.isArray(body)) return body.flatMap((item) => (isObject(item) ? operationsOf(item) : []));
  if (typeof body !== 'string' || !body.includes('mutation')) return [];
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'string' ? [] : inBody(parsed);
  } catch {
    return mutationFields(body);
  }
}

function isClientError(status: unknown): boolean {
  return (typeof status === 'number' || typeof status === 'string') && /^4\d\d$/.test(String(status));
}
