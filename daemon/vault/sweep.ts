import { join } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { readAvoided, writeAvoided } from './avoided-packs.ts';
import { type Chain, readChain, readHead } from './chain.ts';
import { type Extended, extendLocks } from './extend-locks.ts';
import { FORMAT_NAME, hashInName, NO_RECORD, packName } from './format.ts';
import { expectVault } from './format-object.ts';
import { forget, recallingRecords, recallPackSet, remember } from './known-packs.ts';
import type { Locks } from './locks.ts';
import { neededObjects, type PackSets, readPackSet } from './needed-objects.ts';
import { type ChainRecord, parseRecord, recordObject, type Tombstone, tombstoneBody } from './record.ts';
import type { KeepRules } from './retention.ts';
import { listBatches } from './staging.ts';
import type { Remover, Store } from './store.ts';
import { planSweep, type SweepPlan } from './sweep-plan.ts';
import { damaged } from './vault-error.ts';

export interface SweepOptions {
  readonly store: Store & Remover;
  readonly staging: string;
  /** Where the vault's memory lies (`known-packs.ts`). */
  readonly state: string;
  readonly vaultId: Buffer;
  /** Raw Ed25519 public key. */
  readonly verifyKey: Buffer;
  /** Hashes the newest record may have: see `readHead`. */
  readonly heads: readonly string[];
  /** Undefined where nothing expires. */
  readonly rules: KeepRules | undefined;
  /** Of a store that has them: extended where they fall short. */
  readonly locks?: Locks | undefined;
  /** How long a snapshot stays whole after a tombstone has named it, milliseconds. */
  readonly graceMs: number;
  /** A **trusted** time, milliseconds since the epoch. Without one, do not sweep. */
  readonly wall: number;
  /** Hashes of suspicious snapshots that a person has cleared. */
  readonly cleared: ReadonlySet<string>;
  /** Most objects to remove now, and most to look at for their locks: each is time in which the vault is connected. */
  readonly most: number;
  readonly mostLocks: number;
  /** Returns the signature (hex) over a tombstone's body, or rejects to refuse. */
  sign(body: string): Promise<string>;
  /** A tombstone is in the vault. */
  committed?(record: { readonly seq: number; readonly head: string; readonly tombstone: Tombstone }): void;
  readonly signal?: AbortSignal;
}

export interface Swept {
  /** Why nothing expires, for people. */
  readonly paused?: string;
  /** Sequence numbers of the snapshots named by a tombstone now. */
  readonly buried: readonly number[];
  /** Objects removed now, and their sizes' sum where it is known: that of the packs. */
  readonly removed: number;
  readonly bytes: number;
  /** Objects that the store holds on to, locked or protected. */
  readonly held: number;
  /** Objects of expired snapshots that are still to be removed, by a later sweep. */
  readonly left: number;
  /** What was done about locks, in a store that has them. */
  readonly locked?: Extended;
}

/**
 * Extends locks, where the store has them; names what is to expire in a signed tombstone, and removes the objects that only expired snapshots needed: whole packs, manifests and pack
 * sets, never one that a snapshot still counted on, or a batch in staging, needs. Can be killed at any moment: the next sweep goes on. Keys,
 * indexes and records stay. Rejects with `vault.absent`, `vault.other`, `vault.head_mismatch` or `vault.forged` having changed nothing, with
 * `vault.damaged` having removed nothing when a pack set of a snapshot that stays cannot be read, or as the store does.
 */
export async function sweep(options: SweepOptions): Promise<Swept> {
  const { store, state, vaultId, verifyKey, rules, wall, cleared, signal } = options;
  signal?.throwIfAborted();
  await expectVault(store, vaultId);
  const head = await readHead(store, vaultId, verifyKey, options.heads);
  // One that was killed before it could say so: which record is the newest is then known for sure again.
  if (head?.tombstone !== undefined && options.heads.length > 1)
    options.committed?.({ seq: head.seq, head: head.hash, tombstone: head.tombstone });
  await store.settle();
  const chain = await readChain(recallingRecords(store, state), vaultId, verifyKey, head?.hash);
  const plan = planSweep({ chain, rules, wall, cleared });
  const needed = await neededObjects(packSets(options), chain, plan.expired);
  const swept: Swept =
    plan.paused === undefined
      ? await expire(options, { chain, plan, needed, head })
      : { paused: plan.paused, buried: [], removed: 0, bytes: 0, held: 0, left: 0 };
  const { locks } = options;
  if (locks === undefined) return swept;
  // What is to go is left to its lock, so that it can go once that has run out. While nothing goes, everything is to stay.
  const stays = plan.live.filter(({ hash }) => plan.paused !== undefined || !plan.from.has(hash));
  const names = async () =>
    lockedNames(store, new Set(stays.flatMap(({ hash }) => [...(needed.get(hash)?.keys() ?? [])])));
  return { ...swept, locked: await extendLocks(names, { ...options, locks, most: options.mostLocks }) };
}

type Needed = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What is kept locked: what the snapshots need, and everything that never goes. */
async function lockedNames(store: Store, names: Set<string>): Promise<Set<string>> {
  names.add(FORMAT_NAME);
  for (const folder of ['keys', 'index', 'snapshots']) {
    for await (const { name } of store.list(folder)) if (hashInName(name) !== undefined) names.add(name);
  }
  return names;
}

async function expire(
  options: SweepOptions,
  { chain, plan, needed, head }: { chain: Chain; plan: SweepPlan; needed: Needed; head: ChainRecord | undefined },
): Promise<Swept> {
  const { state } = options;
  const staged = await stagedObjects(options, chain);
  // Nothing is built on what is to go, from before it is said to go.
  const avoided = await readAvoided(state);
  const going = new Set([...plan.bury, ...[...plan.from.keys()].filter((hash) => !plan.unbury.includes(hash))]);
  const stays = new Set<string>();
  for (const [hash, names] of needed) {
    for (const name of names.keys()) {
      if (!going.has(hash)) stays.add(name);
      else if (name.startsWith('packs/')) avoided.add(name.slice(-64));
    }
  }
  for (const pack of avoided) if (stays.has(packName(pack)) || staged.has(packName(pack))) avoided.delete(pack);
  await writeAvoided(state, avoided);

  const buried = await bury(options, plan, head);
  // A snapshot in its grace may still be kept after all: all of it stays.
  const live = new Set(staged);
  for (const { hash } of plan.live) for (const name of needed.get(hash)?.keys() ?? []) live.add(name);
  const gone = new Map<string, number>();
  for (const { hash } of plan.expired) {
    for (const [name, size] of needed.get(hash) ?? []) if (!live.has(name)) gone.set(name, size);
  }
  return { buried, ...(await remove(options, gone)) };
}

/** Signs and writes the tombstone, when there is something to name. */
async function bury(options: SweepOptions, plan: SweepPlan, head: ChainRecord | undefined): Promise<number[]> {
  const { store, vaultId, verifyKey, state, wall, graceMs, signal } = options;
  if (plan.bury.length + plan.unbury.length === 0) return [];
  const seq = (head?.seq ?? 0) + 1;
  const tombstone = { from: isoTime(wall + graceMs), snapshots: [...plan.bury], kept: [...plan.unbury] };
  const body = tombstoneBody(tombstone, vaultId, isoTime(wall), seq, head?.hash ?? NO_RECORD);
  const { name, bytes } = recordObject(body, seq, await options.sign(body));
  let record: ChainRecord;
  try {
    record = parseRecord(name, bytes, vaultId, verifyKey);
  } catch (error) {
    throw new PortcullisError('vault.forged', `The signature for a tombstone is no good: ${reasonOf(error)}.`);
  }
  signal?.throwIfAborted();
  await store.put(name, bytes);
  if (!(await store.readBack(name)).bytes.equals(bytes)) {
    throw damaged(name, new Error('the vault gives back other bytes than were written'));
  }
  await remember(state, name, bytes);
  options.committed?.({ seq, head: record.hash, tombstone });
  const bySeq = new Map(plan.live.map((one) => [one.hash, one.seq]));
  return plan.bury.flatMap((hash) => bySeq.get(hash) ?? []);
}

/** Packs first and pack sets last: as long as a pack is there, so is what says that it is to go. */
async function remove(
  options: SweepOptions,
  gone: ReadonlyMap<string, number>,
): Promise<Pick<Swept, 'removed' | 'bytes' | 'held' | 'left'>> {
  const { store, state, wall, signal } = options;
  const present = new Map<string, number>();
  for (const folder of gone.size === 0 ? [] : ['packs', 'manifests', 'packsets']) {
    for await (const { name, size } of store.list(folder)) if (gone.has(name)) present.set(name, size);
  }
  let removed = 0;
  let bytes = 0;
  let held = 0;
  let tried = 0;
  for (const folder of ['packs/', 'manifests/', 'packsets/']) {
    // A pack that stays keeps the lists that name it.
    if (folder !== 'packs/' && held > 0) break;
    // Not always from the same one: those that are held must not keep the others from their turn.
    for (const [name, size] of rotated(
      [...present].filter(([name]) => name.startsWith(folder)),
      wall,
    )) {
      if (tried >= options.most) break;
      signal?.throwIfAborted();
      tried++;
      if ((await store.remove(name)) === 'held') {
        held++;
        continue;
      }
      if (folder === 'packsets/') await forget(state, name);
      removed++;
      bytes += size;
    }
    if (tried >= options.most) break;
  }
  return { removed, bytes, held, left: present.size - removed };
}

function rotated<T>(all: readonly T[], by: number): T[] {
  const start = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function packSets({ store, state }: SweepOptions): PackSets {
  return { store, recall: (id) => recallPackSet(state, id) };
}

/** What batches that wait in staging will need. */
async function stagedObjects(options: SweepOptions, chain: Chain): Promise<Set<string>> {
  const names = new Set<string>();
  const committed = new Set(chain.records.map(({ snapshot }) => snapshot?.manifest.name));
  for (const { batch, draft } of await listBatches(options.staging)) {
    for (const name of draft.objects) names.add(name);
    // A part is only its objects. For what a ship left behind that was killed after its commit, its record speaks.
    if (draft.body === undefined || committed.has(draft.body.manifest.name)) continue;
    for (const id of draft.body.packsets) {
      const packs =
        (await recallPackSet(join(options.staging, batch), id)) ??
        (await readPackSet(packSets(options), id, true)) ??
        [];
      names.add(`packsets/${id}`);
      for (const pack of packs) names.add(packName(pack.name));
    }
  }
  return names;
}
