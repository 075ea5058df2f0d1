import { parseHttpTime, parseTime } from '../base/clock.ts';
import { ifThere, isObject, keyed, listIn, one, optionalText, textOf, whole } from './documents.ts';
import {
  type Asset,
  type Document,
  type Forge,
  ForgeError,
  type Identity,
  type JsonObject,
  type Page,
  type ReadContext,
  type Repository,
} from './forge.ts';
import { cursorAfter, cursorAt, isSettled, readCursor } from './gitea-cursor.ts';
import { giteaDialect } from './gitea-dialect.ts';
import type { ForgeOptions } from './options.ts';
import { path, Rest } from './rest.ts';

/** The largest page Gitea and Forgejo give, unless their administrator allows more (`MAX_RESPONSE_ITEMS`). */
export const GITEA_PAGE = 50;
const API = '/api/v1';
/** How many issues of one list may fail before all of it has. */
const MOST_FAILURES = 20;

/**
 * Gitea and Forgejo, through their REST API (templates/swagger/v1_json.tmpl of either; docs.gitea.com/api). There are no
 * environments and no rulesets, and projects have no API; docs/sources-gitea.md says what else differs between versions.
 * Values of secrets are given to nobody; those of variables are.
 */
export function giteaForge(options: ForgeOptions): Forge {
  const { owner } = options;
  const rest = (context: ReadContext) => new Rest({ ...options, url: giteaApi(options.url) }, giteaDialect, context);
  const limit = GITEA_PAGE;
  let kind: Promise<'organisation' | 'user'> | undefined;

  /** Rejects as denied where the token may not know. */
  function kindOf(context: ReadContext): Promise<'organisation' | 'user'> {
    kind ??= (async () => {
      for await (const _ of ifThere(one(rest(context).get(path`/orgs/${owner}`)))) return 'organisation';
      for await (const _ of ifThere(one(rest(context).get(path`/users/${owner}`)))) return 'user';
      throw new ForgeError(
        { kind: 'absent' },
        `there is no organisation or user ${owner}, or this token does not see it`,
      );
    })();
    // What failed once is asked again.
    kind.catch(() => {
      kind = undefined;
    });
    return kind;
  }

  async function* ofOrganisation<T>(context: ReadContext, read: () => AsyncIterable<T>): AsyncGenerator<T> {
    if ((await kindOf(context)) === 'organisation') yield* read();
  }

  /** What a user has is shown to that user alone: other users' is nothing. */
  async function* ofOwner<T>(context: ReadContext, read: (base: string) => AsyncIterable<T>): AsyncGenerator<T> {
    if ((await kindOf(context)) === 'organisation') yield* read(path`/orgs/${owner}`);
    else if (textOf(await rest(context).get('/user'), 'login').toLowerCase() === owner.toLowerCase())
      yield* ifThere(read('/user'));
  }

  return {
    kind: 'gitea',

    async identify(context): Promise<Identity> {
      try {
        return { login: textOf(await rest(context).get('/user'), 'login') };
      } catch (error) {
        // Everything else can still be had.
        if (error instanceof ForgeError && error.refusal.kind === 'denied')
          return { login: `(not told: the token lacks ${error.refusal.needs})` };
        throw error;
      }
    },

    async *repositories(context) {
      const api = rest(context);
      const of = await kindOf(context).catch((error: unknown) => {
        if (error instanceof ForgeError && error.refusal.kind === 'denied') return 'user';
        throw error;
      });
      const base = of === 'organisation' ? path`/orgs/${owner}` : path`/users/${owner}`;
      for await (const page of api.pages(`${base}/repos`, { limit })) yield page.map(repositoryOf);
    },

    ofOwner: [
      whole(
        'variables',
        (_, context) =>
          ofOwner(context, (base) =>
            keyed(rest(context).pages(`${base}/actions/variables`, { limit }), (one) => textOf(one, 'name')),
          ),
        true,
      ),
      whole('secrets', (_, context) =>
        ofOrganisation(context, () =>
          keyed(rest(context).pages(path`/orgs/${owner}/actions/secrets`, { limit }), (one) => textOf(one, 'name')),
        ),
      ),
      whole('labels', (_, context) =>
        ofOrganisation(context, () => byId(rest(context).pages(path`/orgs/${owner}/labels`, { limit }))),
      ),
      whole(
        'webhooks',
        (_, context) => ofOwner(context, (base) => byId(rest(context).pages(`${base}/hooks`, { limit }))),
        true,
      ),
      whole('members', (_, context) =>
        ofOrganisation(context, () =>
          keyed(rest(context).pages(path`/orgs/${owner}/members`, { limit }), (one) => textOf(one, 'login')),
        ),
      ),
      whole('teams', (_, context) =>
        ofOrganisation(context, async function* () {
          const api = rest(context);
          for await (const page of api.pages(path`/orgs/${owner}/teams`, { limit }))
            for (const team of page) {
              const id = textOf(team, 'id');
              const members = await api.all(`/teams/${id}/members`, { limit });
              const repositories = await api.all(`/teams/${id}/repos`, { limit });
              yield [
                {
                  key: id,
                  object: {
                    team,
                    members: members.map(({ login = null }) => login),
                    repositories: repositories.map(({ full_name = null }) => full_name),
                  },
                },
              ];
            }
        }),
      ),
      whole('packages', async function* (_, context) {
        const api = rest(context);
        for await (const page of api.pages(path`/packages/${owner}`, { limit }))
          for (const one of page) {
            const [type, name, version] = [textOf(one, 'type'), textOf(one, 'name'), textOf(one, 'version')];
            const files = await api.all(path`/packages/${owner}/${type}/${name}/${version}/files`);
            yield [{ key: `${type}/${name}/${version}`, object: { package: one, files } }];
          }
      }),
      whole('settings', async function* (_, context) {
        const of = await kindOf(context);
        const at = of === 'organisation' ? path`/orgs/${owner}` : path`/users/${owner}`;
        yield [{ key: of, object: await rest(context).get(at) }];
      }),
    ],

    ofRepository: [
      {
        name: 'issues',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), baseOf(repository), 'issues', cursor, async (api, issue) => {
            const number = textOf(issue, 'number');
            const comments = await commentsOf(api, baseOf(repository), issue);
            return { key: number, object: { issue, comments }, assets: attachments(rest, [issue, ...comments]) };
          }),
      },
      {
        name: 'pulls',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), baseOf(repository), 'pulls', cursor, async (api, issue) => {
            const base = baseOf(repository);
            const number = textOf(issue, 'number');
            const pull = await api.get(`${base}/pulls/${number}`);
            const comments = await commentsOf(api, base, issue);
            const reviews = await api.all(`${base}/pulls/${number}/reviews`, { limit });
            const whole: JsonObject[] = [];
            for (const review of reviews) {
              const at = `${base}/pulls/${number}/reviews/${textOf(review, 'id')}/comments`;
              whole.push({ ...review, comments: review['comments_count'] === 0 ? [] : await api.all(at) });
            }
            return {
              key: number,
              object: { issue, pull, comments, reviews: whole },
              assets: attachments(rest, [issue, ...comments]),
            };
          }),
      },
      whole('labels', (repository, context) => byId(rest(context).pages(`${baseOf(repository)}/labels`, { limit }))),
      whole('milestones', (repository, context) =>
        byId(rest(context).pages(`${baseOf(repository)}/milestones`, { state: 'all', limit })),
      ),
      whole('releases', async function* (repository, context) {
        for await (const page of rest(context).pages(`${baseOf(repository)}/releases`, { limit }))
          yield page.map((release) => ({
            key: textOf(release, 'id'),
            object: release,
            assets: assetsOf(rest, release, (asset) => textOf(asset, 'name')),
          }));
      }),
      whole('workflows', (repository, context) =>
        keyed(rest(context).pages(`${baseOf(repository)}/actions/workflows`, {}, 'workflows'), (one) =>
          textOf(one, 'id'),
        ),
      ),
      {
        name: 'runs',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) => runs(rest(context), baseOf(repository), cursor),
      },
      whole(
        'variables',
        (repository, context) =>
          keyed(rest(context).pages(`${baseOf(repository)}/actions/variables`, { limit }), (one) =>
            textOf(one, 'name'),
          ),
        true,
      ),
      whole('secrets', (repository, context) =>
        keyed(rest(context).pages(`${baseOf(repository)}/actions/secrets`, { limit }), (one) => textOf(one, 'name')),
      ),
      whole('protection', async function* (repository, context) {
        const api = rest(context);
        // Neither list comes in pages.
        yield* keyed(
          api.pages(`${baseOf(repository)}/branch_protections`),
          (one) => `branch/${optionalText(one, 'rule_name') || textOf(one, 'branch_name')}`,
        );
        yield* ifThere(keyed(api.pages(`${baseOf(repository)}/tag_protections`), (one) => `tag/${textOf(one, 'id')}`));
      }),
      whole(
        'webhooks',
        (repository, context) => byId(rest(context).pages(`${baseOf(repository)}/hooks`, { limit })),
        true,
      ),
      whole('keys', (repository, context) => byId(rest(context).pages(`${baseOf(repository)}/keys`, { limit }))),
      {
        name: 'members',
        secret: false,
        reach: 'whole',
        read: (repository, _, context) => collaborators(rest(context), baseOf(repository)),
      },
      whole('teams', (repository, context) =>
        ofOrganisation(context, () => byId(rest(context).pages(`${baseOf(repository)}/teams`))),
      ),
      whole('settings', async function* (repository, context) {
        const api = rest(context);
        yield [{ key: 'repository', object: await api.get(baseOf(repository)) }];
        for (const key of ['topics', 'languages', 'issue_config'])
          for await (const object of ifThere(one(api.get(`${baseOf(repository)}/${key}`)))) yield [{ key, object }];
      }),
    ],
  };
}

/** Where the API is, for the address of a forge. */
export function giteaApi(url: string): string {
  return `${url.replace(/\/+$/, '')}${API}`;
}

function baseOf({ path: whole }: Repository): string {
  const [login = '', name = ''] = whole.split('/');
  return path`/repos/${login}/${name}`;
}

function repositoryOf(object: JsonObject): Repository {
  const cloneUrl = textOf(object, 'clone_url');
  // An external wiki is an address in the repository's object, and nothing to clone.
  const hasWiki = object['has_wiki'] === true && !isObject(object['external_wiki']);
  return {
    id: textOf(object, 'id'),
    path: textOf(object, 'full_name'),
    cloneUrl,
    ...(hasWiki ? { wikiUrl: cloneUrl.replace(/(\.git)?$/, '.wiki.git') } : {}),
    visibility: object['internal'] === true ? 'internal' : object['private'] === false ? 'public' : 'private',
    archived: object['archived'] === true,
    object,
  };
}

/**
 * Issues or pull requests that have changed since the cursor. Gitea lists them by their creation, whatever changes: what is new or has
 * changed while it is read only moves others to later pages, so nothing is passed over, and what has changed behind our back
 * is read again next time, because the next run starts from when this one began. One that cannot be read whole is told, and asked
 * for again next time; what was had of it before stays.
 */
async function* changes(
  api: Rest,
  base: string,
  type: 'issues' | 'pulls',
  cursor: string | undefined,
  documentOf: (api: Rest, issue: JsonObject) => Promise<Document>,
): AsyncGenerator<Page> {
  const from = readCursor(cursor);
  const { since } = from;
  const { headers } = await api.getWithHeaders('/version');
  const began = from.began ?? parseHttpTime(headers.get('date') ?? '');
  const failed = new Set<string>();
  let { newest, page } = from;

  async function read(issues: AsyncIterable<JsonObject> | Iterable<JsonObject>): Promise<Omit<Page, 'cursor'>> {
    const documents: Document[] = [];
    const problems: string[] = [];
    for await (const issue of issues) {
      const number = textOf(issue, 'number');
      try {
        documents.push(await documentOf(api, issue));
        failed.delete(number);
      } catch (error) {
        if (!(error instanceof ForgeError) || !['failed', 'disabled'].includes(error.refusal.kind)) throw error;
        failed.add(number);
        // A forge that fails with everything is down.
        if (failed.size > MOST_FAILURES) throw error;
        problems.push(`${number}: ${error.message}; the next run asks again.`);
      }
    }
    return { documents, problems };
  }
  async function* again(): AsyncGenerator<JsonObject> {
    // It may have been deleted.
    for (const number of from.again) yield* ifThere(one(api.get(`${base}/issues/${number}`)));
  }

  // In the middle of a run these are those that have failed in it.
  if (from.again.length > 0) {
    const more = await read(again());
    yield { ...more, cursor: cursorAt({ since, began, newest, page, again: [...failed] }) };
  }
  for await (const issues of api.pages(`${base}/issues`, { state: 'all', type, since, limit: GITEA_PAGE, page })) {
    const more = await read(issues.filter((issue) => !from.again.includes(textOf(issue, 'number'))));
    for (const issue of issues) newest = Math.max(newest ?? 0, parseTime(textOf(issue, 'updated_at')) ?? 0);
    // This page once more: what is deleted meanwhile draws the rest forward.
    yield { ...more, cursor: cursorAt({ since, began, newest, page, again: [...failed] }) };
    page += 1;
  }
  const next = cursorAfter({ since, began, newest, again: [...failed] });
  if (next !== undefined) yield { documents: [], cursor: next };
}

async function commentsOf(api: Rest, base: string, issue: JsonObject): Promise<JsonObject[]> {
  if (issue['comments'] === 0) return [];
  // All at once: this list has no pages.
  return api.all(`${base}/issues/${textOf(issue, 'number')}/comments`);
}

/** Runs with their jobs. A cursor is the number of the oldest that had not ended: what is older does not change, unless it is run again. */
async function* runs(api: Rest, base: string, cursor: string | undefined): AsyncGenerator<Page> {
  const from = Number(cursor ?? 0);
  let newest = from;
  let oldestOpen: number | undefined;
  for await (const page of runPages(api, base)) {
    const documents: Document[] = [];
    for (const run of page) {
      const id = Number(textOf(run, 'id'));
      newest = Math.max(newest, id);
      if (id < from) continue;
      if (!isSettled(run)) oldestOpen = Math.min(oldestOpen ?? id, id);
      const jobs: JsonObject[] = [];
      for await (const some of ifThere(api.pages(`${base}/actions/runs/${id}/jobs`, { limit: GITEA_PAGE }, 'jobs')))
        jobs.push(...some);
      documents.push({ key: String(id), object: { run, jobs } });
    }
    yield { documents };
  }
  yield { documents: [], cursor: String(oldestOpen ?? newest) };
}

/** Older versions, Gitea 1.23 among them, have only tasks, which are the jobs. */
async function* runPages(api: Rest, base: string): AsyncGenerator<readonly JsonObject[]> {
  const pagesOf = (what: string) =>
    api.pages(`${base}/actions/${what}`, { limit: GITEA_PAGE }, 'workflow_runs')[Symbol.asyncIterator]();
  let pages = pagesOf('runs');
  let next: IteratorResult<readonly JsonObject[]>;
  try {
    next = await pages.next();
  } catch (error) {
    if (!(error instanceof ForgeError) || error.refusal.kind !== 'disabled') throw error;
    pages = pagesOf('tasks');
    next = await pages.next();
  }
  for (; next.done !== true; next = await pages.next()) yield next.value;
}

async function* collaborators(api: Rest, base: string): AsyncGenerator<Page> {
  let denied: ForgeError | undefined;
  for await (const page of api.pages(`${base}/collaborators`, { limit: GITEA_PAGE })) {
    const documents: Document[] = [];
    for (const collaborator of page) {
      const login = textOf(collaborator, 'login');
      let permission: string | undefined;
      if (denied === undefined)
        try {
          const said = await api.get(`${base}${path`/collaborators/${login}/permission`}`);
          permission = optionalText(said, 'permission');
        } catch (error) {
          if (!(error instanceof ForgeError) || error.refusal.kind !== 'denied') throw error;
          denied = error;
        }
      documents.push({ key: login, object: { ...collaborator, ...(permission === undefined ? {} : { permission }) } });
    }
    yield { documents };
  }
  if (denied?.refusal.kind === 'denied')
    yield {
      documents: [],
      problems: [`What collaborators may do is not told: the token needs ${denied.refusal.needs}.`],
    };
}

function byId(pages: AsyncIterable<readonly JsonObject[]>): AsyncGenerator<Document[]> {
  return keyed(pages, (object) => textOf(object, 'id'));
}

function assetsOf(
  rest: (context: ReadContext) => Rest,
  holder: JsonObject,
  nameOf: (asset: JsonObject) => string,
): Asset[] {
  return listIn(holder, 'assets').flatMap((asset) => {
    // Forgejo: a link to somewhere else, which stands in the document.
    if (asset['type'] === 'external') return [];
    const size = asset['size'];
    return [
      {
        name: nameOf(asset),
        ...(typeof size === 'number' ? { size } : {}),
        version: optionalText(asset, 'uuid') ?? `${textOf(asset, 'id')} ${textOf(asset, 'created_at')}`,
        open: (context: ReadContext) => rest(context).download(pathOf(textOf(asset, 'browser_download_url'))),
      },
    ];
  });
}

/** Files that were put into texts. Two of them may have one name. */
function attachments(rest: (context: ReadContext) => Rest, holders: readonly JsonObject[]): readonly Asset[] {
  return holders.flatMap((holder) =>
    assetsOf(rest, holder, (asset) => `${textOf(asset, 'id')}-${textOf(asset, 'name')}`),
  );
}

/** Files lie below ROOT_URL; they are asked for at the address that was given. */
function pathOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}
