import { listIn, optionalText, textOf } from './documents.ts';
import type { Asset, Document, JsonObject, ReadContext } from './forge.ts';
import type { Ask, GitlabApi } from './gitlab-api.ts';
import { within } from './gitlab-json.ts';

/**
 * Links of a release that lead to a file GitLab itself keeps and gives through its API (in practice its package registry),
 * with the part of the address behind `/api/v4/`. Others lead to other machines, or to pages that take no token.
 */
export function filesOf(release: JsonObject): readonly { readonly link: JsonObject; readonly path: string }[] {
  const self = optionalText(within(release, '_links'), 'self') ?? '';
  if (!URL.canParse(self)) return [];
  return listIn(within(release, 'assets'), 'links').flatMap((link) => {
    const address = optionalText(link, 'url') ?? '';
    if (!URL.canParse(address)) return [];
    const url = new URL(address);
    const [, path] = /\/api\/v4\/(projects\/.+)$/.exec(url.pathname) ?? [];
    return url.host === new URL(self).host && path !== undefined ? [{ link, path }] : [];
  });
}

/** A release with the files that can be had of it. */
export function releaseDocument(api: GitlabApi, release: JsonObject, ask: Ask): Document {
  const assets = filesOf(release).map(({ link, path }): Asset => {
    const name = textOf(link, 'name');
    return {
      name,
      version: `${link['id']} ${link['url']}`,
      open: (context: ReadContext) =>
        api.download(api.url(path), { ...ask, context, what: `file ${name} of ${ask.what}` }),
    };
  });
  return { key: textOf(release, 'tag_name'), object: release, ...(assets.length === 0 ? {} : { assets }) };
}
