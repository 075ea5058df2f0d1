import type { Cut, Listed, ListedFile } from '../vault/file-list.ts';
import { comparePaths } from '../vault/paths.ts';
import type { Reference } from '../vault/reference.ts';

/** One path of a snapshot, as far as its list tells. */
export type Item = Listed | Cut;

/** What of a path differs. Times alone are no difference. */
export type Difference = 'kind' | 'content' | 'target' | 'attributes' | 'problem';

export type Change =
  | { readonly change: 'added'; readonly path: Buffer; readonly after: Item }
  | { readonly change: 'removed'; readonly path: Buffer; readonly before: Item }
  | {
      readonly change: 'changed';
      readonly path: Buffer;
      readonly before: Item;
      readonly after: Item;
      readonly what: readonly Difference[];
    };

/** Whether two files of which the lists do not tell have the same bytes. */
export type SameBytes = (before: ListedFile, after: ListedFile) => Promise<boolean>;

/**
 * What leads from one list to the other, in tree order. Both must be in tree order, each path once; of each, one item is held at
 * a time.
 */
export async function* changes(
  before: AsyncIterable<Item>,
  after: AsyncIterable<Item>,
  same: SameBytes,
): AsyncGenerator<Change> {
  const left = before[Symbol.asyncIterator]();
  const right = after[Symbol.asyncIterator]();
  try {
    let [a, b] = await Promise.all([left.next(), right.next()]);
    while (a.done !== true || b.done !== true) {
      const order = a.done === true ? 1 : b.done === true ? -1 : comparePaths(a.value.path, b.value.path);
      if (order < 0 && a.done !== true) {
        yield { change: 'removed', path: a.value.path, before: a.value };
        a = await left.next();
      } else if (order > 0 && b.done !== true) {
        yield { change: 'added', path: b.value.path, after: b.value };
        b = await right.next();
      } else if (a.done !== true && b.done !== true) {
        const what = await differences(a.value, b.value, same);
        if (what.length > 0) yield { change: 'changed', path: b.value.path, before: a.value, after: b.value, what };
        [a, b] = await Promise.all([left.next(), right.next()]);
      }
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}

async function differences(before: Item, after: Item, same: SameBytes): Promise<Difference[]> {
  const a = before.type === 'cut' ? before.head : before;
  const b = after.type === 'cut' ? after.head : after;
  if (a.type !== b.type) return ['kind'];
  const found: Difference[] = [];
  if ('reason' in a || 'reason' in b) return 'reason' in a && 'reason' in b && a.reason === b.reason ? [] : ['problem'];
  if (a.type === 'file' && b.type === 'file') {
    const whole = before.type !== 'cut' && after.type !== 'cut';
    // Of one that is cut, only its hash tells.
    const told = whole ? sameContent(a, b) : a.size === b.size && a.sha256 !== undefined && a.sha256 === b.sha256;
    if (told === undefined ? !(await same(a, b)) : !told) found.push('content');
  }
  if (a.type === 'symlink' && b.type === 'symlink' && !a.target.equals(b.target)) found.push('target');
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || xattrsOf(a) !== xattrsOf(b)) found.push('attributes');
  if (a.problem !== b.problem) found.push('problem');
  return found;
}

function xattrsOf({ xattrs = [] }: Pick<ListedFile, 'xattrs'>): string {
  return JSON.stringify(xattrs.map(({ name, value }) => [name.toString('hex'), value.toString('hex')]));
}

/**
 * Whether two files have the same bytes, as far as the lists tell. A file all in bundles has no hash there: where it lies
 * elsewhere and is as long, only its bytes tell, and undefined comes back.
 */
export function sameContent(before: ListedFile, after: ListedFile): boolean | undefined {
  if (before.size !== after.size) return false;
  if (before.sha256 !== undefined && after.sha256 !== undefined) return before.sha256 === after.sha256;
  if (sameReferences(before.content, after.content)) return true;
  // One has a hash, because it was read in pieces that were not all short: how it was cut says nothing about its bytes.
  return undefined;
}

export function sameReferences(a: readonly Reference[], b: readonly Reference[]): boolean {
  return a.length === b.length && a.every((one, index) => sameReference(one, b[index]));
}

function sameReference(a: Reference, b: Reference | undefined): boolean {
  return b !== undefined && a.offset === b.offset && a.length === b.length && a.blob.equals(b.blob);
}
