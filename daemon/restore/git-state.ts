import type { ListedFile } from '../vault/file-list.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import { bytesOf, fileAt, holds } from './contents.ts';
import { parsePackedRefs, type Refs } from './refs.ts';

/** Refs that a file `packed-refs` of a snapshot tells of. */
export async function refsIn(vault: Vault, file: ListedFile, signal: AbortSignal): Promise<Refs> {
  return parsePackedRefs((await bytesOf(vault, file, signal)).toString('utf8'));
}

/** The refs of the repository in folder `git`; undefined where a snapshot has no such folder. */
export async function refsAt(
  vault: Vault,
  snapshot: Snapshot,
  git: string,
  signal: AbortSignal,
): Promise<Refs | undefined> {
  const packed = await fileAt(vault, snapshot, `${git}/packed-refs`);
  if (packed !== undefined) return refsIn(vault, packed, signal);
  return (await holds(vault, snapshot, git)) ? new Map() : undefined;
}
