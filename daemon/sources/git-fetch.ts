import type { Clock } from '../base/clock.ts';
import { fetchArguments, type Git } from './git-tool.ts';

/**
 * Faults in the form of an object that old programs left in the history of many a repository, and that change nothing
 * of what it says: they are noted. A repository with one of them could otherwise never be backed up. Every other fault
 * refuses the fetch: an object that does not parse, a tree whose names lead out of a checkout (`..`, `.git`), a
 * submodule's address that is an option. Names are those of `git fsck`.
 */
const OLD_FAULTS = [
  'badDate',
  'badDateOverflow',
  'badEmail',
  'badFilemode',
  'badName',
  'badTimezone',
  'duplicateEntries',
  'emptyName',
  'extraHeaderEntry',
  'missingAuthor',
  'missingEmail',
  'missingNameBeforeEmail',
  'missingSpaceBeforeDate',
  'missingSpaceBeforeEmail',
  'missingTaggerEntry',
  'multipleAuthors',
  'nulInCommit',
  'zeroPaddedDate',
  'zeroPaddedFilemode',
];

/** So long a server may say that it is busy before anything comes of it. */
const STALL_MS = 2 * 3600_000;
const MAX_FAULTS = 5;

/**
 * Fetches from an origin into a mirror, and looks at the form of every object that comes. Resolves with the old faults
 * among them, in words of git, a few of them. Rejects with `ProgramFailed` or, of a server that is busy for ever, Error.
 */
export async function fetchFromOrigin(
  git: Git,
  path: string,
  address: string,
  refspecs: readonly string[],
  clock: Clock,
): Promise<string[]> {
  const strict = ['fetch.fsckObjects=true', ...OLD_FAULTS.map((fault) => `fetch.fsck.${fault}=warn`)];
  const stalled = new AbortController();
  const faults = new Set<string>();
  let rest = '';
  let cancel = clock.after(STALL_MS, () => stalled.abort());
  const heard = (said: Buffer) => {
    const lines = (rest + said.toString('latin1')).split(/[\r\n]/);
    rest = (lines.pop() ?? '').slice(-1000);
    for (const line of lines) {
      const fault = /^warning: object ([0-9a-f]{40,64}: [A-Za-z]+)/.exec(line)?.[1];
      if (fault !== undefined && faults.size <= MAX_FAULTS) faults.add(fault);
    }
    // What the server itself says ("remote: …") is no sign that anything comes.
    if (!lines.some((line) => /^(?:Receiving|Resolving|Unpacking|Checking|Indexing)[^:]*:/.test(line))) return;
    cancel();
    cancel = clock.after(STALL_MS, () => stalled.abort());
  };
  try {
    const args = [...strict.flatMap((one) => ['-c', one]), ...fetchArguments(path, address, refspecs)];
    for await (const _ of git.stream(args, { heard, signal: stalled.signal }));
  } catch (error) {
    if (stalled.signal.aborted)
      throw new Error(`nothing has come from the server for ${STALL_MS / 3600_000} hours`, { cause: error });
    throw error;
  } finally {
    cancel();
  }
  return [...faults];
}
