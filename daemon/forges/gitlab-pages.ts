import { isoTime, parseTime } from '../base/clock.ts';
import { isObject } from './documents.ts';
import { ForgeError, type JsonObject } from './forge.ts';
import type { Answer, Ask, GitlabApi } from './gitlab-api.ts';
import type { Query } from './rest.ts';

/** Objects on a page; GitLab gives no more. */
const PER_PAGE = 100;
/** Most pages of one list. A server that names a next page for ever does not keep a run for ever. */
export const MAX_PAGES = 10_000;

/** A list, a page at a time, by keyset where GitLab offers it and by number elsewhere, as its answers say. */
export async function* pages(
  api: GitlabApi,
  path: string,
  query: Query,
  ask: Ask,
  most: number = MAX_PAGES,
): AsyncGenerator<readonly JsonObject[]> {
  let url: URL | undefined = api.url(path, { ...query, per_page: PER_PAGE });
  for (let page = 1; url !== undefined; page++) {
    if (page > most) throw endless(ask);
    const answer: Answer = await api.get(url, ask);
    yield objects(answer, ask);
    const next = nextOf(answer);
    if (next?.href === url.href) throw endless(ask);
    url = next;
  }
}

/** A whole list that belongs to one object. */
export async function all(
  api: GitlabApi,
  path: string,
  query: Query,
  ask: Ask,
  most: number = MAX_PAGES,
): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = [];
  for await (const page of pages(api, path, query, ask, most)) found.push(...page);
  return found;
}

export interface Changed {
  readonly objects: readonly JsonObject[];
  /** `updated_at` of the last one: everything up to it has been given. */
  readonly cursor: string | undefined;
}

/**
 * What has changed since `cursor` (an `updated_at`, inclusive), oldest change first. Numbers of pages are of no use here:
 * whatever changes while this reads moves to the end, and the rest moves up over the edges of pages. So each request begins
 * at the last change seen; pages are counted only among changes of one moment. Objects at an edge come once.
 */
export async function* changes(
  api: GitlabApi,
  path: string,
  query: Query,
  cursor: string | undefined,
  ask: Ask,
  most: number = MAX_PAGES,
): AsyncGenerator<Changed> {
  let since = cursor;
  let seen = new Map<string, number>();
  let number = 1;
  for (let page = 1; ; page++) {
    if (page > most) throw endless(ask);
    const answer = await api.get(
      api.url(path, {
        ...query,
        order_by: 'updated_at',
        sort: 'asc',
        updated_after: since === undefined ? undefined : justBefore(since, ask),
        page: number,
        per_page: PER_PAGE,
      }),
      ask,
    );
    const found = objects(answer, ask);
    const fresh = found.filter((one) => seen.get(String(one['id'])) !== changedAt(one, ask));
    for (const one of found) seen.set(String(one['id']), changedAt(one, ask));
    const last = found.at(-1);
    const moved = last !== undefined && (since === undefined || changedAt(last, ask) > timeOf(since, ask));
    if (moved) since = String(last['updated_at']);
    yield { objects: fresh, cursor: since };
    if (nextOf(answer) === undefined) return;
    number = moved ? 1 : number + 1;
    if (moved) {
      const edge = changedAt(last, ask) - 1;
      seen = new Map([...seen].filter(([, at]) => at >= edge));
    }
  }
}

/** GitLab keeps microseconds and shows milliseconds, and some lists exclude the moment itself: ask from just before it. */
function justBefore(time: string, ask: Ask): string {
  return isoTime(timeOf(time, ask) - 1);
}

function changedAt(object: JsonObject, ask: Ask): number {
  return timeOf(String(object['updated_at']), ask);
}

function timeOf(text: string, ask: Ask): number {
  const time = parseTime(text);
  if (time === undefined) throw new ForgeError({ kind: 'failed' }, `GitLab gave ${ask.what} without a time of change`);
  return time;
}

function objects(answer: Answer, ask: Ask): readonly JsonObject[] {
  const { json } = answer;
  if (!Array.isArray(json)) throw new ForgeError({ kind: 'failed' }, `GitLab answers without a list of ${ask.what}`);
  if (json.every(isObject)) return json;
  throw new ForgeError({ kind: 'failed' }, `GitLab gives what is no object among ${ask.what}`);
}

/**
 * The next page: `rel="next"` of the Link header (RFC 8288), or `X-Next-Page`. Only its query is taken, on the path that was
 * asked: a GitLab behind a proxy may not know its own address, and nobody leads the token elsewhere.
 */
function nextOf({ url, headers }: Answer): URL | undefined {
  const link = (headers.get('link') ?? '').match(/<([^>]*)>\s*;[^,<]*\brel="?next"?/)?.[1];
  const next = new URL(url);
  if (link !== undefined && URL.canParse(link, url.href)) {
    next.search = new URL(link, url).search;
    return next;
  }
  const number = headers.get('x-next-page') ?? '';
  if (!/^\d+$/.test(number)) return undefined;
  next.searchParams.set('page', number);
  return next;
}

function endless(ask: Ask): ForgeError {
  return new ForgeError({ kind: 'failed' }, `the list of ${ask.what} does not end`);
}
