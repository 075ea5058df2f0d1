import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { ForgeError, type ReadContext } from '../forges/forge.ts';
import { type RecreateReport, recreate, survey } from '../forges/recreate.ts';
import { type Plan, planRecreation } from '../forges/recreate-plan.ts';
import type { ForgeWriter } from '../forges/writer.ts';
import { locate, notesOn, restoreBare } from './bare.ts';
import { forgeOf } from './documents.ts';
import { pushFrom } from './push.ts';
import { readerFor } from './reader.ts';
import { type Gathered, gather } from './recreate-input.ts';
import type { RestoreOptions } from './request.ts';

export interface IntoForgeOptions extends Omit<RestoreOptions, 'to' | 'progress'> {
  /** In the snapshot. */
  readonly repository: string;
  readonly writer: ForgeWriter;
  readonly token: Secret;
  /** Address of the forge. */
  readonly url: string;
  /** Path of the repository to be made: `acme/app`. */
  readonly target: string;
  /** False: nothing is made, the plan only. */
  readonly apply: boolean;
  /** Also what the origin had deleted. */
  readonly withGone: boolean;
  /** An existing folder in which the repository is restored for as long as it is pushed. */
  readonly temporary: string;
  readonly progress?: (progress: { readonly what: string; readonly done: number; readonly total: number }) => void;
  /** Told when the forge asks for patience. */
  readonly waiting?: (ms: number, why: string) => void;
}

export interface IntoForgeResult {
  readonly plan: Plan;
  /** Undefined in a dry run. */
  readonly report?: RecreateReport;
  /** What of the snapshot could not be read. */
  readonly failures: Gathered['failures'];
  readonly notes: readonly string[];
}

/**
 * Makes a repository of a forge again in a forge: looks at what is there, plans what is missing and, only with `apply`, makes it. Run
 * again, it makes what is still missing. Rejects with `restore.absent`, `restore.refused` where the forge cannot be asked,
 * `restore.partial` where the code is not whole, or as the store does.
 */
export async function restoreIntoForge(options: IntoForgeOptions): Promise<IntoForgeResult> {
  const { writer, target, apply, withGone, signal, progress, waiting, token, url, temporary, environment, clock } =
    options;
  const { vault, snapshot, threads } = options;
  const where = { vault, snapshot, signal, threads };
  const place = await locate(where, options.repository);
  const reader = readerFor(options.readers, (await forgeOf(where)).kind);
  const { input, failures, gone } = await gather({ ...where, reader, place, withGone });
  const notes = gone === 0 ? [] : [`${gone} things that the origin had deleted are left out; --gone takes them too`];
  const context: ReadContext = { signal, ...(waiting === undefined ? {} : { waiting }) };
  try {
    const plan = planRecreation(input, target, writer.kind, await survey(writer, target, context));
    if (!apply) return { plan, failures, notes };
    const folder = await mkdtemp(join(temporary, 'portcullis-restore-'));
    try {
      let restored: Promise<string> | undefined;
      const repository = () => {
        restored ??= restoreBare(where, place, folder).then(({ path }) => {
          // Objects of LFS go another way than git's.
          if (notesOn(path, true).length > 0)
            notes.push('Objects of Git LFS are not pushed: restore a clone, then `git lfs push --all` from there');
          return path;
        });
        return restored;
      };
      const push = pushFrom({ environment, clock, folder, repository, token, url });
      const report = await recreate(plan, { writer, input, push, context, ...(progress && { progress }) });
      return { plan, report, failures, notes };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    const { refusal, message } = error;
    const needs = refusal.kind === 'denied' ? ` The token needs ${refusal.needs}.` : '';
    throw new PortcullisError('restore.refused', `${target}: ${message}.${needs}`, { cause: error });
  }
}
