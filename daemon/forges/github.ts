import { optionalText, textOf } from './documents.ts';
import type { Forge, Identity, JsonObject, ReadContext, Repository } from './forge.ts';
import { GithubApi, type OwnerKind, PER_PAGE } from './github-api.ts';
import { ownerCollections } from './github-owner.ts';
import { repositoryCollections } from './github-repository.ts';
import type { ForgeOptions } from './options.ts';
import { path } from './rest.ts';

/**
 * GitHub and GitHub Enterprise Server, through the REST API of 2022-11-28 (docs.github.com/rest, and the OpenAPI description in
 * github/rest-api-description). Values of secrets are given to nobody; those of variables are.
 */
export function githubForge(options: ForgeOptions): Forge {
  const { owner } = options;
  const rest = (context: ReadContext) => new GithubApi(options, context);
  let kind: Promise<OwnerKind> | undefined;

  function kindOf(context: ReadContext): Promise<OwnerKind> {
    kind ??= rest(context)
      .get(path`/users/${owner}`)
      .then(({ type }) => (type === 'Organization' ? 'Organization' : 'User'));
    // What failed once is asked again.
    kind.catch(() => {
      kind = undefined;
    });
    return kind;
  }

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

    ofOwner: ownerCollections(owner, rest, kindOf),
    ofRepository: repositoryCollections(rest, kindOf),
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
