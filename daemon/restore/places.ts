import { REPOSITORIES, REPOSITORY_FILE, REPOSITORY_GIT, WIKI_GIT } from '../forges/layout.ts';
import type { Snapshot } from '../vault/vault.ts';

/** Where a repository stands in a snapshot. */
export interface RepositoryPlace {
  /** As people name it: `acme/app` of a forge, `app` of a git source, `submodules/lib`. */
  readonly name: string;
  /** Folder of the bare repository. */
  readonly git: string;
  /** Folder of its documents, where it is a forge's. */
  readonly documents?: string;
}

export type SourceKind = 'git' | 'forge' | 'other';

const FORGES = ['github', 'gitlab', 'gitea'];

export function kindOf(snapshot: Pick<Snapshot, 'source'>): SourceKind {
  const kind = snapshot.source?.kind;
  if (kind === 'git') return 'git';
  return kind !== undefined && FORGES.includes(kind) ? 'forge' : 'other';
}

/** Where repository `name` stands in a snapshot of a git source, or of a forge. Without a name: the one a git source is of. */
export function placeOf(snapshot: Pick<Snapshot, 'source'>, name: string | undefined): RepositoryPlace | undefined {
  const { source } = snapshot;
  if (source === undefined) return undefined;
  if (kindOf(snapshot) === 'git') {
    const plain = (name ?? source.name).replace(/\.git$/, '');
    return { name: plain, git: `${plain}.git` };
  }
  if (name === undefined || kindOf(snapshot) !== 'forge') return undefined;
  const wiki = name.endsWith('.wiki');
  const path = wiki ? name.slice(0, -'.wiki'.length) : name;
  const documents = `${REPOSITORIES}/${path}`;
  return { name, git: `${documents}/${wiki ? WIKI_GIT : REPOSITORY_GIT}`, documents };
}

/** What a path of a snapshot is the repository of: `app.git/packed-refs` is of `app`. Undefined where it is in none. */
export function repositoryOf(path: string): { readonly name: string; readonly git: string } | undefined {
  const git = /^(.*?\.git)(?:\/|$)/.exec(path)?.[1];
  if (git === undefined) return undefined;
  const forge = new RegExp(`^${REPOSITORIES}/(.+)/(${REPOSITORY_GIT}|${WIKI_GIT})$`).exec(git);
  if (forge?.[1] === undefined) return { name: git.slice(0, -'.git'.length), git };
  return { name: forge[2] === WIKI_GIT ? `${forge[1]}.wiki` : forge[1], git };
}

/** The repository whose own document a path is. */
export function documentOfRepository(path: string): string | undefined {
  const [top, ...rest] = path.split('/');
  return top === REPOSITORIES && rest.length > 1 && rest.pop() === REPOSITORY_FILE ? rest.join('/') : undefined;
}
