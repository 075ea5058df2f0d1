import { mutationFields } from './graphql.ts';

/** An HTTP request that a command makes. */
export interface HttpCall {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** A field of a mutation of GraphQL. */
  readonly operation?: string;
}

const CALLERS = new Set([
  'curl',
  'wget',
  'http',
  'https',
  'xh',
  'xhs',
  'gh',
  'glab',
  'invoke-restmethod',
  'invoke-webrequest',
  'iwr',
  'irm',
]);
const METHOD = /^(?:-X|--request|--method|-Method)(?:=|$)?(.*)$/i;
const DATA =
  /^(?:-d|--data(?:-raw|-binary|-ascii|-urlencode)?|--json|--body-data|--post-data|-f|-F|--field|--raw-field)(?:=(.*))?$/s;

/** The requests that `program` makes with these arguments; none for a program that makes none. */
export function callsOf(program: string, args: readonly string[]): readonly HttpCall[] {
  if (!CALLERS.has(program)) return [];
  let method: string | undefined;
  let url: URL | undefined;
  let data = '';
  for (const [index, word] of args.entries()) {
    const set = METHOD.exec(word);
    if (set !== null) method = (set[1] === '' ? args[index + 1] : set[1])?.toUpperCase();
    else if (/^(?:GET|HEAD|POST|PUT|PATCH|DELETE)$/.test(word) && program !== 'curl') method = word;
    else if (DATA.test(word)) data += ` ${DATA.exec(word)?.[1] ?? args[index + 1] ?? ''}`;
    else url ??= urlOf(program, word);
  }
  if (program === 'gh' && args[0] !== 'api') return [];
  if (program === 'glab' && args[0] !== 'api') return [];
  if (url === undefined) return [];
  const call = { method: method ?? (data === '' ? 'GET' : 'POST'), host: url.hostname, path: decoded(url.pathname) };
  const operations = operationsOf(data);
  return operations.length === 0 ? [call] : operations.map((operation) => ({ ...call, operation }));
}

function urlOf(program: string, word: string): URL | undefined {
  const isPath = program === 'gh' || program === 'glab';
  const text = /^https?:\/\//i.test(word)
    ? word
    : isPath && /^\/?(?:repos|orgs|projects|groups|graphql|user|teams)\b/.test(word)
      ? `https://${program === 'gh' ? 'api.github.com/' : 'gitlab.com/api/v4/'}${word.replace(/^\//, '')}`
      : /^[\w-]+(?:\.[\w-]+)+(?::\d+)?\/\S/.test(word)
        ? `https://${word}`
        : '';
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The mutation may stand by itself, in a form or in JSON, where its quotes are escaped. */
function operationsOf(data: string): readonly string[] {
  const from = /\bmutation\b/.exec(data)?.index;
  return from === undefined ? [] : mutationFields(data.slice(from).replaceAll('\\"', '"'));
}
