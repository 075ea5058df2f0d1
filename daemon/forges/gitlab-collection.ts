import { isObject } from './documents.ts';
import type { Collection, CollectionName, Document, JsonObject, Page, ReadContext } from './forge.ts';
import { ForgeError } from './forge.ts';
import type { Ask, GitlabApi } from './gitlab-api.ts';
import { pages } from './gitlab-pages.ts';
import { type Part, together } from './gitlab-parts.ts';
import type { Query } from './rest.ts';

/** What stands behind a list of GitLab's API. */
export interface List {
  /** Below `/api/v4/`. */
  readonly path: string;
  readonly query?: Query;
  /** For people. */
  readonly what: string;
  /** The role it takes; the scope is `read_api` throughout. */
  readonly role: string;
  readonly key: (object: JsonObject) => string;
  /** What belongs to each object, besides what the list gives of it. */
  readonly complete?: (object: JsonObject, ask: Ask) => Promise<Document>;
  readonly optional?: boolean;
  readonly secret?: boolean;
}

/** A collection that is listed whole in every run. */
export function whole<Of>(
  name: CollectionName,
  parts: (of: Of, context: ReadContext) => readonly Part[] | Promise<readonly Part[]>,
  secret = false,
): Collection<Of> {
  return {
    name,
    secret,
    reach: 'whole',
    async *read(of, _cursor, context): AsyncGenerator<Page> {
      yield* together(await parts(of, context));
    },
  };
}

/** The documents of a list. */
export function listed(api: GitlabApi, list: List, context: ReadContext): Part {
  const ask = askOf(list, context);
  return {
    ...(list.optional === undefined ? {} : { optional: list.optional }),
    async *read() {
      for await (const page of pages(api, list.path, list.query ?? {}, ask)) {
        const documents: Document[] = [];
        for (const object of page) {
          documents.push((await list.complete?.(object, ask)) ?? { key: list.key(object), object });
        }
        yield documents;
      }
    },
  };
}

/** One document that is no list; `null`, as GitLab says of push rules nobody has set, is none. */
export function single(api: GitlabApi, list: List, context: ReadContext): Part {
  const ask = askOf(list, context);
  return {
    ...(list.optional === undefined ? {} : { optional: list.optional }),
    async *read() {
      const { json } = await api.get(api.url(list.path, list.query), ask);
      if (json === null) return;
      if (!isObject(json)) {
        throw new ForgeError({ kind: 'failed' }, `asked for ${ask.what}, the server answered with something else`);
      }
      yield [(await list.complete?.(json, ask)) ?? { key: list.key(json), object: json }];
    },
  };
}

/** Documents that are known without asking. */
export function known(documents: readonly Document[]): Part {
  return {
    async *read() {
      yield documents;
    },
  };
}

/** A part that this project or owner does not have, in words. */
export function without(why: string): Part {
  return {
    // biome-ignore lint/correctness/useYield: it says why there is nothing to give
    async *read() {
      throw new ForgeError({ kind: 'disabled' }, why);
    },
  };
}

export function askOf(list: Pick<List, 'what' | 'role' | 'secret'>, context: ReadContext): Ask {
  return { context, what: list.what, needs: needsOf(list.role), ...(list.secret === true ? { secret: true } : {}) };
}

export function needsOf(role: string): string {
  return `a token with the scope read_api and ${role}`;
}

/** For one object that is asked for by itself, outside of a collection. */
export function plainAsk(what: string, context: ReadContext, role = 'the role Guest'): Ask {
  return askOf({ what, role }, context);
}
