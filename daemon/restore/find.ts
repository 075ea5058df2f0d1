import { PortcullisError, reasonOf } from '../base/errors.ts';
import { globTest } from '../sources/glob.ts';
import { showPath } from '../vault/paths.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import { isStoreFailure } from '../vault/vault-error.ts';
import { type At, type State, step, type Track } from './history.ts';
import { changedPaths } from './lists.ts';
import { fits, probeFor, type Subject } from './subject.ts';

export interface FindOptions {
  readonly vault: Vault;
  /** Of any sources. */
  readonly snapshots: readonly Snapshot[];
  readonly subject: Subject;
  readonly signal: AbortSignal;
}

export interface Found extends Track {
  /** What it is: a path, `branch main of acme/app`, `variable production/URL of acme/app`. */
  readonly label: string;
  /** Name of its source. */
  readonly source: string;
  /** The newest snapshot of the source. */
  readonly newest: At;
}

export interface FindResult {
  readonly found: readonly Found[];
  /** Snapshots that could not be looked into: what they had is not known. */
  readonly unread: readonly { readonly seq: number; readonly reason: string }[];
}

/**
 * When something was in the snapshots of each source, and in which it changed. Contents are read only of documents and lists of refs,
 * and of files of the same length of which the lists do not tell whether they are the same. Rejects as the store does.
 */
export async function find({ vault, snapshots, subject, signal }: FindOptions): Promise<FindResult> {
  const found: Found[] = [];
  const unread: { seq: number; reason: string }[] = [];
  for (const [sourceId, all] of bySource(snapshots)) {
    const of = all.filter((snapshot) => fits(subject, snapshot));
    const newest = of.at(-1);
    if (newest === undefined) continue;
    const source = newest.source?.name ?? `(${sourceId.slice(0, 12)})`;
    const attempt = async (snapshot: Snapshot, look: () => Promise<void>) => {
      signal.throwIfAborted();
      try {
        await look();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
        unread.push({ seq: snapshot.seq, reason: reasonOf(error) });
      }
    };
    const tracks =
      subject.kind === 'path'
        ? await followPaths(vault, of, subject.path, signal, attempt)
        : await followProbe(probeFor(subject, { vault, signal }), of, attempt);
    for (const [label, track] of tracks)
      found.push({
        label: subject.kind === 'ref' ? `${subject.ref.kind} ${subject.ref.name} of ${label}` : label,
        source,
        newest: at(newest),
        ...track,
      });
  }
  return { found, unread };
}

type Attempt = (snapshot: Snapshot, look: () => Promise<void>) => Promise<void>;

async function followProbe(
  probe: (snapshot: Snapshot) => Promise<ReadonlyMap<string, State>>,
  snapshots: readonly Snapshot[],
  attempt: Attempt,
): Promise<ReadonlyMap<string, Track>> {
  const tracks = new Map<string, Track>();
  for (const snapshot of snapshots)
    await attempt(snapshot, async () => {
      const states = await probe(snapshot);
      for (const label of new Set([...tracks.keys(), ...states.keys()]))
        advance(tracks, label, at(snapshot), states.get(label));
    });
  return tracks;
}

/** As one walks through the differences from each snapshot to the next: only what differs is read. */
async function followPaths(
  vault: Vault,
  snapshots: readonly Snapshot[],
  pattern: string,
  signal: AbortSignal,
  attempt: Attempt,
): Promise<ReadonlyMap<string, Track>> {
  const tracks = new Map<string, Track>();
  const glob = /[*?]/.test(pattern);
  const matches = globTest(pattern);
  const prefix = Buffer.from(glob ? literalPart(pattern) : pattern);
  let before: Snapshot | undefined;
  for (const snapshot of snapshots)
    await attempt(snapshot, async () => {
      const states = new Map<string, State | undefined>();
      for await (const change of changedPaths({ vault, before, after: snapshot, prefix, signal })) {
        const path = change.path.toString('utf8');
        const item = change.change === 'removed' ? undefined : change.after;
        if (glob ? !matches(path) : !change.path.equals(prefix)) {
          // A folder has changed when anything below it has.
          if (!glob && !states.has(pattern)) states.set(pattern, { mark: String(snapshot.seq) });
          continue;
        }
        const isThere = item !== undefined && !('reason' in item);
        const label = showPath(change.path);
        states.set(label, isThere ? stateOf(item, snapshot.seq) : undefined);
      }
      for (const label of new Set([...tracks.keys(), ...states.keys()])) {
        const now = states.has(label) ? states.get(label) : tracks.get(label)?.now;
        advance(tracks, label, at(snapshot), now);
      }
      before = snapshot;
    });
  return tracks;
}

function stateOf(item: object, seq: number): State {
  const file = 'head' in item ? (item.head as object) : item;
  return { mark: String(seq), ...('size' in file ? { detail: `${String(file.size)} bytes` } : {}) };
}

function advance(tracks: Map<string, Track>, label: string, when: At, now: State | undefined): void {
  const next = step(tracks.get(label), when, now);
  if (next !== undefined) tracks.set(label, next);
}

/** Folders of a glob before its first wildcard. */
function literalPart(pattern: string): string {
  const names = pattern.split('/');
  const first = names.findIndex((name) => /[*?]/.test(name));
  return names.slice(0, Math.min(first, names.length - 1)).join('/');
}

function bySource(snapshots: readonly Snapshot[]): ReadonlyMap<string, readonly Snapshot[]> {
  const sources = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) {
    const of = sources.get(snapshot.sourceId) ?? [];
    of.push(snapshot);
    sources.set(snapshot.sourceId, of);
  }
  return sources;
}

function at({ seq, time }: Snapshot): At {
  return { seq, time };
}
