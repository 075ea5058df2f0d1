import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { CollectionName } from '../forges/forge.ts';
import { fileNameOf, parsePath, REPOSITORY_FILE, type StoredDocument } from '../forges/layout.ts';
import type { RecreateInput } from '../forges/recreate-plan.ts';
import type { DocumentReader } from '../forges/view.ts';
import type { NewAsset } from '../forges/writer.ts';
import type { ListedFile } from '../vault/file-list.ts';
import { showPath } from '../vault/paths.ts';
import { isStoreFailure } from '../vault/vault-error.ts';
import { fileBytes } from './contents.ts';
import { readDocument, type Where } from './documents.ts';
import { refsIn } from './git-state.ts';
import type { RepositoryPlace } from './places.ts';

export interface Gathered {
  readonly input: RecreateInput;
  /** What of it could not be read. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
  /** How many documents the origin had deleted, which are left out. */
  readonly gone: number;
}

export interface GatherOptions extends Where {
  readonly reader: DocumentReader;
  readonly place: RepositoryPlace;
  /** Also what the origin had deleted when the snapshot was made. */
  readonly withGone: boolean;
}

const AGAIN: ReadonlySet<CollectionName> = new Set<CollectionName>([
  'labels',
  'milestones',
  'issues',
  'releases',
  'variables',
  'secrets',
]);

/** All of a repository that can be made again in a forge. A document that is damaged is told, and costs itself. */
export async function gather(options: GatherOptions): Promise<Gathered> {
  const { vault, snapshot, signal, reader, place, withGone } = options;
  const { documents: root } = place;
  if (root === undefined) throw new PortcullisError('usage.wrong', `${place.name} is not a repository of a forge.`);
  const failures: { path: string; reason: string }[] = [];
  const others: Partial<Record<CollectionName, number>> = {};
  const parts = {
    labels: [] as RecreateInput['labels'][number][],
    milestones: [] as RecreateInput['milestones'][number][],
    issues: [] as RecreateInput['issues'][number][],
    releases: [] as StoredDocument[],
    variables: [] as RecreateInput['variables'][number][],
  };
  const assets = new Map<string, ListedFile>();
  let repository: RecreateInput['repository'] | undefined;
  let refs: readonly string[] = [];
  let gone = 0;

  /** Reads a document; undefined where it is damaged, or left out. */
  const read = async (file: ListedFile, use: (document: StoredDocument) => void, keep = withGone): Promise<void> => {
    try {
      const { document } = await readDocument(options, file);
      if (document.gone !== undefined && !keep) gone += 1;
      else use(document);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
      failures.push({ path: showPath(file.path), reason: reasonOf(error) });
    }
  };

  for await (const entry of vault.listFiles(snapshot, Buffer.from(root))) {
    signal.throwIfAborted();
    if (entry.type !== 'file') continue;
    const path = entry.path.toString('utf8');
    if (path === `${root}/${REPOSITORY_FILE}`)
      await read(entry, (document) => (repository = reader.repository(document)), true);
    else if (path === `${place.git}/packed-refs`) refs = [...(await refsIn(vault, entry, signal)).keys()];
    else if (path.startsWith(`${root}/releases/`) && path.includes('.assets/')) assets.set(path, entry);
    const parsed = parsePath(path);
    if (parsed === undefined || `repositories/${parsed.repository}` !== root) continue;
    const { collection } = parsed;
    if (!AGAIN.has(collection)) others[collection] = (others[collection] ?? 0) + 1;
    else
      await read(entry, (document) => {
        switch (collection) {
          case 'labels':
            parts.labels.push(reader.label(document));
            break;
          case 'milestones':
            parts.milestones.push(reader.milestone(document));
            break;
          case 'issues':
            parts.issues.push(reader.issue(document));
            break;
          case 'releases':
            parts.releases.push(document);
            break;
          case 'variables':
          case 'secrets': {
            const { value, ...rest } = reader.variable(document);
            // What a pipeline schedule has of its own is no variable of the repository.
            if (!document.key.startsWith('schedule '))
              parts.variables.push(collection === 'secrets' || value === undefined ? rest : { ...rest, value });
            break;
          }
          default:
        }
      });
  }
  if (repository === undefined)
    throw new PortcullisError(
      'vault.damaged',
      `The snapshot does not say what ${place.name} is${failures[0] === undefined ? '' : ` (${failures[0].reason})`}.`,
    );
  const releases = parts.releases.map((document) => {
    const release = reader.release(document);
    const folder = `${root}/releases/${fileNameOf(document.key)}.assets`;
    const held = release.assets.flatMap((name) => {
      const file = assets.get(`${folder}/${fileNameOf(name)}`);
      if (file === undefined)
        failures.push({ path: `${folder}/${name}`, reason: 'the snapshot does not have this file' });
      return file === undefined ? [] : [assetOf(options, name, file)];
    });
    return { release, assets: held };
  });
  return { input: { ...parts, repository, refs, releases, others }, failures, gone };
}

function assetOf({ vault, signal }: Where, name: string, file: ListedFile): NewAsset {
  return { name, size: file.size, open: () => fileBytes(vault, file, signal) };
}
