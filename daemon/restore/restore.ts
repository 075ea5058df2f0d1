import { folderOf } from '../forges/layout.ts';
import { restoreFiles } from './files.ts';
import { restoreGitFile, restoreRef, restoreRepository } from './git-grains.ts';
import { restoreIssues } from './issues.ts';
import type { RestoreOptions, RestoreReport, RestoreRequest } from './request.ts';
import { restoreVariables } from './variables.ts';

/**
 * Restores what is asked for out of a snapshot, and reads no more of it than that takes. Rejects with `restore.absent` (naming the
 * snapshot it was last in), `branch.missing`, `restore.partial` where a repository is not whole, `vault.destination`,
 * `vault.damaged`, `usage.wrong`, or as the store does. A damaged part of something larger is in the report's `failures`.
 */
export async function restorePart(request: RestoreRequest, options: RestoreOptions): Promise<RestoreReport> {
  switch (request.grain) {
    case 'snapshot':
    case 'path':
      return restoreFiles(request, options);
    case 'documents':
      return restoreFiles(
        { path: folderOf(request.collection, request.repository), include: [], exclude: [] },
        options,
      );
    case 'repository':
      return restoreRepository(request, options);
    case 'ref':
      return restoreRef(request, options);
    case 'file':
      return restoreGitFile(request, options);
    case 'issue':
    case 'pull':
      return restoreIssues(request, options);
    case 'variables':
      return restoreVariables(request, options);
    default:
      return request satisfies never;
  }
}
