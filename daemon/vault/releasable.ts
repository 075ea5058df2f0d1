import { isoTime, parseTime } from '../base/clock.ts';
import { type Chain, readChain } from './chain.ts';
import { neededObjects } from './needed-objects.ts';
import type { ChainRecord } from './record.ts';
import type { KeepRules } from './retention.ts';
import type { Store } from './store.ts';
import { planSweep } from './sweep-plan.ts';

/**
 * What may lose its protection, as whoever takes it off decides by himself: from the vault, and from rules and a clock that the writer of the
 * vault has no say in. He who signs can name whatever he likes in a tombstone.
 */
export interface ReleaseOptions {
  readonly store: Store;
  readonly vaultId: Buffer;
  /** Raw Ed25519 public key. */
  readonly verifyKey: Buffer;
  /** Undefined where nothing expires. */
  readonly rules: KeepRules | undefined;
  readonly graceMs: number;
  /** A **trusted** time, milliseconds since the epoch; undefined when there is none: then nothing is released. */
  readonly wall: number | undefined;
  /** Sequence numbers of suspicious snapshots that a person has cleared. */
  readonly cleared: ReadonlySet<number>;
  /** Since when (ms since the epoch) an object cannot be changed any more; undefined when it can be. */
  since(name: string): number | undefined;
}

export interface Releasable {
  /** Why nothing expires, for people. */
  readonly paused?: string;
  /** Packs, manifests and pack sets. */
  readonly names: ReadonlySet<string>;
}

/**
 * Objects that only expired snapshots need. A snapshot has expired here when, beyond what the chain says, the tombstone that names it has been
 * immutable for a grace, and the rules, looked at over every snapshot there ever was, do not keep it. Rejects with
 * `vault.damaged` when a pack set of a snapshot that stays cannot be read, or as the store does.
 */
export async function releasable(options: ReleaseOptions): Promise<Releasable> {
  const { store, vaultId, verifyKey, rules, wall, cleared, graceMs } = options;
  const { records, refused } = await readChain(store, vaultId, verifyKey);
  const looked = new Set(records.filter(({ seq }) => cleared.has(seq)).map(({ hash }) => hash));
  const decide = (some: readonly ChainRecord[]) =>
    planSweep({ chain: { records: some, refused }, rules, wall, cleared: looked });
  const ripe: Chain = { records: records.map((record) => ripened(record, options.since, graceMs)), refused };
  const { paused, expired } = decide(ripe.records);
  if (paused !== undefined) return { paused, names: new Set() };
  const { verdicts } = decide(records.map(({ tombstone: _, ...record }) => record));
  const goes = new Set(expired.filter(({ hash }) => verdicts.get(hash)?.length === 0).map(({ hash }) => hash));
  if (goes.size === 0) return { names: new Set() };
  const names = new Set<string>();
  const needed = await neededObjects({ store }, ripe, expired);
  for (const [hash, objects] of needed) if (goes.has(hash)) for (const name of objects.keys()) names.add(name);
  for (const [hash, objects] of needed) if (!goes.has(hash)) for (const name of objects.keys()) names.delete(name);
  return { names };
}

/** A tombstone counts from its own date, and not before it has stood for a grace where nobody could change it. */
function ripened(record: ChainRecord, since: (name: string) => number | undefined, graceMs: number): ChainRecord {
  if (record.tombstone === undefined) return record;
  const own = parseTime(record.tombstone.from);
  const stood = since(record.name);
  const from = own === undefined || stood === undefined ? 'never' : isoTime(Math.max(own, Math.ceil(stood + graceMs)));
  return { ...record, tombstone: { ...record.tombstone, from } };
}
