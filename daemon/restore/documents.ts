import type { Json } from '../base/canonical.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { isObject } from '../forges/documents.ts';
import type { CollectionName, ForgeKind } from '../forges/forge.ts';
import { documentPath, FORGE_FILE, folderOf, OWNER, parsePath, type StoredDocument } from '../forges/layout.ts';
import type { ListedFile } from '../vault/file-list.ts';
import { showPath } from '../vault/paths.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import { bytesOf, fileAt } from './contents.ts';

/** A document of a snapshot, and the file it is. */
export interface Held {
  readonly file: ListedFile;
  /** As it stands there, byte for byte. */
  readonly bytes: Buffer;
  readonly document: StoredDocument;
}

export interface Where {
  readonly vault: Vault;
  readonly snapshot: Snapshot;
  readonly signal: AbortSignal;
}

/** What was asked, of which forge, and as whom. Rejects with `restore.absent` where the snapshot is of none. */
export async function forgeOf(where: Where): Promise<{ kind: ForgeKind; url: string; owner: string }> {
  const file = await fileAt(where.vault, where.snapshot, FORGE_FILE);
  if (file === undefined)
    throw new PortcullisError('restore.absent', `Snapshot ${where.snapshot.seq} is not one of a forge.`);
  const about = parse(file, await bytesOf(where.vault, file, where.signal));
  const { kind, url, owner } = about;
  if ((kind !== 'github' && kind !== 'gitlab' && kind !== 'gitea') || typeof url !== 'string')
    throw new PortcullisError('vault.damaged', `${FORGE_FILE} of snapshot ${where.snapshot.seq} names no forge.`);
  return { kind, url, owner: typeof owner === 'string' ? owner : '' };
}

/** Reads one document. Rejects with `vault.damaged`, naming its path. */
export async function readDocument(where: Where, file: ListedFile): Promise<Held> {
  const bytes = await bytesOf(where.vault, file, where.signal);
  const { collection, key, gone, object } = parse(file, bytes);
  if (typeof collection !== 'string' || typeof key !== 'string' || !isObject(object))
    throw new PortcullisError('vault.damaged', `${showPath(file.path)} is no document of a forge.`);
  const document = { collection, key, object, ...(typeof gone === 'string' ? { gone } : {}) };
  return { file, bytes, document: document as StoredDocument };
}

/** The files of a collection's documents, in the order of their names. Reads no content. `repository` undefined: of the owner. */
export async function* documentFiles(
  { vault, snapshot, signal }: Where,
  collection: CollectionName,
  repository: string | undefined,
): AsyncGenerator<{ readonly key: string; readonly file: ListedFile }> {
  for await (const entry of vault.listFiles(snapshot, Buffer.from(folderOf(collection, repository)))) {
    signal.throwIfAborted();
    if (entry.type !== 'file') continue;
    const parsed = parsePath(entry.path.toString('utf8'));
    if (parsed?.collection === collection && parsed.repository === repository) yield { key: parsed.key, file: entry };
  }
}

/** The document with a key. Reads the list where it stands, and its content. */
export async function documentAt(
  where: Where,
  collection: CollectionName,
  repository: string | undefined,
  key: string,
): Promise<Held | undefined> {
  const file = await fileAt(where.vault, where.snapshot, documentPath(collection, repository, key));
  return file === undefined ? undefined : readDocument(where, file);
}

/**
 * Files of the documents whose names may be `name`: a variable's key is its name, or the scope it is for, a slash, and its name. One
 * whose key was too long for a file name is among them whatever it is.
 */
export async function* namedFiles(
  where: Where,
  collection: CollectionName,
  repository: string | undefined,
  name: string | undefined,
): AsyncGenerator<ListedFile> {
  for await (const { key, file } of documentFiles(where, collection, repository)) {
    const long = file.path.includes('~');
    if (name === undefined || long || key === name || key.endsWith(`/${name}`)) yield file;
  }
}

/** How documents of a place are called: `acme/app`, or the owner. */
export function placeWords(repository: string | undefined): string {
  return repository ?? OWNER;
}

function parse(file: ListedFile, bytes: Buffer): { readonly [name: string]: Json } {
  let value: Json;
  try {
    value = JSON.parse(bytes.toString('utf8')) as Json;
  } catch (error) {
    throw new PortcullisError('vault.damaged', `${showPath(file.path)} is no JSON: ${reasonOf(error)}.`);
  }
  if (isObject(value)) return value;
  throw new PortcullisError('vault.damaged', `${showPath(file.path)} is no JSON object.`);
}
