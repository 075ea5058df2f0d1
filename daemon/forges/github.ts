import { isoTime, parseTime } from '../base/clock.ts';
import { ifThere, isObject, keyed, listIn, one, optionalText, textOf, whole } from './documents.ts';
import type { Asset, Document, Forge, Identity, JsonObject, Page, ReadContext, Repository } from './forge.ts';
import { GithubApi } from './github-api.ts';
import type { ForgeOptions } from './options.ts';
import { path } from './rest.ts';

/** The largest page GitHub gives. */
export const PER_PAGE = 100;
/** Runs older than this do not change any more: GitHub ends a workflow run after 35 days, and gives it 30 to wait. */
const RUNS_SETTLE_DAYS = 65;
const PACKAGE_TYPES = ['npm', 'maven', 'rubygems', 'docker', 'nuget', 'container'] as const;

/**
 * GitHub and GitHub Enterprise Server, through the REST API of 2022-11-28 (docs.github.com/rest, and the OpenAPI description in
 * github/rest-api-description). Values of secrets are given to nobody; those of variables are.
 */
export function githubForge(options: ForgeOptions): Forge {
  const { owner } = options;
  const rest = (context: ReadContext) => new GithubApi(options, context);
  let kind: Promise<'Organization' | 'User'> | undefined;

  function kindOf(context: ReadContext): Promise<'Organization' | 'User'> {
    kind ??= rest(context)
      .get(path`/users/${owner}`)
      .then(({ type }) => (type === 'Organization' ? 'Organization' : 'User'));
    return kind;
  }

  /** A collection of organisations; users have none of it. */
  async function* ofOrganisation<T>(context: ReadContext, read: () => AsyncIterable<T>): AsyncGenerator<T> {
    if ((await kindOf(context)) === 'Organization') yield* read();
  }

  const of = ({ path: whole }: Repository) => {
    const [login = '', name = ''] = whole.split('/');
    return path`/repos/${login}/${name}`;
  };

  return {
    kind: 'github',

    identify: (context) => identify(rest(context)),

    async *repositories(context) {
      const api = rest(context);
      const isOrganisation = (await kindOf(context)) === 'Organization';
      const me = isOrganisation ? undefined : textOf(await api.get('/user'), 'login');
      // Only whoever asks for its own repositories is shown the private ones.
      const list = isOrganisation
        ? api.pages(path`/orgs/${owner}/repos`, { type: 'all', per_page: PER_PAGE })
        : me?.toLowerCase() === owner.toLowerCase()
          ? api.pages('/user/repos', { affiliation: 'owner', per_page: PER_PAGE })
          : api.pages(path`/users/${owner}/repos`, { type: 'owner', per_page: PER_PAGE });
      for await (const page of list) yield page.map(repositoryOf);
    },

    ofOwner: [
      whole(
        'variables',
        (_, context) =>
          ofOrganisation(context, () =>
            keyed(rest(context).pages(path`/orgs/${owner}/actions/variables`, { per_page: 30 }, 'variables'), (one) =>
              textOf(one, 'name'),
            ),
          ),
        true,
      ),
      whole('secrets', (_, context) =>
        ofOrganisation(context, async function* () {
          for (const store of ['actions', 'dependabot', 'codespaces'])
            yield* ifThere(
              keyed(
                rest(context).pages(`${path`/orgs/${owner}`}/${store}/secrets`, { per_page: PER_PAGE }, 'secrets'),
                (one) => `${store}/${textOf(one, 'name')}`,
              ),
            );
        }),
      ),
      whole('rulesets', (_, context) => ofOrganisation(context, () => rulesets(rest(context), path`/orgs/${owner}`))),
      whole('webhooks', (_, context) =>
        ofOrganisation(context, () =>
          keyed(rest(context).pages(path`/orgs/${owner}/hooks`, { per_page: PER_PAGE }), (one) => textOf(one, 'id')),
        ),
      ),
      whole('members', (_, context) =>
        ofOrganisation(context, async function* () {
          const api = rest(context);
          for (const role of ['admin', 'member'])
            for await (const page of api.pages(path`/orgs/${owner}/members`, { role, per_page: PER_PAGE }))
              yield page.map((member) => ({ key: textOf(member, 'login'), object: { ...member, role } }));
          yield* ifThere(
            keyed(
              api.pages(path`/orgs/${owner}/outside_collaborators`, { per_page: PER_PAGE }),
              (one) => `outside/${textOf(one, 'login')}`,
            ),
          );
        }),
      ),
      whole('teams', (_, context) =>
        ofOrganisation(context, async function* () {
          const api = rest(context);
          for await (const page of api.pages(path`/orgs/${owner}/teams`, { per_page: PER_PAGE }))
            for (const team of page) {
              const slug = textOf(team, 'slug');
              const at = path`/orgs/${owner}/teams/${slug}`;
              const members = await api.all(`${at}/members`, { per_page: PER_PAGE });
              const repositories = await api.all(`${at}/repos`, { per_page: PER_PAGE });
              yield [
                {
                  key: slug,
                  object: {
                    team,
                    members: members.map(({ login = null }) => login),
                    repositories: repositories.map(({ full_name = null, permissions = null, role_name = null }) => ({
                      full_name,
                      permissions,
                      role_name,
                    })),
                  },
                },
              ];
            }
        }),
      ),
      whole('projects', async function* (_, context) {
        const api = rest(context);
        const base = (await kindOf(context)) === 'Organization' ? path`/orgs/${owner}` : path`/users/${owner}`;
        for await (const page of api.pages(`${base}/projectsV2`, { per_page: PER_PAGE }))
          for (const project of page) {
            const number = textOf(project, 'number');
            const at = `${base}/projectsV2/${number}`;
            const fields = await api.all(`${at}/fields`, { per_page: PER_PAGE });
            const items = await api.all(`${at}/items`, { per_page: PER_PAGE });
            yield [{ key: number, object: { project, fields, items } }];
          }
      }),
      whole('packages', async function* (_, context) {
        const api = rest(context);
        const base = (await kindOf(context)) === 'Organization' ? path`/orgs/${owner}` : path`/users/${owner}`;
        for (const type of PACKAGE_TYPES)
          for await (const page of ifThere(api.pages(`${base}/packages`, { package_type: type, per_page: PER_PAGE })))
            for (const one of page) {
              const name = textOf(one, 'name');
              const versions = await api.all(`${base}${path`/packages/${type}/${name}/versions`}`, {
                per_page: PER_PAGE,
              });
              yield [{ key: `${type}/${name}`, object: { package: one, versions } }];
            }
      }),
      whole('settings', async function* (_, context) {
        const api = rest(context);
        if ((await kindOf(context)) === 'User') {
          yield [{ key: 'user', object: await api.get(path`/users/${owner}`) }];
          return;
        }
        yield [{ key: 'organisation', object: await api.get(path`/orgs/${owner}`) }];
        yield* settings(api, path`/orgs/${owner}`, {
          'actions-permissions': '/actions/permissions',
          'workflow-permissions': '/actions/permissions/workflow',
        });
      }),
    ],

    ofRepository: [
      {
        name: 'issues',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), of(repository), cursor, async (api, issue) =>
            isObject(issue['pull_request']) ? undefined : issueDocument(api, of(repository), issue),
          ),
      },
      {
        name: 'pulls',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), of(repository), cursor, async (api, issue) =>
            isObject(issue['pull_request']) ? pullDocument(api, of(repository), issue) : undefined,
          ),
      },
      whole('labels', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/labels`, { per_page: PER_PAGE }), (one) => textOf(one, 'name')),
      ),
      whole('milestones', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/milestones`, { state: 'all', per_page: PER_PAGE }), (one) =>
          textOf(one, 'number'),
        ),
      ),
      whole('releases', async function* (repository, context) {
        const api = rest(context);
        for await (const page of api.pages(`${of(repository)}/releases`, { per_page: PER_PAGE }))
          yield page.map((release) => ({
            key: textOf(release, 'id'),
            object: release,
            assets: listIn(release, 'assets').map((asset) => assetOf(rest, asset)),
          }));
      }),
      whole('workflows', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/actions/workflows`, { per_page: PER_PAGE }, 'workflows'), (one) =>
          textOf(one, 'id'),
        ),
      ),
      {
        name: 'runs',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) => runs(rest(context), of(repository), cursor),
      },
      whole('environments', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/environments`, { per_page: PER_PAGE }, 'environments'), (one) =>
          textOf(one, 'name'),
        ),
      ),
      whole(
        'variables',
        async function* (repository, context) {
          const api = rest(context);
          yield* keyed(api.pages(`${of(repository)}/actions/variables`, { per_page: 30 }, 'variables'), (one) =>
            textOf(one, 'name'),
          );
          for await (const environment of environments(api, of(repository)))
            for await (const page of api.pages(
              `${of(repository)}${path`/environments/${environment}/variables`}`,
              { per_page: 30 },
              'variables',
            ))
              yield page.map((one) => ({
                key: `${environment}/${textOf(one, 'name')}`,
                object: { ...one, environment },
              }));
        },
        true,
      ),
      whole('secrets', async function* (repository, context) {
        const api = rest(context);
        for (const store of ['actions', 'dependabot', 'codespaces'])
          yield* ifThere(
            keyed(
              api.pages(`${of(repository)}/${store}/secrets`, { per_page: PER_PAGE }, 'secrets'),
              (one) => `${store}/${textOf(one, 'name')}`,
            ),
          );
        for await (const environment of environments(api, of(repository)))
          for await (const page of api.pages(
            `${of(repository)}${path`/environments/${environment}/secrets`}`,
            { per_page: PER_PAGE },
            'secrets',
          ))
            yield page.map((one) => ({
              key: `environment/${environment}/${textOf(one, 'name')}`,
              object: { ...one, environment },
            }));
      }),
      whole('protection', async function* (repository, context) {
        const api = rest(context);
        for await (const page of api.pages(`${of(repository)}/branches`, { protected: true, per_page: PER_PAGE }))
          for (const branch of page) {
            const name = textOf(branch, 'name');
            // Protected by a ruleset alone: then it stands among those.
            for await (const protection of ifThere(
              one(api.get(`${of(repository)}${path`/branches/${name}/protection`}`)),
            ))
              yield [{ key: name, object: protection }];
          }
      }),
      whole('rulesets', (repository, context) => rulesets(rest(context), of(repository), { includes_parents: false })),
      whole('webhooks', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/hooks`, { per_page: PER_PAGE }), (one) => textOf(one, 'id')),
      ),
      whole('keys', (repository, context) =>
        keyed(rest(context).pages(`${of(repository)}/keys`, { per_page: PER_PAGE }), (one) => textOf(one, 'id')),
      ),
      whole('members', (repository, context) =>
        keyed(
          rest(context).pages(`${of(repository)}/collaborators`, { affiliation: 'all', per_page: PER_PAGE }),
          (one) => textOf(one, 'login'),
        ),
      ),
      whole('teams', (repository, context) =>
        ofOrganisation(context, () =>
          keyed(rest(context).pages(`${of(repository)}/teams`, { per_page: PER_PAGE }), (one) => textOf(one, 'slug')),
        ),
      ),
      whole('settings', async function* (repository, context) {
        const api = rest(context);
        yield* settings(api, of(repository), {
          'actions-permissions': '/actions/permissions',
          'workflow-permissions': '/actions/permissions/workflow',
          languages: '/languages',
          pages: '/pages',
          topics: '/topics',
        });
        for await (const page of ifThere(
          keyed(api.pages(`${of(repository)}/autolinks`), (one) => `autolink/${textOf(one, 'id')}`),
        ))
          yield page;
      }),
    ],
  };
}

/** Whose token it is, and of a classic one its scopes. */
export async function identify(api: GithubApi): Promise<Identity> {
  const { object, headers } = await api.getWithHeaders('/user');
  const scopes = headers.get('x-oauth-scopes');
  return {
    login: textOf(object, 'login'),
    ...(scopes === null ? {} : { scopes: scopes.split(',').flatMap((scope) => scope.trim() || []) }),
  };
}

function repositoryOf(object: JsonObject): Repository {
  const cloneUrl = textOf(object, 'clone_url');
  const visibility = optionalText(object, 'visibility');
  return {
    id: textOf(object, 'id'),
    path: textOf(object, 'full_name'),
    cloneUrl,
    ...(object['has_wiki'] === true ? { wikiUrl: cloneUrl.replace(/(\.git)?$/, '.wiki.git') } : {}),
    visibility:
      visibility === 'public' || visibility === 'internal'
        ? visibility
        : object['private'] === false
          ? 'public'
          : 'private',
    archived: object['archived'] === true,
    object,
  };
}

/**
 * Issues and pull requests, which GitHub numbers together and lists by their last change. What changes while it is read moves to the end
 * and draws the rest forward; so each page starts from the last change of the page before, and not at a place in the list.
 */
async function* changes(
  api: GithubApi,
  base: string,
  cursor: string | undefined,
  documentOf: (api: GithubApi, issue: JsonObject) => Promise<Document | undefined>,
): AsyncGenerator<Page> {
  let since = cursor;
  let page = 1;
  for (;;) {
    const query = { state: 'all', sort: 'updated', direction: 'asc', per_page: PER_PAGE, page, since };
    const [issues = []] = await first(api.pages(`${base}/issues`, query));
    const documents: Document[] = [];
    for (const issue of issues) {
      const document = await documentOf(api, issue);
      if (document !== undefined) documents.push(document);
    }
    const last = issues.at(-1);
    const until = last === undefined ? since : textOf(last, 'updated_at');
    yield { documents, ...(until === undefined ? {} : { cursor: until }) };
    if (issues.length < PER_PAGE) return;
    page = until === since ? page + 1 : 1;
    since = until;
  }
}

async function issueDocument(api: GithubApi, base: string, issue: JsonObject): Promise<Document> {
  const number = textOf(issue, 'number');
  const comments =
    issue['comments'] === 0 ? [] : await api.all(`${base}/issues/${number}/comments`, { per_page: PER_PAGE });
  return { key: number, object: { issue, comments } };
}

async function pullDocument(api: GithubApi, base: string, issue: JsonObject): Promise<Document> {
  const number = textOf(issue, 'number');
  const pull = await api.get(`${base}/pulls/${number}`);
  const comments =
    issue['comments'] === 0 ? [] : await api.all(`${base}/issues/${number}/comments`, { per_page: PER_PAGE });
  const reviews = await api.all(`${base}/pulls/${number}/reviews`, { per_page: PER_PAGE });
  const reviewComments =
    pull['review_comments'] === 0 ? [] : await api.all(`${base}/pulls/${number}/comments`, { per_page: PER_PAGE });
  return { key: number, object: { issue, pull, comments, reviews, review_comments: reviewComments } };
}

/** Workflow runs with their jobs, newest first, back to those that were settled when it was read last. */
async function* runs(api: GithubApi, base: string, cursor: string | undefined): AsyncGenerator<Page> {
  let newest: string | undefined;
  for await (const page of api.pages(`${base}/actions/runs`, { per_page: PER_PAGE }, 'workflow_runs')) {
    const fresh = cursor === undefined ? page : page.filter((run) => textOf(run, 'created_at') >= cursor);
    newest ??= page[0] && textOf(page[0], 'created_at');
    const documents: Document[] = [];
    for (const run of fresh) {
      const id = textOf(run, 'id');
      const jobs = await api.all(`${base}/actions/runs/${id}/jobs`, { filter: 'all', per_page: PER_PAGE }, 'jobs');
      documents.push({ key: id, object: { run, jobs } });
    }
    yield { documents };
    if (fresh.length < page.length) break;
  }
  // Only now: the list goes backwards, so that half of it says nothing about what is behind.
  if (newest !== undefined) yield { documents: [], cursor: daysBefore(newest, RUNS_SETTLE_DAYS) };
}

async function* rulesets(
  api: GithubApi,
  base: string,
  query: Record<string, boolean> = {},
): AsyncGenerator<Document[]> {
  for await (const page of api.pages(`${base}/rulesets`, { ...query, per_page: PER_PAGE }))
    for (const { id } of page) {
      const ruleset = await api.get(`${base}/rulesets/${String(id)}`);
      yield [{ key: String(id), object: ruleset }];
    }
}

async function* settings(
  api: GithubApi,
  base: string,
  paths: Readonly<Record<string, string>>,
): AsyncGenerator<Document[]> {
  for (const [key, at] of Object.entries(paths))
    for await (const object of ifThere(one(api.get(`${base}${at}`)))) yield [{ key, object }];
}

/** Names of the environments of the repository at `base`, where it has any. */
export async function* environments(api: GithubApi, base: string): AsyncGenerator<string> {
  for await (const page of ifThere(api.pages(`${base}/environments`, { per_page: PER_PAGE }, 'environments')))
    for (const environment of page) yield textOf(environment, 'name');
}

function assetOf(rest: (context: ReadContext) => GithubApi, asset: JsonObject): Asset {
  const size = asset['size'];
  const digest = optionalText(asset, 'digest');
  return {
    name: textOf(asset, 'name'),
    ...(typeof size === 'number' ? { size } : {}),
    version: digest ?? `${textOf(asset, 'id')} ${textOf(asset, 'updated_at')}`,
    open: (context) => rest(context).download(textOf(asset, 'url')),
  };
}

async function first<T>(items: AsyncIterable<T>): Promise<T[]> {
  for await (const item of items) return [item];
  return [];
}

/** `time` is RFC 3339; so is what comes of it. */
function daysBefore(time: string, days: number): string {
  const wall = parseTime(time);
  return wall === undefined ? time : isoTime(wall - days * 86_400_000);
}
