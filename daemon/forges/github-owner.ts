import { keyed, one, textOf } from './documents.ts';
import type { Collection, Document, JsonObject, ReadContext } from './forge.ts';
import { type GithubApi, type OwnerKind, PER_PAGE } from './github-api.ts';
import { inParts, type Part } from './github-parts.ts';
import { rulesets } from './github-rulesets.ts';
import { path } from './rest.ts';

const PACKAGE_TYPES = ['npm', 'maven', 'rubygems', 'docker', 'nuget', 'container'] as const;

/** What belongs to the organisation or user itself. */
export function ownerCollections(
  owner: string,
  rest: (context: ReadContext) => GithubApi,
  kindOf: (context: ReadContext) => Promise<OwnerKind>,
): readonly Collection<undefined>[] {
  const organisation = path`/orgs/${owner}`;

  /** A part that organisations have; users have none of it. */
  function part(context: ReadContext, read: (api: GithubApi) => AsyncIterable<readonly Document[]>): Part {
    return async function* () {
      if ((await kindOf(context)) === 'Organization') yield* read(rest(context));
    };
  }

  async function baseOf(context: ReadContext): Promise<string> {
    return (await kindOf(context)) === 'Organization' ? organisation : path`/users/${owner}`;
  }

  return [
    inParts(
      'variables',
      (_, context) => [part(context, (api) => shared(api, `${organisation}/actions/variables`, 'variables', 30))],
      true,
    ),
    inParts('secrets', (_, context) =>
      ['actions', 'dependabot', 'codespaces'].map((store) =>
        part(context, (api) => shared(api, `${organisation}/${store}/secrets`, 'secrets', PER_PAGE, `${store}/`)),
      ),
    ),
    inParts('rulesets', (_, context) => [part(context, (api) => rulesets(api, organisation))]),
    inParts(
      'webhooks',
      (_, context) => [
        part(context, (api) =>
          keyed(api.pages(`${organisation}/hooks`, { per_page: PER_PAGE }), (hook) => textOf(hook, 'id')),
        ),
      ],
      // Their addresses hold what lets anybody in.
      true,
    ),
    inParts('members', (_, context) => [
      part(context, (api) => members(api, organisation)),
      part(context, (api) =>
        keyed(
          api.pages(`${organisation}/outside_collaborators`, { per_page: PER_PAGE }),
          (member) => `outside/${textOf(member, 'login')}`,
        ),
      ),
    ]),
    inParts('teams', (_, context) => [part(context, (api) => teams(api, organisation))]),
    inParts('projects', (_, context) => [() => projects(rest(context), baseOf(context))]),
    inParts('packages', (_, context) =>
      PACKAGE_TYPES.map((type) => () => packages(rest(context), baseOf(context), type)),
    ),
    inParts('settings', (_, context) => [
      async function* () {
        const organised = (await kindOf(context)) === 'Organization';
        const object = await rest(context).get(organised ? organisation : path`/users/${owner}`);
        yield [{ key: organised ? 'organisation' : 'user', object }];
      },
      part(context, (api) => setting(api, 'actions-permissions', `${organisation}/actions/permissions`)),
      part(context, (api) => setting(api, 'workflow-permissions', `${organisation}/actions/permissions/workflow`)),
    ]),
  ];
}

/** One object of settings. */
export async function* setting(api: GithubApi, key: string, at: string): AsyncGenerator<Document[]> {
  for await (const object of one(api.get(at))) yield [{ key, object }];
}

/** Variables or secrets of an organisation; those for chosen repositories with the names of these. */
async function* shared(
  api: GithubApi,
  at: string,
  under: string,
  perPage: number,
  before = '',
): AsyncGenerator<Document[]> {
  for await (const page of api.pages(at, { per_page: perPage }, under)) {
    const documents: Document[] = [];
    for (const object of page) {
      const name = textOf(object, 'name');
      documents.push({
        key: `${before}${name}`,
        object: await withRepositories(api, `${at}${path`/${name}`}`, object),
      });
    }
    yield documents;
  }
}

async function withRepositories(api: GithubApi, at: string, object: JsonObject): Promise<JsonObject> {
  if (object['visibility'] !== 'selected') return object;
  const chosen = await api.all(`${at}/repositories`, { per_page: PER_PAGE }, 'repositories');
  return { ...object, selected_repositories: chosen.map((repository) => textOf(repository, 'full_name')) };
}

async function* members(api: GithubApi, organisation: string): AsyncGenerator<Document[]> {
  for (const role of ['admin', 'member'])
    for await (const page of api.pages(`${organisation}/members`, { role, per_page: PER_PAGE }))
      yield page.map((member) => ({ key: textOf(member, 'login'), object: { ...member, role } }));
}

async function* teams(api: GithubApi, organisation: string): AsyncGenerator<Document[]> {
  for await (const page of api.pages(`${organisation}/teams`, { per_page: PER_PAGE }))
    for (const team of page) {
      const slug = textOf(team, 'slug');
      const at = `${organisation}${path`/teams/${slug}`}`;
      const people = await api.all(`${at}/members`, { per_page: PER_PAGE });
      const repositories = await api.all(`${at}/repos`, { per_page: PER_PAGE });
      yield [
        {
          key: slug,
          object: {
            team,
            members: people.map(({ login = null }) => login),
            repositories: repositories.map(({ full_name = null, permissions = null, role_name = null }) => ({
              full_name,
              permissions,
              role_name,
            })),
          },
        },
      ];
    }
}

async function* projects(api: GithubApi, owner: Promise<string>): AsyncGenerator<Document[]> {
  const base = await owner;
  for await (const page of api.pages(`${base}/projectsV2`, { per_page: PER_PAGE }))
    for (const project of page) {
      const number = textOf(project, 'number');
      const at = `${base}/projectsV2/${number}`;
      const fields = await api.all(`${at}/fields`, { per_page: PER_PAGE });
      const items = await api.all(`${at}/items`, { per_page: PER_PAGE });
      yield [{ key: number, object: { project, fields, items } }];
    }
}

async function* packages(api: GithubApi, owner: Promise<string>, type: string): AsyncGenerator<Document[]> {
  const base = await owner;
  for await (const page of api.pages(`${base}/packages`, { package_type: type, per_page: PER_PAGE }))
    for (const one of page) {
      const name = textOf(one, 'name');
      const versions = await api.all(`${base}${path`/packages/${type}/${name}/versions`}`, { per_page: PER_PAGE });
      yield [{ key: `${type}/${name}`, object: { package: one, versions } }];
    }
}
