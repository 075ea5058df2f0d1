import { comparePaths } from '../vault/paths.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import { damaged } from '../vault/vault-error.ts';
import { type Change, changes, type Item } from './compare.ts';
import { sameBytes } from './contents.ts';

export interface Compared {
  readonly vault: Vault;
  /** Undefined for nothing at all. */
  readonly before: Snapshot | undefined;
  readonly after: Snapshot;
  /** Only here and below; empty for all. */
  readonly prefix?: Buffer;
  readonly signal: AbortSignal;
  /** Told how many pieces of the two lists were passed over because both have them, and how many were read. */
  readonly pieces?: (count: { readonly same: number; readonly read: number }) => void;
}

/**
 * What changed between two snapshots, in tree order. Reads only the pieces of the lists that differ, and no contents but those of
 * two files of one length of which the lists do not tell whether they are the same. A list that is not in tree order is held
 * whole. Rejects with `vault.damaged` where a part of a list is lost.
 */
export async function* changedPaths(compared: Compared): AsyncGenerator<Change> {
  const { vault, before, after, prefix = Buffer.alloc(0), signal } = compared;
  const none = { ordered: true, pieces: [] };
  const left = before === undefined ? none : await vault.listPieces(before, prefix);
  const right = await vault.listPieces(after, prefix);
  // A piece with the same first path and the same bytes says the same: also where it goes on with the file before, as that is
  // the same file then, and what its first line says decides.
  const both = new Set<string>();
  if (left.ordered && right.ordered) {
    const there = new Set(left.pieces.map(keyOf));
    for (const piece of right.pieces) if (there.has(keyOf(piece))) both.add(keyOf(piece));
  }
  compared.pieces?.({ same: 2 * both.size, read: left.pieces.length + right.pieces.length - 2 * both.size });
  const skip = (piece: Piece) => both.has(keyOf(piece));
  const items = (snapshot: Snapshot, ordered: boolean) =>
    ordered ? itemsOf(vault, snapshot, prefix, skip, signal) : sorted(itemsOf(vault, snapshot, prefix, skip, signal));
  yield* changes(before === undefined ? nothing() : items(before, left.ordered), items(after, right.ordered), (a, b) =>
    sameBytes(vault, a, b, signal),
  );
}

type Piece = Awaited<ReturnType<Vault['listPieces']>>['pieces'][number];

function keyOf({ first, at }: Piece): string {
  return `${at.blob.toString('hex')} ${at.offset} ${at.length} ${first.toString('latin1')}`;
}

async function* nothing(): AsyncGenerator<Item> {}

async function* itemsOf(
  vault: Vault,
  snapshot: Snapshot,
  prefix: Buffer,
  skip: (piece: Piece) => boolean,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  for await (const event of vault.listEvents(snapshot, prefix, skip)) {
    signal.throwIfAborted();
    if (event.type === 'lost') throw event.error;
    if (event.type === 'unreadable')
      throw damaged(`The list of snapshot ${snapshot.seq}`, new Error(`a line of it: ${event.reason}`));
    yield event;
  }
}

/** In tree order, each path once: the first counts, as in a restore. */
async function* sorted(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const byPath = new Map<string, Item>();
  for await (const item of items) {
    const path = item.path.toString('latin1');
    if (!byPath.has(path)) byPath.set(path, item);
  }
  yield* [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path));
}
