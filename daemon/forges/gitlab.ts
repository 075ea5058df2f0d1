import { isObject, optionalText, textOf } from './documents.ts';
import { type Forge, ForgeError, type Identity, type JsonObject, type ReadContext, type Repository } from './forge.ts';
import { GitlabApi } from './gitlab-api.ts';
import { plainAsk } from './gitlab-collection.ts';
import { idOf, texts, withoutTokens } from './gitlab-json.ts';
import { findOwner, type Owner, ownerCollections } from './gitlab-owner.ts';
import { pages } from './gitlab-pages.ts';
import { repositoryCollections } from './gitlab-repository.ts';
import type { ForgeOptions } from './options.ts';

/** GitLab (gitlab.com, self-managed or dedicated) by its REST API, version 4. Nothing is asked before it is used. */
export function gitlabForge(options: ForgeOptions): Forge {
  const api = new GitlabApi(options);
  let owner: Promise<Owner> | undefined;
  const find = (context: ReadContext): Promise<Owner> => {
    owner ??= findOwner(api, options.owner, context).catch((error: unknown) => {
      owner = undefined;
      throw error;
    });
    return owner;
  };
  return {
    kind: 'gitlab',
    identify: (context) => identify(api, context),
    async *repositories(context) {
      const found = await find(context);
      const ask = plainAsk(`projects of ${options.owner}`, context);
      const query = { order_by: 'id', sort: 'asc' };
      const list =
        found.kind === 'group'
          ? pages(api, `groups/${found.id}/projects`, { ...query, include_subgroups: true, with_shared: false }, ask)
          : pages(api, `users/${found.id}/projects`, query, ask);
      for await (const page of list) yield page.map(repositoryOf);
    },
    ofOwner: ownerCollections(api, find),
    ofRepository: repositoryCollections(api),
  };
}

/** Who the token is, and its scopes where GitLab says (not for tokens of OAuth). */
export async function identify(api: GitlabApi, context: ReadContext): Promise<Identity> {
  const ask = plainAsk('whose token this is', context, 'no role');
  const user = await api.get(api.url('user'), ask);
  if (!isObject(user.json)) throw new ForgeError({ kind: 'failed' }, 'GitLab does not say whose token this is');
  const login = textOf(user.json, 'username');
  try {
    const { json } = await api.get(api.url('personal_access_tokens/self'), ask);
    return isObject(json) ? { login, scopes: texts(json, 'scopes') } : { login };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.refusal.kind === 'failed') throw error;
    return { login };
  }
}

/** Throws `ForgeError` on what is no project. */
export function repositoryOf(project: JsonObject): Repository {
  const cloneUrl = textOf(project, 'http_url_to_repo');
  const wiki =
    (optionalText(project, 'wiki_access_level') ?? 'enabled') !== 'disabled' && project['wiki_enabled'] !== false;
  return {
    id: idOf(project),
    path: textOf(project, 'path_with_namespace'),
    cloneUrl,
    ...(wiki ? { wikiUrl: cloneUrl.replace(/(\.git)?$/, '.wiki.git') } : {}),
    visibility: visibilityOf(project),
    archived: project['archived'] === true,
    object: withoutTokens(project),
  };
}

export function visibilityOf(project: JsonObject): Repository['visibility'] {
  const said = project['visibility'];
  return said === 'public' || said === 'internal' ? said : 'private';
}
