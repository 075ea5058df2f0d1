import { ifThere, keyed, listIn, one, optionalText, textOf } from './documents.ts';
import type { Asset, Collection, Document, JsonObject, ReadContext, Repository } from './forge.ts';
import { type GithubApi, type OwnerKind, PER_PAGE } from './github-api.ts';
import { issues, pulls } from './github-changes.ts';
import { environmentDocuments, environments } from './github-environments.ts';
import { setting } from './github-owner.ts';
import { inParts } from './github-parts.ts';
import { rulesets } from './github-rulesets.ts';
import { runs } from './github-runs.ts';
import { path, type Query } from './rest.ts';

/** What belongs to each repository. */
export function repositoryCollections(
  rest: (context: ReadContext) => GithubApi,
  kindOf: (context: ReadContext) => Promise<OwnerKind>,
): readonly Collection<Repository>[] {
  /** A collection of one list, which may lie in an object. */
  function list(
    name: Collection<Repository>['name'],
    at: string,
    key: string,
    { query = {}, under, secret = false }: { query?: Query; under?: string; secret?: boolean } = {},
  ): Collection<Repository> {
    return inParts(
      name,
      (repository, context) => [
        () =>
          keyed(rest(context).pages(`${of(repository)}${at}`, { ...query, per_page: PER_PAGE }, under), (object) =>
            textOf(object, key),
          ),
      ],
      secret,
    );
  }

  return [
    {
      name: 'issues',
      secret: false,
      reach: 'changes',
      read: (repository, cursor, context) => issues(rest(context), of(repository), cursor),
    },
    {
      name: 'pulls',
      secret: false,
      reach: 'changes',
      read: (repository, cursor, context) => pulls(rest(context), of(repository), cursor),
    },
    list('labels', '/labels', 'name'),
    list('milestones', '/milestones', 'number', { query: { state: 'all' } }),
    inParts('releases', (repository, context) => [() => releases(rest, context, of(repository))]),
    list('workflows', '/actions/workflows', 'id', { under: 'workflows' }),
    {
      name: 'runs',
      secret: false,
      reach: 'changes',
      read: (repository, cursor, context) => runs(rest(context), of(repository), cursor),
    },
    inParts('environments', (repository, context) => [() => environmentDocuments(rest(context), of(repository))]),
    inParts(
      'variables',
      (repository, context) => {
        const api = rest(context);
        const base = of(repository);
        return [
          () =>
            keyed(api.pages(`${base}/actions/variables`, { per_page: 30 }, 'variables'), (variable) =>
              textOf(variable, 'name'),
            ),
          () => inEnvironments(api, base, 'variables', 30, ''),
        ];
      },
      true,
    ),
    inParts('secrets', (repository, context) => {
      const api = rest(context);
      const base = of(repository);
      return [
        ...['actions', 'dependabot', 'codespaces'].map(
          (store) => () =>
            keyed(
              api.pages(`${base}/${store}/secrets`, { per_page: PER_PAGE }, 'secrets'),
              (secret) => `${store}/${textOf(secret, 'name')}`,
            ),
        ),
        () => inEnvironments(api, base, 'secrets', PER_PAGE, 'environment/'),
      ];
    }),
    inParts('protection', (repository, context) => [() => protection(rest(context), of(repository))]),
    inParts('rulesets', (repository, context) => [
      () => rulesets(rest(context), of(repository), { includes_parents: false }),
    ]),
    // Their addresses hold what lets anybody in.
    list('webhooks', '/hooks', 'id', { secret: true }),
    list('keys', '/keys', 'id'),
    list('members', '/collaborators', 'login', { query: { affiliation: 'all' } }),
    inParts('teams', (repository, context) => [
      async function* () {
        if ((await kindOf(context)) === 'Organization')
          yield* keyed(rest(context).pages(`${of(repository)}/teams`, { per_page: PER_PAGE }), (team) =>
            textOf(team, 'slug'),
          );
      },
    ]),
    inParts('settings', (repository, context) => {
      const api = rest(context);
      const base = of(repository);
      return [
        () => setting(api, 'actions-permissions', `${base}/actions/permissions`),
        () => setting(api, 'workflow-permissions', `${base}/actions/permissions/workflow`),
        () => setting(api, 'languages', `${base}/languages`),
        () => setting(api, 'pages', `${base}/pages`),
        () => setting(api, 'topics', `${base}/topics`),
        () => keyed(api.pages(`${base}/autolinks`), (link) => `autolink/${textOf(link, 'id')}`),
      ];
    }),
  ];
}

function of({ path: whole }: Repository): string {
  const [login = '', name = ''] = whole.split('/');
  return path`/repos/${login}/${name}`;
}

async function* releases(
  rest: (context: ReadContext) => GithubApi,
  context: ReadContext,
  base: string,
): AsyncGenerator<Document[]> {
  for await (const page of rest(context).pages(`${base}/releases`, { per_page: PER_PAGE }))
    yield page.map((release) => ({
      key: textOf(release, 'id'),
      object: release,
      assets: listIn(release, 'assets').map((asset) => assetOf(rest, asset)),
    }));
}

async function* inEnvironments(
  api: GithubApi,
  base: string,
  what: 'variables' | 'secrets',
  perPage: number,
  before: string,
): AsyncGenerator<Document[]> {
  for await (const environment of environments(api, base)) {
    const at = `${base}${path`/environments/${environment}/${what}`}`;
    for await (const page of api.pages(at, { per_page: perPage }, what))
      yield page.map((object) => ({
        key: `${before}${environment}/${textOf(object, 'name')}`,
        object: { ...object, environment },
      }));
  }
}

async function* protection(api: GithubApi, base: string): AsyncGenerator<Document[]> {
  for await (const page of api.pages(`${base}/branches`, { protected: true, per_page: PER_PAGE }))
    for (const branch of page) {
      const name = textOf(branch, 'name');
      // Protected by a ruleset alone: then it stands among those.
      for await (const rules of ifThere(one(api.get(`${base}${path`/branches/${name}/protection`}`))))
        yield [{ key: name, object: rules }];
    }
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
