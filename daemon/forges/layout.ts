import { createHash } from 'node:crypto';
import { COLLECTIONS, type CollectionName, type JsonObject } from './forge.ts';

/**
 * Where things stand in a snapshot of a forge:
 *
 *     forge.json                                    what was asked, and as whom
 *     owner/COLLECTION/KEY.json                     of the organisation, group or user
 *     repositories/PATH/repository.json
 *     repositories/PATH/repository.git/             as a git source leaves it
 *     repositories/PATH/wiki.git/
 *     repositories/PATH/COLLECTION/KEY.json
 *     repositories/PATH/COLLECTION/KEY.assets/NAME
 *
 * Each JSON file is canonical (RFC 8785) and ends in a line break: `StoredDocument`.
 */
export interface StoredDocument {
  readonly collection: CollectionName | 'repository';
  readonly key: string;
  /** RFC 3339: since when the forge has not had it any more. Kept all the same. */
  readonly gone?: string;
  /** As the forge's API gave it. */
  readonly object: JsonObject;
}

export const FORGE_FILE = 'forge.json';
export const OWNER = 'owner';
export const REPOSITORIES = 'repositories';
export const REPOSITORY_FILE = 'repository.json';
export const REPOSITORY_GIT = 'repository.git';
export const WIKI_GIT = 'wiki.git';

/** Bytes of a file name that every file system takes, its ending apart. */
const MAX_NAME = 240;
/** Of a name that is too long, so much is kept before `~` and its hash. */
const KEPT_NAME = 180;

/** A key as a file name: percent-encoded where it must be; never empty, `.`, `..`, hidden, or longer than a file system takes. */
export function fileNameOf(key: string): string {
  const encoded = encodeURIComponent(key.toWellFormed())
    .replace(/[!'()*~]/g, percent)
    .replace(/^\./, '%2E');
  if (encoded.length <= MAX_NAME) return encoded === '' ? '~' : encoded;
  return `${encoded.slice(0, KEPT_NAME)}~${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

/** The key a file name stands for; one that was too long is only in the document itself. */
export function keyOf(fileName: string): string {
  return fileName.includes('~') ? fileName.replace(/~$/, '') : decodeURIComponent(fileName);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Folder of the documents of a collection. `repository` is its path in the forge, undefined for the owner. */
export function folderOf(collection: CollectionName, repository: string | undefined): string {
  return repository === undefined ? `${OWNER}/${collection}` : `${REPOSITORIES}/${repository}/${collection}`;
}

export function documentPath(collection: CollectionName, repository: string | undefined, key: string): string {
  return `${folderOf(collection, repository)}/${fileNameOf(key)}.json`;
}

/** Which document a path of a snapshot is, or undefined for what is none. */
export function parsePath(
  path: string,
): { readonly repository: string | undefined; readonly collection: CollectionName; readonly key: string } | undefined {
  const names = path.split('/');
  const file = names.pop() ?? '';
  const collection = names.pop();
  const [top, ...rest] = names;
  const found = COLLECTIONS.find((one) => one === collection);
  if (!file.endsWith('.json') || found === undefined) return undefined;
  const key = keyOf(file.slice(0, -'.json'.length));
  if (top === OWNER && rest.length === 0) return { repository: undefined, collection: found, key };
  if (top === REPOSITORIES && rest.length > 0) return { repository: rest.join('/'), collection: found, key };
  return undefined;
}
