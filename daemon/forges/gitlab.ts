import { ifThere, keyed, objectIn, one, optionalText, textOf, whole } from './documents.ts';
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
import { gitlabDialect } from './gitlab-dialect.ts';
import type { ForgeOptions } from './options.ts';
import { path, type Query, Rest } from './rest.ts';

const API = '/api/v4';
/** The largest page GitLab gives. */
const PER_PAGE = 100;

/**
 * GitLab, through its REST API v4 (docs.gitlab.com/api). Values of variables are given to maintainers, those that are hidden to
 * nobody. What only paid editions have is nothing elsewhere, and no problem.
 */
export function gitlabForge(options: ForgeOptions): Forge {
  const { owner } = options;
  const rest = (context: ReadContext) => new Rest(options, gitlabDialect, context);
  let base: Promise<{ readonly at: string; readonly group: boolean }> | undefined;

  /** Where the group is, or the user of that name. */
  function ownerAt(context: ReadContext): Promise<{ readonly at: string; readonly group: boolean }> {
    base ??= lookUp(rest(context), owner);
    return base;
  }

  /** A collection of groups; users have none of it. */
  async function* ofGroup<T>(
    context: ReadContext,
    read: (api: Rest, at: string) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    const { at, group } = await ownerAt(context);
    if (group) yield* read(rest(context), at);
  }

  const list = (api: Rest, at: string, query: Query = {}) => api.pages(at, { ...query, per_page: PER_PAGE });
  const project = ({ id }: Repository) => `${API}/projects/${id}`;
  const byId = (one: JsonObject) => textOf(one, 'id');

  return {
    kind: 'gitlab',

    async identify(context): Promise<Identity> {
      const api = rest(context);
      const login = textOf(await api.get(`${API}/user`), 'username');
      // Of group and project tokens too; older servers do not have it.
      for await (const token of ifThere(one(api.get(`${API}/personal_access_tokens/self`)))) {
        const { scopes } = token;
        if (Array.isArray(scopes)) return { login, scopes: scopes.map(String) };
      }
      return { login };
    },

    async *repositories(context) {
      const api = rest(context);
      const { at, group } = await ownerAt(context);
      const query = { order_by: 'id', sort: 'asc', ...(group ? { include_subgroups: true, with_shared: false } : {}) };
      for await (const page of list(api, `${at}/projects`, query)) yield page.map(repositoryOf);
    },

    ofOwner: [
      whole('labels', (_, context) =>
        ofGroup(context, (api, at) =>
          keyed(list(api, `${at}/labels`, { only_group_labels: true }), (one) => textOf(one, 'name')),
        ),
      ),
      whole('milestones', (_, context) =>
        ofGroup(context, (api, at) => keyed(list(api, `${at}/milestones`), (one) => textOf(one, 'iid'))),
      ),
      whole(
        'variables',
        (_, context) => ofGroup(context, (api, at) => keyed(list(api, `${at}/variables`), variableKey)),
        true,
      ),
      whole('webhooks', (_, context) => ofGroup(context, (api, at) => keyed(list(api, `${at}/hooks`), byId))),
      whole('members', (_, context) =>
        ofGroup(context, (api, at) => keyed(list(api, `${at}/members`), (one) => textOf(one, 'username'))),
      ),
      whole('teams', (_, context) =>
        ofGroup(context, async function* (api, at) {
          for await (const page of list(api, `${at}/descendant_groups`))
            for (const group of page) {
              const members = await api.all(`${API}/groups/${textOf(group, 'id')}/members`, { per_page: PER_PAGE });
              yield [{ key: textOf(group, 'full_path'), object: { group, members } }];
            }
        }),
      ),
      whole('projects', (_, context) =>
        ofGroup(context, async function* (api, at) {
          yield* ifThere(keyed(list(api, `${at}/boards`), (one) => `board/${byId(one)}`));
          yield* ifThere(keyed(list(api, `${at}/epics`), (one) => `epic/${textOf(one, 'iid')}`));
        }),
      ),
      whole('settings', (_, context) =>
        ofGroup(context, async function* (api, at) {
          yield [{ key: 'group', object: await api.get(at, { with_projects: false }) }];
        }),
      ),
    ],

    ofRepository: [
      {
        name: 'issues',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), `${project(repository)}/issues`, { scope: 'all' }, cursor, async (api, issue) => {
            const iid = textOf(issue, 'iid');
            const discussions = await api.all(`${project(repository)}/issues/${iid}/discussions`, {
              per_page: PER_PAGE,
            });
            return { key: iid, object: { issue, discussions } };
          }),
      },
      {
        name: 'pulls',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(
            rest(context),
            `${project(repository)}/merge_requests`,
            { scope: 'all', state: 'all' },
            cursor,
            async (api, listed) => {
              const iid = textOf(listed, 'iid');
              const at = `${project(repository)}/merge_requests/${iid}`;
              const request = await api.get(at);
              const discussions = await api.all(`${at}/discussions`, { per_page: PER_PAGE });
              let approvals: JsonObject | null = null;
              for await (const found of ifThere(one(api.get(`${at}/approvals`)))) approvals = found;
              return { key: iid, object: { merge_request: request, discussions, approvals } };
            },
          ),
      },
      whole('labels', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/labels`, { include_ancestor_groups: false }), (one) =>
          textOf(one, 'name'),
        ),
      ),
      whole('milestones', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/milestones`), (one) => textOf(one, 'iid')),
      ),
      whole('releases', async function* (repository, context) {
        for await (const page of list(rest(context), `${project(repository)}/releases`))
          yield page.map((release) => ({
            key: textOf(release, 'tag_name'),
            object: release,
            assets: assetsOf(release, options.url, rest),
          }));
      }),
      // Without their variables, which are of class secret and stand among those.
      whole('workflows', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/pipeline_schedules`), byId),
      ),
      {
        name: 'runs',
        secret: false,
        reach: 'changes',
        read: (repository, cursor, context) =>
          changes(rest(context), `${project(repository)}/pipelines`, {}, cursor, async (api, pipeline) => {
            const id = byId(pipeline);
            const jobs = await api.all(`${project(repository)}/pipelines/${id}/jobs`, {
              include_retried: true,
              per_page: PER_PAGE,
            });
            return { key: id, object: { pipeline, jobs } };
          }),
      },
      whole('environments', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/environments`), (one) => textOf(one, 'name')),
      ),
      whole(
        'variables',
        async function* (repository, context) {
          const api = rest(context);
          yield* keyed(list(api, `${project(repository)}/variables`), variableKey);
          for await (const page of ifThere(list(api, `${project(repository)}/pipeline_schedules`)))
            for (const schedule of page) {
              const id = byId(schedule);
              const whole = await api.get(`${project(repository)}/pipeline_schedules/${id}`);
              const variables = Array.isArray(whole['variables']) ? (whole['variables'] as JsonObject[]) : [];
              yield variables.map((one) => ({
                key: `schedule ${id}/${textOf(one, 'key')}`,
                object: { ...one, schedule: id },
              }));
            }
        },
        true,
      ),
      whole('protection', async function* (repository, context) {
        const api = rest(context);
        const at = project(repository);
        yield* keyed(list(api, `${at}/protected_branches`), (one) => `branch/${textOf(one, 'name')}`);
        yield* keyed(list(api, `${at}/protected_tags`), (one) => `tag/${textOf(one, 'name')}`);
        yield* ifThere(keyed(list(api, `${at}/protected_environments`), (one) => `environment/${textOf(one, 'name')}`));
        yield* ifThere(keyed(list(api, `${at}/approval_rules`), (one) => `approval/${byId(one)}`));
      }),
      whole('rulesets', async function* (repository, context) {
        for await (const rule of ifThere(one(rest(context).get(`${project(repository)}/push_rule`))))
          yield [{ key: 'push-rule', object: rule }];
      }),
      whole('webhooks', (repository, context) => keyed(list(rest(context), `${project(repository)}/hooks`), byId)),
      whole('keys', async function* (repository, context) {
        const api = rest(context);
        yield* keyed(list(api, `${project(repository)}/deploy_keys`), (one) => `key/${byId(one)}`);
        yield* keyed(list(api, `${project(repository)}/deploy_tokens`), (one) => `token/${byId(one)}`);
      }),
      whole('members', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/members`), (one) => textOf(one, 'username')),
      ),
      whole('projects', (repository, context) =>
        keyed(list(rest(context), `${project(repository)}/boards`), (one) => `board/${byId(one)}`),
      ),
      whole('packages', async function* (repository, context) {
        const api = rest(context);
        yield* ifThere(keyed(list(api, `${project(repository)}/packages`), (one) => `package/${byId(one)}`));
        yield* ifThere(
          keyed(
            list(api, `${project(repository)}/registry/repositories`, { tags: true }),
            (one) => `registry/${byId(one)}`,
          ),
        );
      }),
      whole('settings', async function* (repository, context) {
        const api = rest(context);
        const at = project(repository);
        yield [{ key: 'project', object: await api.get(at) }];
        for (const key of ['job_token_scope', 'pages'])
          for await (const object of ifThere(one(api.get(`${at}/${key}`)))) yield [{ key, object }];
        yield* ifThere(keyed(list(api, `${at}/integrations`), (one) => `integration/${textOf(one, 'slug')}`));
      }),
    ],
  };
}

async function lookUp(api: Rest, owner: string): Promise<{ readonly at: string; readonly group: boolean }> {
  for await (const group of ifThere(one(api.get(path`/api/v4/groups/${owner}`, { with_projects: false }))))
    return { at: `${API}/groups/${textOf(group, 'id')}`, group: true };
  const [user] = await api.all(`${API}/users`, { username: owner });
  if (user === undefined)
    throw new ForgeError({ kind: 'absent' }, `there is no group or user ${owner}, or this token does not see it`);
  return { at: `${API}/users/${textOf(user, 'id')}`, group: false };
}

function repositoryOf(object: JsonObject): Repository {
  const cloneUrl = textOf(object, 'http_url_to_repo');
  const visibility = optionalText(object, 'visibility');
  const hasWiki =
    object['wiki_access_level'] === undefined
      ? object['wiki_enabled'] === true
      : object['wiki_access_level'] !== 'disabled';
  return {
    id: textOf(object, 'id'),
    path: textOf(object, 'path_with_namespace'),
    cloneUrl,
    ...(hasWiki ? { wikiUrl: cloneUrl.replace(/(\.git)?$/, '.wiki.git') } : {}),
    visibility: visibility === 'public' || visibility === 'internal' ? visibility : 'private',
    archived: object['archived'] === true,
    object,
  };
}

/** What has changed, in its order; each page starts from the last change of the page before, as what changes moves to the end. */
async function* changes(
  api: Rest,
  at: string,
  query: Query,
  cursor: string | undefined,
  documentOf: (api: Rest, listed: JsonObject) => Promise<Document>,
): AsyncGenerator<Page> {
  let since = cursor;
  let page = 1;
  for (;;) {
    const asked = { ...query, order_by: 'updated_at', sort: 'asc', per_page: PER_PAGE, page, updated_after: since };
    let listed: readonly JsonObject[] = [];
    for await (const found of api.pages(at, asked)) {
      listed = found;
      break;
    }
    const documents: Document[] = [];
    for (const one of listed) documents.push(await documentOf(api, one));
    const last = listed.at(-1);
    const until = last === undefined ? since : textOf(last, 'updated_at');
    yield { documents, ...(until === undefined ? {} : { cursor: until }) };
    if (listed.length < PER_PAGE) return;
    page = until === since ? page + 1 : 1;
    since = until;
  }
}

/** A variable may be there once for each scope of environments. */
function variableKey(variable: JsonObject): string {
  const scope = optionalText(variable, 'environment_scope') ?? '*';
  return scope === '*' ? textOf(variable, 'key') : `${scope}/${textOf(variable, 'key')}`;
}

/** Files that were uploaded here. What a release only points at lies elsewhere, and the token does not go there. */
function assetsOf(release: JsonObject, url: string, rest: (context: ReadContext) => Rest): Asset[] {
  const links = objectIn(release, 'assets')?.['links'];
  return (Array.isArray(links) ? (links as JsonObject[]) : []).flatMap((link): Asset[] => {
    const address = optionalText(link, 'url') ?? '';
    if (!URL.canParse(address) || new URL(address).origin !== new URL(url).origin) return [];
    return [
      {
        name: `${textOf(link, 'id')}-${textOf(link, 'name')}`,
        version: `${textOf(link, 'id')} ${address}`,
        open: (context) => rest(context).download(address),
      },
    ];
  });
}
