import { ifThere, keyed, listIn, one, optionalText, textOf, whole } from './documents.ts';
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
import { giteaDialect } from './gitea-dialect.ts';
import type { ForgeOptions } from './options.ts';
import { path, type Query, Rest } from './rest.ts';

const API = '/api/v1';
/** What a server allows at most unless it was set up otherwise (`[api] MAX_RESPONSE_ITEMS`). */
const LIMIT = 50;

/**
 * Gitea and Forgejo, through their REST API v1 (docs.gitea.com/api, and a server's own /api/swagger). Older servers lack
 * actions, variables and packages: then there is nothing of these, and no problem.
 */
export function giteaForge(options: ForgeOptions): Forge {
  const { owner } = options;
  const rest = (context: ReadContext) => new Rest(options, giteaDialect, context);
  let isOrganisation: Promise<boolean> | undefined;

  function organisation(context: ReadContext): Promise<boolean> {
    isOrganisation ??= (async () => {
      for await (const _ of ifThere(one(rest(context).get(path`/api/v1/orgs/${owner}`)))) return true;
      for await (const _ of ifThere(one(rest(context).get(path`/api/v1/users/${owner}`)))) return false;
      throw new ForgeError(
        { kind: 'absent' },
        `there is no organisation or user ${owner}, or this token does not see it`,
      );
    })();
    return isOrganisation;
  }

  async function* ofOrganisation<T>(
    context: ReadContext,
    read: (api: Rest, at: string) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    if (await organisation(context)) yield* read(rest(context), path`/api/v1/orgs/${owner}`);
  }

  const list = (api: Rest, at: string, query: Query = {}, under?: string) =>
    api.pages(at, { ...query, limit: LIMIT }, under);
  const at = ({ path: whole }: Repository) => {
    const [login = '', name = ''] = whole.split('/');
    return path`/api/v1/repos/${login}/${name}`;
  };
  const byId = (one: JsonObject) => textOf(one, 'id');
  const byName = (one: JsonObject) => textOf(one, 'name');

  return {
    kind: 'gitea',

    async identify(context): Promise<Identity> {
      return { login: textOf(await rest(context).get(`${API}/user`), 'login') };
    },

    async *repositories(context) {
      const api = rest(context);
      const base = (await organisation(context)) ? path`/api/v1/orgs/${owner}` : path`/api/v1/users/${owner}`;
      for await (const page of list(api, `${base}/repos`)) yield page.map(repositoryOf);
    },

    ofOwner: [
      whole('labels', (_, context) => ofOrganisation(context, (api, base) => keyed(list(api, `${base}/labels`), byId))),
      whole(
        'variables',
        (_, context) =>
          ofOrganisation(context, (api, base) => ifThere(keyed(list(api, `${base}/actions/variables`), byName))),
        true,
      ),
      whole('secrets', (_, context) =>
        ofOrganisation(context, (api, base) => ifThere(keyed(list(api, `${base}/actions/secrets`), byName))),
      ),
      whole('webhooks', (_, context) =>
        ofOrganisation(context, (api, base) => keyed(list(api, `${base}/hooks`), byId)),
      ),
      whole('members', (_, context) =>
        ofOrganisation(context, (api, base) => keyed(list(api, `${base}/members`), (one) => textOf(one, 'login'))),
      ),
      whole('teams', (_, context) =>
        ofOrganisation(context, async function* (api, base) {
          for await (const page of list(api, `${base}/teams`))
            for (const team of page) {
              const members = await api.all(`${API}/teams/${byId(team)}/members`, { limit: LIMIT });
              const repositories = await api.all(`${API}/teams/${byId(team)}/repos`, { limit: LIMIT });
              yield [
                {
                  key: textOf(team, 'name'),
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
      whole('packages', (_, context) =>
        ifThere(
          keyed(
            list(rest(context), path`/api/v1/packages/${owner}`),
            (one) => `${textOf(one, 'type')}/${byName(one)}/${textOf(one, 'version')}`,
          ),
        ),
      ),
      whole('settings', (_, context) =>
        ofOrganisation(context, async function* (api, base) {
          yield [{ key: 'organisation', object: await api.get(base) }];
        }),
      ),
    ],

    ofRepository: [
      {
        name: 'issues',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), at(repository), 'issues', cursor, async (api, issue) => ({
            key: textOf(issue, 'number'),
            object: { issue, comments: await commentsOf(api, at(repository), issue) },
          })),
      },
      {
        name: 'pulls',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), at(repository), 'pulls', cursor, async (api, issue) => {
            const number = textOf(issue, 'number');
            const pull = await api.get(`${at(repository)}/pulls/${number}`);
            const reviews = await api.all(`${at(repository)}/pulls/${number}/reviews`, { limit: LIMIT });
            const whole: JsonObject[] = [];
            for (const review of reviews) {
              const comments =
                review['comments_count'] === 0
                  ? []
                  : await api.all(`${at(repository)}/pulls/${number}/reviews/${byId(review)}/comments`);
              whole.push({ ...review, comments });
            }
            return {
              key: number,
              object: { issue, pull, comments: await commentsOf(api, at(repository), issue), reviews: whole },
            };
          }),
      },
      whole('labels', (repository, context) => keyed(list(rest(context), `${at(repository)}/labels`), byId)),
      whole('milestones', (repository, context) =>
        keyed(list(rest(context), `${at(repository)}/milestones`, { state: 'all' }), byId),
      ),
      whole('releases', async function* (repository, context) {
        for await (const page of list(rest(context), `${at(repository)}/releases`))
          yield page.map((release) => ({
            key: byId(release),
            object: release,
            assets: listIn(release, 'assets').map((asset) => assetOf(asset, rest)),
          }));
      }),
      whole('workflows', (repository, context) =>
        ifThere(keyed(list(rest(context), `${at(repository)}/actions/workflows`, {}, 'workflows'), byId)),
      ),
      {
        name: 'runs',
        secret: false,
        reach: 'changes',
        async *read(repository, _cursor, context): AsyncGenerator<Page> {
          // Not to be asked for by time: known ones are what they were, and cost no write.
          for await (const page of ifThere(list(rest(context), `${at(repository)}/actions/tasks`, {}, 'workflow_runs')))
            yield { documents: page.map((run) => ({ key: byId(run), object: { run } })) };
        },
      },
      whole(
        'variables',
        (repository, context) => ifThere(keyed(list(rest(context), `${at(repository)}/actions/variables`), byName)),
        true,
      ),
      whole('secrets', (repository, context) =>
        ifThere(keyed(list(rest(context), `${at(repository)}/actions/secrets`), byName)),
      ),
      whole('protection', async function* (repository, context) {
        const api = rest(context);
        for await (const page of api.pages(`${at(repository)}/branch_protections`))
          yield page.map((one) => ({ key: `branch/${textOf(one, 'rule_name')}`, object: one }));
        yield* ifThere(keyed(api.pages(`${at(repository)}/tag_protections`), (one) => `tag/${byId(one)}`));
      }),
      whole('webhooks', (repository, context) => keyed(list(rest(context), `${at(repository)}/hooks`), byId)),
      whole('keys', (repository, context) => keyed(list(rest(context), `${at(repository)}/keys`), byId)),
      whole('members', async function* (repository, context) {
        const api = rest(context);
        for await (const page of list(api, `${at(repository)}/collaborators`)) {
          const documents: Document[] = [];
          for (const member of page) {
            const login = textOf(member, 'login');
            const permission = await api.get(`${at(repository)}${path`/collaborators/${login}/permission`}`);
            documents.push({ key: login, object: { ...member, permission: permission['permission'] ?? null } });
          }
          yield documents;
        }
      }),
      whole('teams', (repository, context) => ifThere(keyed(rest(context).pages(`${at(repository)}/teams`), byName))),
      whole('settings', async function* (repository, context) {
        const api = rest(context);
        yield [{ key: 'repository', object: await api.get(at(repository)) }];
        for await (const object of ifThere(one(api.get(`${at(repository)}/topics`)))) yield [{ key: 'topics', object }];
        for await (const object of ifThere(one(api.get(`${at(repository)}/languages`))))
          yield [{ key: 'languages', object }];
        yield* ifThere(
          keyed(list(api, `${at(repository)}/push_mirrors`), (mirror) => `mirror/${textOf(mirror, 'remote_name')}`),
        );
      }),
    ],
  };
}

function repositoryOf(object: JsonObject): Repository {
  const cloneUrl = textOf(object, 'clone_url');
  return {
    id: textOf(object, 'id'),
    path: textOf(object, 'full_name'),
    cloneUrl,
    ...(object['has_wiki'] === true ? { wikiUrl: cloneUrl.replace(/(\.git)?$/, '.wiki.git') } : {}),
    visibility: object['internal'] === true ? 'internal' : object['private'] === true ? 'private' : 'public',
    archived: object['archived'] === true,
    object,
  };
}

/**
 * Issues or pull requests changed since the cursor. Gitea lists the newest first and by no other order that a time could be read
 * from, so the cursor is known only when all of them have been read: the latest change of any.
 */
async function* changes(
  api: Rest,
  base: string,
  type: 'issues' | 'pulls',
  cursor: string | undefined,
  documentOf: (api: Rest, issue: JsonObject) => Promise<Document>,
): AsyncGenerator<Page> {
  let latest = cursor;
  for await (const page of api.pages(`${base}/issues`, { state: 'all', type, since: cursor, limit: LIMIT })) {
    const documents: Document[] = [];
    for (const issue of page) {
      documents.push(await documentOf(api, issue));
      const changed = textOf(issue, 'updated_at');
      if (latest === undefined || changed > latest) latest = changed;
    }
    yield { documents };
  }
  yield { documents: [], ...(latest === undefined ? {} : { cursor: latest }) };
}

async function commentsOf(api: Rest, base: string, issue: JsonObject): Promise<JsonObject[]> {
  return issue['comments'] === 0 ? [] : api.all(`${base}/issues/${textOf(issue, 'number')}/comments`);
}

function assetOf(asset: JsonObject, rest: (context: ReadContext) => Rest): Asset {
  const size = asset['size'];
  return {
    name: textOf(asset, 'name'),
    ...(typeof size === 'number' ? { size } : {}),
    version: optionalText(asset, 'uuid') ?? textOf(asset, 'id'),
    open: (context) => rest(context).download(textOf(asset, 'browser_download_url')),
  };
}
