import { join } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { readHead } from './chain.ts';
import { sha256Aside } from './crypto.ts';
import { beginLocks, lockFloor } from './extend-locks.ts';
import { hashInName, NO_RECORD, packName } from './format.ts';
import { expectVault } from './format-object.ts';
import { forget, recallPackSet, recallPackSets, remember } from './known-packs.ts';
import { type Locks, lockEnd } from './locks.ts';
import { type LostPack, readLost, rememberLost } from './lost-packs.ts';
import { decodePackSet, encodePackSet, type ListedPack } from './pack-set.ts';
import { type ChainRecord, type DraftBody, parseRecord, recordBody, recordObject } from './record.ts';
import { type Batch, listBatches, readStaged, removeBatch } from './staging.ts';
import type { Store } from './store.ts';
import { Turns } from './turns.ts';
import { damaged } from './vault-error.ts';

export interface ShipOptions {
  readonly store: Store;
  /** Of a store that has them. */
  readonly locks?: Locks | undefined;
  /** Milliseconds since the epoch, for the locks. */
  readonly wall?: () => number;
  readonly staging: string;
  readonly state: string;
  /** Batches to ship. Always shipped in the order they were sealed, because later ones build on earlier ones. */
  readonly batches: readonly string[];
  readonly vaultId: Buffer;
  /** Raw Ed25519 public key. */
  readonly verifyKey: Buffer;
  /** Hashes the newest record may have: see `readHead`. */
  readonly heads: readonly string[];
  /** Returns the signature (hex) over a record's body, or rejects to refuse. */
  sign(body: string, batch: string): Promise<string>;
  committed?(committed: Committed): void;
  progress?(progress: { batch: string; bytes: number; total: number; object: string }): void;
  readonly signal?: AbortSignal;
}

/** A snapshot that exists from now on. */
export interface Committed {
  readonly batch: string;
  /** Name of the record without its folder. */
  readonly snapshot: string;
  readonly seq: number;
  readonly head: string;
  /** Bytes written now; what an earlier attempt had written is not counted. */
  readonly bytes: number;
  readonly verifiedBytes: number;
  /** Of these, bytes that may have been read back from this machine's memory, not from the store. */
  readonly cachedBytes: number;
}

export interface Shipped {
  readonly committed: readonly Committed[];
  readonly bytes: number;
  readonly verifiedBytes: number;
  readonly cachedBytes: number;
  /** Packs in the vault that no pack set lists: left by attempts that were given up. */
  readonly orphans: number;
}

/**
 * Copies batches into the vault, reads every byte back, and commits each with a signed record. Can be killed at any
 * moment: the next run finishes what is there, and nothing committed is touched. A part brings packs for a snapshot to come, and no record. Rejects with `vault.absent`,
 * `vault.other`, `vault.head_mismatch` or `vault.forged` having written nothing; with `vault.damaged` when what was
 * written reads back differently, `vault.incomplete` when the vault lost what a batch builds on (the batch is then
 * dropped, so that the next seal writes its content again); `vault.staging`; as the store does; or with the signal's reason.
 */
export async function ship(given: ShipOptions): Promise<Shipped> {
  const options: Shipping = { ...given, reading: new Turns() };
  const { store, vaultId, verifyKey, signal } = options;
  signal?.throwIfAborted();
  await expectVault(store, vaultId);
  let head = await readHead(store, vaultId, verifyKey, options.heads);
  await store.settle();
  const committed: Committed[] = [];
  const total: Moved = { bytes: 0, verifiedBytes: 0, cachedBytes: 0 };
  for (const batch of await chosenBatches(options)) {
    const moved: Moved = { bytes: 0, verifiedBytes: 0, cachedBytes: 0 };
    const { body } = batch.draft;
    // A run that was killed after its commit left the batch behind.
    const isThere = body !== undefined && head?.snapshot?.manifest.name === body.manifest.name;
    const record = isThere ? head : await shipBatch(options, batch, head, moved);
    for (const name of batch.draft.objects) {
      if (!/^(index|packsets)\//.test(name)) continue;
      const bytes = await readStaged(options.staging, batch.batch, name);
      if (bytes !== undefined) await remember(options.state, name, bytes);
    }
    if (record !== undefined) {
      head = record;
      const { name, hash, seq } = record;
      const done = { batch: batch.batch, snapshot: name.slice('snapshots/'.length), seq, head: hash, ...moved };
      committed.push(done);
      options.committed?.(done);
    }
    total.bytes += moved.bytes;
    total.verifiedBytes += moved.verifiedBytes;
    total.cachedBytes += moved.cachedBytes;
    await removeBatch(options.staging, batch.batch);
  }
  return {
    committed,
    ...total,
    orphans: await countOrphans(options),
  };
}

/** After so many packs all of them are made durable: what a cut connection costs, at most 256 MiB. One by one the disk would do little else. */
const PACKS_SETTLED = 32;
/** Packs that are on their way at once, so that there is always one to be written while another is read back. 8 MiB of memory each, and as much to read it back. */
const PACKS_AT_ONCE = 4;

interface Shipping extends ShipOptions {
  /** What is read at the same time blurs the measure whether it came from memory (`Store.readBack`). */
  readonly reading: Turns;
}

/** What one batch has cost so far. */
type Moved = { -readonly [K in 'bytes' | 'verifiedBytes' | 'cachedBytes']: Committed[K] };

async function shipBatch(
  options: Shipping,
  batch: Batch,
  head: ChainRecord | undefined,
  moved: Moved,
): Promise<ChainRecord | undefined> {
  const { body } = batch.draft;
  // What is put from here on is locked until then or longer.
  const locked = options.locks && options.wall ? lockEnd(options.wall(), options.locks.baseMs) : undefined;
  if (body === undefined) {
    await copyObjects(options, batch, moved, locked);
    return undefined;
  }
  // Before the copy, so that nothing is written for a batch that cannot be committed; and after it, for what it is built on.
  await requirePacks(options, batch, new Set(batch.draft.objects));
  await copyObjects(options, batch, moved, locked);
  await requirePacks(options, batch, new Set());
  if (head === undefined && locked !== undefined) await beginLocks(options.state, options.vaultId, locked);
  const floor = locked === undefined ? undefined : await lockFloor(options.state, options.vaultId);
  const retain = locked === undefined || floor === undefined ? {} : { retainUntil: isoTime(Math.min(locked, floor)) };
  return commit(options, batch, { ...body, ...retain }, head, moved);
}

async function chosenBatches(options: Shipping): Promise<Batch[]> {
  const staged = await listBatches(options.staging);
  for (const { batch, draft } of staged) {
    if (draft.vaultId !== options.vaultId.toString('hex')) {
      throw new PortcullisError('vault.other', `Batch ${batch} in staging was sealed for vault ${draft.vaultId}.`);
    }
  }
  const last = staged.findLastIndex(({ batch }) => options.batches.includes(batch));
  const unknown = options.batches.find((batch) => !staged.some((one) => one.batch === batch));
  const left = staged.slice(0, last + 1).find(({ batch }) => !options.batches.includes(batch));
  if (unknown !== undefined) throw new PortcullisError('vault.staging', `There is no batch ${unknown} in staging.`);
  if (left !== undefined) {
    throw new PortcullisError('vault.staging', `Batch ${left.batch} was sealed earlier and has to be shipped first.`);
  }
  return staged.slice(0, last + 1);
}

/**
 * Writes and reads back what a batch adds: the session key object before the packs, which are nothing without it, several packs at a time, so
 * that one is read back while another is written, then the rest.
 */
async function copyObjects(options: Shipping, batch: Batch, moved: Moved, locked: number | undefined): Promise<void> {
  const { objects } = batch.draft;
  const copy = (name: string) => copyObject(options, batch, name, moved, locked);
  const firstPack = objects.findIndex(isPack);
  const before = firstPack === -1 ? objects.length : firstPack;
  const packs = objects.filter(isPack);
  try {
    for (const name of objects.slice(0, before)) await copy(name);
    for (let from = 0; from < packs.length; from += PACKS_SETTLED) {
      await atOnce(packs.slice(from, from + PACKS_SETTLED), copy);
      await options.store.settle();
    }
    for (const name of objects.slice(before)) if (!isPack(name)) await copy(name);
  } catch (error) {
    if (!(error instanceof Unshippable)) throw error;
    // Nothing can be made of this batch any more; its content is sealed again when it is gone.
    await dropBatch(options, batch.batch, error.lost);
    throw error.cause;
  }
}

/** Copies each, several at a time. All that were begun have ended before anything is done about one that failed. */
async function atOnce(names: readonly string[], copy: (name: string) => Promise<void>): Promise<void> {
  const left = names.values();
  let failed = false;
  const lane = async () => {
    for (const name of left) {
      if (failed) return;
      await copy(name).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: PACKS_AT_ONCE }, lane));
  for (const one of lanes) if (one.status === 'rejected') throw one.reason;
}

/** A batch cannot be shipped, now or later, and `lost` is not to be built on. `cause` says why. */
class Unshippable extends Error {
  readonly lost: readonly LostPack[];

  constructor(cause: unknown, lost: readonly LostPack[]) {
    super('the batch cannot be shipped', { cause });
    this.lost = lost;
  }
}

async function copyObject(
  options: Shipping,
  { batch, draft }: Batch,
  name: string,
  moved: Moved,
  locked: number | undefined,
): Promise<void> {
  const { store, signal } = options;
  signal?.throwIfAborted();
  const bytes = await options.reading.take(() => readStaged(options.staging, batch, name));
  const hash = hashInName(name);
  if (bytes === undefined || hash === undefined || (await sha256Aside(bytes)) !== hash) {
    const what = `Batch ${batch} was damaged in staging and is dropped: ${name}.`;
    throw new Unshippable(new PortcullisError('vault.staging', what), []);
  }
  signal?.throwIfAborted();
  if ((await store.size(name)) === undefined) {
    await put(store, name, bytes, isPack(name));
    moved.bytes += bytes.length;
  } else if (locked !== undefined) {
    // An earlier attempt wrote it, and no round has looked at what no snapshot needs.
    await options.locks?.extend(name, locked);
  }
  signal?.throwIfAborted();
  await readBack(options, name, (back) => back.equals(bytes), moved).catch(async (error: unknown) => {
    // The name is taken by other bytes, or by none that can be read, for good. The next seal gives the same content another one.
    if (!isLoss(error)) throw error;
    await expectVault(store, options.vaultId);
    const lost = { pack: hash, problem: `was written, and read back: ${reasonOf(error)}` };
    throw new Unshippable(error, isPack(name) ? [lost] : []);
  });
  options.progress?.({ batch, bytes: moved.verifiedBytes, total: draft.newBytes, object: name });
}

function isPack(name: string): boolean {
  return name.startsWith('packs/');
}

async function put(store: Store, name: string, bytes: Buffer, soon = false): Promise<void> {
  try {
    await (soon ? store.putSoon(name, bytes) : store.put(name, bytes));
  } catch (error) {
    // Written by an attempt that did not live to see it: reading it back decides.
    if (!hasCode(error, 'store.exists')) throw error;
  }
}

async function readBack(
  { store, reading }: Shipping,
  name: string,
  isRight: (bytes: Buffer) => boolean | Promise<boolean>,
  moved?: Moved,
): Promise<void> {
  const { bytes, direct } = await reading.take(() => store.readBack(name));
  if (!(await isRight(bytes))) throw damaged(name, new Error('the vault gives back other bytes than were written'));
  if (moved === undefined) return;
  moved.verifiedBytes += bytes.length;
  if (!direct) moved.cachedBytes += bytes.length;
}

/** Whether the store holds the object `name` with this hash. Rejects when the store itself fails. */
async function isSound(options: Shipping, name: string, hash: string): Promise<boolean> {
  try {
    await readBack(options, name, async (bytes) => (await sha256Aside(bytes)) === hash);
    return true;
  } catch (error) {
    if (!isLoss(error)) throw error;
    return false;
  }
}

async function listPacks(store: Store): Promise<Map<string, number>> {
  const packs = new Map<string, number>();
  for await (const { name, size } of store.list('packs')) packs.set(name, size);
  return packs;
}

async function packSet(options: Shipping, batch: string, id: string): Promise<ListedPack[]> {
  const local = (await recallPackSet(join(options.staging, batch), id)) ?? (await recallPackSet(options.state, id));
  if (local !== undefined) return local;
  const name = `packsets/${id}`;
  const bytes = await options.store.get(name);
  try {
    return decodePackSet(id, bytes);
  } catch (error) {
    throw damaged(name, error);
  }
}

/** A pack set, or undefined when the vault lost it. */
async function readablePackSet(options: Shipping, batch: string, id: string): Promise<ListedPack[] | undefined> {
  return packSet(options, batch, id).catch((error: unknown) => {
    if (!isLoss(error)) throw error;
    return undefined;
  });
}

/** One object is missing, damaged or unreadable. Whether the whole store is, `expectVault` tells. */
function isLoss(error: unknown): boolean {
  return hasCode(error, 'store.missing') || hasCode(error, 'store.failed') || hasCode(error, 'vault.damaged');
}

/** Gives up a batch that can never be committed, and notes which packs are not to be built on. */
async function dropBatch(options: Shipping, batch: string, lost: readonly LostPack[]): Promise<void> {
  // Noted first: killed in between, the batch is still refused.
  await rememberLost(options.state, lost);
  await removeBatch(options.staging, batch);
}

/** Every pack the record will stand for has to be in the vault, listed and with its session key, not only those written now; `coming` are taken to be. */
async function requirePacks(options: Shipping, { batch, draft }: Batch, coming: ReadonlySet<string>): Promise<void> {
  const present = await listPacks(options.store);
  const sessions = new Map<string, boolean>();
  const lost = await readLost(options.state);
  const missing: LostPack[] = [];
  const unlisted: string[] = [];
  for (const id of draft.body?.packsets ?? []) {
    const name = `packsets/${id}`;
    const packs = await readablePackSet(options, batch, id);
    if (packs === undefined) {
      unlisted.push(name);
      continue;
    }
    // A list that got lost is remembered here, and can be put back; a damaged one holds its name for good.
    if (!coming.has(name) && (await options.store.size(name)) === undefined) {
      await put(options.store, name, encodePackSet(packs).bytes);
    }
    if (!coming.has(name) && !(await isSound(options, name, id))) {
      unlisted.push(name);
      continue;
    }
    for (const pack of packs) {
      const session = `keys/session-${pack.session}`;
      // A thousand bytes that a whole session's packs are worth nothing without: read, not only looked for.
      const opens = sessions.get(session) ?? (coming.has(session) || (await isSound(options, session, pack.session)));
      sessions.set(session, opens);
      const size = coming.has(packName(pack.name)) ? pack.size : present.get(packName(pack.name));
      const problem =
        lost.get(pack.name) ??
        (size === undefined ? 'is missing' : undefined) ??
        (size === pack.size ? undefined : `has ${size} bytes instead of ${pack.size}`) ??
        (opens ? undefined : `cannot be opened: ${session} is damaged or missing`);
      if (problem !== undefined) missing.push({ pack: pack.name, problem });
    }
  }
  if (missing.length + unlisted.length === 0) return;
  // Still the same vault? Then it has really lost them, and what builds on them is worthless.
  await expectVault(options.store, options.vaultId);
  for (const name of unlisted) await forget(options.state, name);
  await dropBatch(options, batch, missing);
  throw new PortcullisError(
    'vault.incomplete',
    `The vault lacks ${missing.length + unlisted.length} objects that batch ${batch} builds on, the first ${
      missing[0] === undefined ? unlisted[0] : packName(missing[0].pack)
    }; the batch is dropped.`,
  );
}

async function commit(
  options: Shipping,
  { batch }: Batch,
  draft: DraftBody,
  head: ChainRecord | undefined,
  moved: Moved,
) {
  const { store, vaultId, verifyKey, signal } = options;
  const seq = (head?.seq ?? 0) + 1;
  const body = recordBody(draft, vaultId, seq, head?.hash ?? NO_RECORD);
  const { name, bytes } = recordObject(body, seq, await options.sign(body, batch));
  let record: ChainRecord;
  try {
    record = parseRecord(name, bytes, vaultId, verifyKey);
  } catch (error) {
    throw new PortcullisError('vault.forged', `The signature for batch ${batch} is no good: ${reasonOf(error)}.`);
  }
  signal?.throwIfAborted();
  await put(store, name, bytes);
  moved.bytes += bytes.length;
  await readBack(options, name, (back) => back.equals(bytes), moved);
  return record;
}

/** Packs in the vault that no pack set lists. Reads from the vault only what is not remembered here. */
async function countOrphans(options: Shipping): Promise<number> {
  const orphans = new Set((await listPacks(options.store)).keys());
  const strike = (packs: readonly ListedPack[]) => {
    for (const pack of packs) orphans.delete(packName(pack.name));
  };
  const batches = (await listBatches(options.staging)).map(({ batch }) => join(options.staging, batch));
  for (const folder of [options.state, ...batches]) {
    for await (const [, packs] of recallPackSets(folder)) strike(packs);
  }
  if (orphans.size === 0) return 0;
  for await (const { name } of options.store.list('packsets')) {
    // Only a count: what is wrong with a set is for `verify` to say, and no reason to fail after the commits.
    strike((await readablePackSet(options, '', name.slice('packsets/'.length))) ?? []);
  }
  return orphans.size;
}
