import { keyOfPath } from '../sources/s3-keys.ts';
import type { RestorableObject } from '../sources/s3-restore.ts';
import type { ListedFile } from '../vault/file-list.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import { bytesOf, fileBytes } from './contents.ts';

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
      metadata: document === undefined ? undefined : (await bytesOf(vault, document, signal)).toString('utf8'),
      open: () => fileBytes(vault, entry, signal),
    };
  }
}
