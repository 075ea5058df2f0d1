import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../base/entry.ts';
import { errnoOf } from '../base/errors.ts';
import { COLLECTIONS, type CollectionName } from '../forges/forge.ts';
import { FORGE_FILE, OWNER, REPOSITORIES, REPOSITORY_FILE, REPOSITORY_GIT, WIKI_GIT } from '../forges/layout.ts';

/** One repository as it lies in the working copy. */
export interface CopiedRepository {
  /** Below `repositories/`. */
  readonly place: string;
  /** Folder of `repository.json` and of the collections. */
  readonly documents: string;
  /** Entries of the bare repositories, where there are any, for a given root. */
  readonly git?: ((root: string) => AsyncIterable<Entry>) | undefined;
  readonly wiki?: ((root: string) => AsyncIterable<Entry>) | undefined;
}

export interface Copied {
  /** File that becomes `forge.json`. */
  readonly forgeFile: string;
  /** Folder of the owner's collections. */
  readonly owner: string;
  readonly repositories: readonly CopiedRepository[];
  /** Whether a collection holds what nobody may guess at. */
  readonly isSecret: (collection: CollectionName) => boolean;
  /** What could not be had, by the path it stands for. */
  readonly problems: ReadonlyMap<string, string>;
}

/** Everything of a working copy in tree order, as `forges/layout.ts` has it. */
export async function* forgeEntries(copied: Copied): AsyncGenerator<Entry> {
  const { forgeFile, owner, repositories, isSecret, problems } = copied;
  const missing = new Map(problems);
  function* lost(path: string): Generator<Entry> {
    const reason = missing.get(path);
    missing.delete(path);
    if (reason !== undefined) yield { kind: 'problem', path: Buffer.from(path), reason };
  }
  yield await fileEntry(FORGE_FILE, forgeFile, false);
  yield folderWith(OWNER, lost);
  yield* collections(owner, OWNER, isSecret, lost);
  yield folderWith(REPOSITORIES, lost);
  for (const node of inTreeOrder(repositories)) {
    const root = `${REPOSITORIES}/${node.path}`;
    yield folder(root);
    if (node.repository === undefined) continue;
    yield* oneRepository(node.repository, root, isSecret, lost);
  }
  // Of what has no place above: told all the same.
  for (const path of [...missing.keys()].sort()) yield* lost(path);
}

type Lost = (path: string) => Iterable<Entry>;

async function* oneRepository(
  { documents, git, wiki }: CopiedRepository,
  root: string,
  isSecret: Copied['isSecret'],
  lost: Lost,
): AsyncGenerator<Entry> {
  const parts: { name: string; entries: () => AsyncIterable<Entry> }[] = [
    {
      name: REPOSITORY_FILE,
      entries: () => one(fileEntry(`${root}/${REPOSITORY_FILE}`, join(documents, REPOSITORY_FILE), false)),
    },
    { name: REPOSITORY_GIT, entries: () => git?.(`${root}/${REPOSITORY_GIT}`) ?? none() },
    { name: WIKI_GIT, entries: () => wiki?.(`${root}/${WIKI_GIT}`) ?? none() },
    ...COLLECTIONS.map((name) => ({ name, entries: () => collection(documents, root, name, isSecret(name), lost) })),
  ];
  parts.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, entries } of parts) {
    if (name === REPOSITORY_GIT || name === WIKI_GIT) yield* gitEntries(`${root}/${name}`, entries(), lost);
    else yield* entries();
  }
}

/** A repository that could not be fetched is what it was, and a problem; one that was never fetched is only a problem. */
async function* gitEntries(path: string, entries: AsyncIterable<Entry>, lost: Lost): AsyncGenerator<Entry> {
  let any = false;
  for await (const entry of entries) {
    // On the folder itself, as a path may be told only once.
    const [problem] = any ? [] : [...lost(path)];
    any = true;
    yield problem?.kind === 'problem' && entry.kind === 'directory' ? { ...entry, problem: problem.reason } : entry;
  }
  if (!any) yield* lost(path);
}

async function* collections(
  from: string,
  root: string,
  isSecret: Copied['isSecret'],
  lost: Lost,
): AsyncGenerator<Entry> {
  for (const name of [...COLLECTIONS].sort()) yield* collection(from, root, name, isSecret(name), lost);
}

async function* collection(
  from: string,
  root: string,
  name: CollectionName,
  secret: boolean,
  lost: Lost,
): AsyncGenerator<Entry> {
  const path = `${root}/${name}`;
  const names = await namesIn(join(from, name));
  if (names.length === 0) {
    yield* lost(path);
    return;
  }
  yield folderWith(path, lost);
  for (const file of names) {
    if (!file.endsWith('.assets')) {
      yield await fileEntry(`${path}/${file}`, join(from, name, file), secret);
      continue;
    }
    yield folder(`${path}/${file}`);
    for (const asset of await namesIn(join(from, name, file)))
      yield await fileEntry(`${path}/${file}/${asset}`, join(from, name, file, asset), secret);
  }
}

/** What a folder holds, in the order of bytes, without what is hidden: those are the working copy's own. */
async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function folder(path: string): Extract<Entry, { kind: 'directory' }> {
  const { uid, gid } = own;
  return { kind: 'directory', path: Buffer.from(path), mode: 0o700, mtimeNs: 0n, uid, gid };
}

/** With its problem on itself, as a path may be told only once. */
function folderWith(path: string, lost: Lost): Entry {
  const [problem] = lost(path);
  return problem?.kind === 'problem' ? { ...folder(path), problem: problem.reason } : folder(path);
}

async function fileEntry(path: string, at: string, secret: boolean): Promise<Entry> {
  const stats = await lstat(at, { bigint: true });
  const { size, mtimeNs, ctimeNs, ino, dev } = stats;
  return {
    kind: 'file',
    path: Buffer.from(path),
    mode: 0o600,
    mtimeNs,
    ...own,
    content: {
      from: 'path',
      path: Buffer.from(at),
      size: Number(size),
      identity: { size, mtimeNs, ctimeNs, ino, dev },
    },
    ...(secret ? { secret } : {}),
  };
}

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function* none(): AsyncGenerator<Entry> {}

async function* one(entry: Promise<Entry>): AsyncGenerator<Entry> {
  yield await entry;
}

/** Repositories with the folders above them, each folder before what is in it, names in the order of bytes. */
function inTreeOrder(
  repositories: readonly CopiedRepository[],
): { readonly path: string; readonly repository?: CopiedRepository }[] {
  const byPath = new Map(repositories.map((repository) => [repository.place, repository]));
  const paths = new Set<string>();
  for (const { place } of repositories) {
    const names = place.split('/');
    for (let length = 1; length <= names.length; length += 1) paths.add(names.slice(0, length).join('/'));
  }
  // A slash comes before every other byte, so that a folder's content follows it at once.
  const order = (path: string) => Buffer.from(path.replaceAll('/', '\0'));
  return [...paths]
    .map((path) => ({ path, at: order(path) }))
    .sort((a, b) => Buffer.compare(a.at, b.at))
    .map(({ path }) => {
      const repository = byPath.get(path);
      return repository === undefined ? { path } : { path, repository };
    });
}
