import { listIn, optionalText, textOf } from './documents.ts';
import { ForgeError, type JsonObject } from './forge.ts';
import { type GithubApi, PER_PAGE } from './github-api.ts';
import { path } from './rest.ts';
import type { Release } from './view.ts';
import type { NewAsset } from './writer.ts';

/** In a release whose files are not all there yet. It is a draft, and goes on in the next run. */
const UNFINISHED = '<!-- portcullis: unfinished -->';

export interface ReleaseToMake {
  /** Path of the repository in the API. */
  readonly base: string;
  /** Where the API is: only there, and to its uploads, the token may go. */
  readonly url: string;
  readonly release: Release;
  readonly assets: readonly NewAsset[];
  /** Ready for a request that writes. */
  readonly api: () => Promise<GithubApi>;
}

/**
 * A release, as a draft until its files are there: nobody sees half of it. A draft that was left so is gone on with. Its tag
 * must have been pushed, or GitHub would make one on whatever the default branch is now.
 */
export async function makeRelease({ base, url, release, assets, api }: ReleaseToMake): Promise<void> {
  const { tag, name, body, prerelease, draft } = release;
  const reading = await api();
  if (!draft && !(await reading.has(`${base}${path`/git/ref/${`tags/${tag}`}`}`)))
    throw new ForgeError(
      { kind: 'failed' },
      `the tag ${tag} is not there: push it first, then the release can be made`,
    );
  const left = (await reading.all(`${base}/releases`, { per_page: PER_PAGE })).find(
    (one) => one['tag_name'] === tag && isUnfinished(one),
  );
  const begun =
    left ??
    (await reading.send('POST', `${base}/releases`, {
      tag_name: tag,
      name,
      body: `${body}${UNFINISHED}`,
      draft: true,
      prerelease,
    }));
  const there = new Set<string>();
  for (const one of listIn(begun, 'assets')) {
    if (one['state'] === 'uploaded') there.add(fileName(textOf(one, 'name')));
    // An upload that broke off leaves an empty file in the way.
    else await (await api()).remove(`${base}/releases/assets/${textOf(one, 'id')}`);
  }
  const uploads = uploadUrl(begun, url);
  for (const asset of assets) {
    if (there.has(fileName(asset.name))) continue;
    const to = new URL(uploads);
    to.searchParams.set('name', asset.name);
    await (await api()).upload(to.href, asset.open(), asset.size);
  }
  await (await api()).send('PATCH', `${base}/releases/${textOf(begun, 'id')}`, { body, draft, prerelease });
}

export function isUnfinished(release: JsonObject): boolean {
  return release['draft'] === true && (optionalText(release, 'body') ?? '').includes(UNFINISHED);
}

/** GitHub puts a dot where a name has what it does not take. */
function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.+-]+/g, '.').replace(/^\.+|\.+$/g, '');
}

/** Where files of a release go: `upload_url` without its template, and only on the forge or the host it has for that. */
function uploadUrl(release: JsonObject, url: string): string {
  const said = textOf(release, 'upload_url').replace(/\{.*$/, '');
  const api = new URL(url);
  const to = URL.canParse(said) ? new URL(said) : undefined;
  const uploads = api.host.startsWith('api.') ? api.host.replace(/^api\./, 'uploads.') : api.host;
  if (to === undefined || to.protocol !== api.protocol || (to.host !== api.host && to.host !== uploads))
    throw new ForgeError(
      { kind: 'failed' },
      `${api.host} sends files to ${to?.host ?? 'nowhere'}, where the token must not go`,
    );
  return to.href;
}
