import type { CollectionName } from '../forges/forge.ts';
import { parsePath } from '../forges/layout.ts';
import type { ListedFile } from '../vault/file-list.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Change, Difference, Item } from './compare.ts';
import { readDocument } from './documents.ts';
import { refsIn } from './git-state.ts';
import { changedPaths } from './lists.ts';
import { documentOfRepository, kindOf, repositoryOf } from './places.ts';
import { type RefChange, type Refs, refChanges } from './refs.ts';

/** One difference between two snapshots, in the words of what it is of. Values of variables are in none. */
export type SnapshotChange =
  | {
      readonly type: 'path';
      readonly change: 'added' | 'removed' | 'changed';
      readonly path: Buffer;
      readonly of: string;
      readonly what: readonly Difference[];
    }
  | ({ readonly type: 'ref'; readonly repository: string; readonly rewritten?: boolean } & RefChange)
  | { readonly type: 'repository'; readonly repository: string; readonly change: DocumentWhat }
  | {
      readonly type: 'document';
      readonly repository: string | undefined;
      readonly collection: CollectionName;
      readonly key: string;
      readonly change: DocumentWhat;
    };

/** `gone`: the origin has deleted it, the snapshot still has it. `removed`: the snapshot does not have it. */
export type DocumentWhat = 'added' | 'changed' | 'gone' | 'returned' | 'removed';

/** For each move, whether history was rewritten: what the ref was at before is no ancestor. Undefined where it cannot be told. */
export type Rewritten = (
  git: string,
  moves: readonly Extract<RefChange, { change: 'moved' }>[],
) => Promise<readonly (boolean | undefined)[]>;

export interface DiffOptions {
  readonly vault: Vault;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** Only here and below. */
  readonly prefix?: string;
  readonly signal: AbortSignal;
  /** Also the files that repositories consist of, and those of documents. */
  readonly files?: boolean;
  readonly rewritten?: Rewritten;
  readonly pieces?: (count: { readonly same: number; readonly read: number }) => void;
}

/**
 * What changed between two snapshots: refs of repositories, documents of a forge, and every other path. In the order of the paths it
 * is found at. Rejects with `vault.damaged` where a list or a document that has changed cannot be read, or as the store does.
 */
export async function* diff(options: DiffOptions): AsyncGenerator<SnapshotChange> {
  const { vault, before, after, prefix = '', signal, files = false, pieces } = options;
  const compared = { vault, before, after, prefix: Buffer.from(prefix), signal, ...(pieces && { pieces }) };
  const source = kindOf(after);
  for await (const change of changedPaths(compared)) {
    const path = change.path.toString('utf8');
    // In a folder of somebody's own, what looks like a repository is files.
    const repository = source === 'other' ? undefined : repositoryOf(path);
    if (repository !== undefined) {
      if (path === `${repository.git}/packed-refs`) yield* refsOf(options, repository, change);
      else if (path === repository.git && change.change !== 'changed' && !isDocumented(path))
        yield { type: 'repository', repository: repository.name, change: change.change };
      if (!files) continue;
    }
    const forge = source === 'forge';
    const owner = forge ? documentOfRepository(path) : undefined;
    const document = forge && owner === undefined ? parsePath(path) : undefined;
    if (owner !== undefined || document !== undefined) {
      const what = await documentChange(options, change);
      if (what !== undefined && owner !== undefined) yield { type: 'repository', repository: owner, change: what };
      if (what !== undefined && document !== undefined) yield { type: 'document', ...document, change: what };
      if (!files) continue;
    }
    const of = typeOf(change);
    // Folders of documents come and go with them, and say only what could not be had.
    if (forge && !files && of === 'directory' && !(change.change === 'changed' && change.what.includes('problem')))
      continue;
    yield {
      type: 'path',
      change: change.change,
      path: change.path,
      of,
      what: change.change === 'changed' ? change.what : [],
    };
  }
}

/** The repositories of a forge have a document that tells of them. */
function isDocumented(git: string): boolean {
  return /\/(repository|wiki)\.git$/.test(git);
}

function typeOf(change: Change): string {
  const item = change.change === 'removed' ? change.before : change.after;
  return item.type === 'cut' ? 'file' : item.type;
}

async function* refsOf(
  options: DiffOptions,
  { name, git }: { readonly name: string; readonly git: string },
  change: Change,
): AsyncGenerator<SnapshotChange> {
  const read = async (item: Item | undefined): Promise<Refs> => {
    const file = fileOf(item);
    return file === undefined ? new Map() : refsIn(options.vault, file, options.signal);
  };
  const found = refChanges(await read(beforeOf(change)), await read(afterOf(change)));
  const moves = found.filter((one) => one.change === 'moved');
  const told = moves.length === 0 ? [] : ((await options.rewritten?.(git, moves)) ?? []);
  for (const one of found) {
    const rewritten = one.change === 'moved' ? told[moves.indexOf(one)] : undefined;
    yield { type: 'ref', repository: name, ...one, ...(rewritten === undefined ? {} : { rewritten }) };
  }
}

/** Undefined where only what lies around the document differs. */
async function documentChange(options: DiffOptions, change: Change): Promise<DocumentWhat | undefined> {
  if (change.change !== 'changed') return change.change;
  if (!change.what.includes('content') && !change.what.includes('kind')) return undefined;
  const [was, is] = await Promise.all(
    [change.before, change.after].map(async (item, index) => {
      const file = fileOf(item);
      const snapshot = index === 0 ? options.before : options.after;
      return file && (await readDocument({ ...options, snapshot }, file)).document.gone;
    }),
  );
  if (was === undefined && is !== undefined) return 'gone';
  return was !== undefined && is === undefined ? 'returned' : 'changed';
}

function beforeOf(change: Change): Item | undefined {
  return change.change === 'added' ? undefined : change.before;
}

function afterOf(change: Change): Item | undefined {
  return change.change === 'removed' ? undefined : change.after;
}

function fileOf(item: Item | undefined): ListedFile | undefined {
  return item?.type === 'file' ? item : undefined;
}
