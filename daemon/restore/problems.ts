import { showPath } from '../vault/paths.ts';
import type { Where } from './documents.ts';

/** What the snapshot itself says was lacking of a folder when it was sealed, in words: none, or one. */
export async function problemAt({ vault, snapshot }: Where, folder: string): Promise<string[]> {
  const at = Buffer.from(folder);
  for await (const entry of vault.listFiles(snapshot, at)) {
    if (!entry.path.equals(at)) return [];
    const reason = 'reason' in entry ? entry.reason : entry.problem;
    return reason === undefined ? [] : [`${folder} was not whole when it was sealed: ${showPath(Buffer.from(reason))}`];
  }
  return [];
}
