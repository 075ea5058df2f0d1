import { keyOfPath } from '../sources/s3-keys.ts';
import type { RestorableObject } from '../sources/s3-restore.ts';
import type { ListedFile } from '../vault/file-list.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';

const OBJECTS = 'objects/';
const METADATA = 'metadata/';

/** The objects of a snapshot of a bucket whose keys begin with `prefix`, read from the vault as they are asked for. */
export async function* objectsOf(
  vault: Vault,
  snapshot: Snapshot,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<RestorableObject> {
  // What is in `metadata` comes before `objects`.
  const about = new Map<string, ListedFile>();
  for await (const entry of vault.listFiles(snapshot)) {
    signal.throwIfAborted();
    if (entry.type !== 'file') continue;
    const path = entry.path.toString('utf8');
    if (path.startsWith(METADATA)) about.set(path.slice(METADATA.length), entry);
    if (!path.startsWith(OBJECTS)) continue;
    const place = path.slice(OBJECTS.length);
    const key = keyOfPath(place);
    if (!key.startsWith(prefix)) continue;
    const document = about.get(place);
    yield {
      key,
      size: entry.size,
      metadata: document === undefined ? undefined : await textOf(vault, document, signal),
      open: () => fileBytes(vault, entry, signal),
    };
  }
}

/** The bytes of a file of a snapshot, each piece checked as it is read. Rejects with `vault.damaged`. */
export async function* fileBytes(
  vault: Vault,
  file: ListedFile,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (const reference of file.content) {
    signal.throwIfAborted();
    yield await vault.blobs.read(reference);
  }
}

async function textOf(vault: Vault, file: ListedFile, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of fileBytes(vault, file, signal)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
