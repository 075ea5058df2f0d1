import { REPOSITORY_FILE } from '../forges/layout.ts';
import { fileAt } from './contents.ts';
import { readDocument, type Where } from './documents.ts';
import type { RestoreReport } from './request.ts';

/** Whether the forge had deleted the repository whose documents are in `folder`, and since when. */
export async function goneOf(where: Where, folder: string | undefined): Promise<RestoreReport['gone']> {
  if (folder === undefined) return [];
  const path = `${folder}/${REPOSITORY_FILE}`;
  const file = await fileAt(where.vault, where.snapshot, path);
  if (file === undefined) return [];
  const { gone } = (await readDocument(where, file)).document;
  return gone === undefined ? [] : [{ path: folder, since: gone }];
}
