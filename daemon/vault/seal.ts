import { randomBytes } from 'node:crypto';
import { isoTime } from '../base/clock.ts';
import type { Entry } from '../base/entry.ts';
import type { Secret } from '../base/secret.ts';
import { adoptLeft } from './adopt.ts';
import { sealingKeys } from './appliance-secrets.ts';
import { addToBaseline, FreshContent, readBaseline } from './baseline.ts';
import { Batches, type BatchOptions } from './batches.ts';
import { BlobWriter, type WrittenPack } from './blob-writer.ts';
import { Canaries } from './canaries.ts';
import { DEFAULT_LEVEL } from './compression.ts';
import { sha256Hex } from './crypto.ts';
import { EntrySealer, type EntrySealerOptions } from './entry-sealer.ts';
import { PACKS_PER_SET } from './format.ts';
import { encodeSessionObject } from './key-objects.ts';
import { KnownBlobs } from './known-blobs.ts';
import { readKnown } from './known-packs.ts';
import { type Lane, OwnLane } from './lane.ts';
import { encodeManifest } from './manifest.ts';
import { coverPacks, encodePackSet, type ListedPack } from './pack-set.ts';
import { doubts } from './poison.ts';
import { epochOf } from './recipients.ts';
import { SealThreads } from './seal-threads.ts';
import { SeenFiles } from './seen-files.ts';
import { type PackUse, pinnedBytes, readSparse, sparsePacks, writeSparse } from './sparse-packs.ts';
import { StagedPacks } from './staged-packs.ts';
import { removeBatch } from './staging.ts';

export interface SealOptions extends BatchOptions {
  /** Where the vault's memory lies (`known-packs.ts`). */
  readonly state: string;
  readonly sealing: Secret;
  readonly vaultId: Buffer;
  /** Raw X25519 public keys. */
  readonly recipients: readonly Uint8Array[];
  readonly source: { readonly name: string; readonly kind: string };
  readonly facts: Readonly<Record<string, unknown>>;
  readonly entries: AsyncIterable<Entry>;
  /** The snapshot's time, milliseconds since the epoch. */
  readonly wall: number;
  /** Threads that seal beside this one; 0, the default, where this one does it all. */
  readonly threads?: number;
  /** zstd's level, 1 to 19. */
  readonly level?: number;
  /** Which files need not be read. Default: none. */
  readonly seen?: SeenFiles;
  /** Snapshots expire: what little is needed of a pack is written again, so that it can go. Default: no. */
  readonly expires?: boolean;
  /** Which files nobody has a reason to touch. Default: none. */
  readonly isCanary?: (path: Buffer) => boolean;
  readonly progress?: (progress: { files: number; bytes: number; newBytes: number }) => void;
}

export interface Sealed {
  readonly batch: string;
  readonly files: number;
  /** Sum of the files' lengths. */
  readonly bytes: number;
  /** Bytes of ciphertext that this sealing adds to the vault, parts included. */
  readonly newBytes: number;
  readonly packs: number;
  /** Number of entries that could not be read whole. When not 0 the snapshot is partial. */
  readonly problemCount: number;
  /** The first of them, for people. */
  readonly problems: readonly string[];
  /** Why the appliance doubts the source; when not empty the snapshot is suspicious. */
  readonly doubts: readonly string[];
  /** Bytes in the vault that this snapshot does not need, and that stay because their packs hold something that it does. */
  readonly pinnedBytes: number;
  /** Packs of killed seals that were taken over. */
  readonly adopted: number;
  /** Unfinished batches of killed seals of which nothing could be used. */
  readonly removed: readonly string[];
}

/**
 * Seals one source into a new batch, or, where staging has a limit, into parts and a batch: everything in staging is ciphertext. Only one
 * seal may run at a time. Rejects, leaving no batch but finished parts, when `entries` or a stream in it rejects (with that error), when a
 * thread dies, or with `vault.staging`. When it is killed, or `signal` aborts, the next seal takes over what is in staging. A file
 * that cannot be read is a problem, and the snapshot partial.
 */
export async function seal(options: SealOptions): Promise<Sealed> {
  const { staging, vaultId, recipients, source } = options;
  const epoch = epochOf(recipients);
  const keys = sealingKeys(options.sealing, vaultId);
  const { adopted, removed } = await adoptLeft(staging, keys, epoch, source);
  const sourceId = keys.sourceId(source.name);
  const sparse = options.expires ? await readSparse(options.state, sourceId) : new Set<string>();
  const known = await readKnown(options.state, staging, keys, epoch, sparse);
  const sessionKey = randomBytes(32);
  const session = await encodeSessionObject(sessionKey, options.sealing, vaultId, recipients);
  const sessionRef = { id: Buffer.from(session.id, 'hex'), key: sessionKey };
  const indexKey = keys.indexKey.reveal();
  const batches = new Batches(options, { staging, vaultId, indexKey, epoch, source }, session, known.packs);
  await batches.begin();
  const fresh = new FreshContent();
  const wrote = (pack: WrittenPack) => {
    batches.wrote(pack);
    fresh.add(pack);
  };
  const blobs = new KnownBlobs(known.blobs);
  const { batch } = batches.current;
  const { level = DEFAULT_LEVEL, threads = 0, seen = new SeenFiles(() => options.wall) } = options;
  const packs = new StagedPacks(staging, batch);
  const writer = new BlobWriter(
    { vaultId, session: sessionRef, indexKey, blobId: keys.blobId },
    blobs,
    (pack) => packs.write(pack),
    wrote,
    level,
  );
  const shared = { staging, batch, vaultId, session: sessionRef, blobs: known.blobs, level };
  const lane: Lane =
    threads === 0
      ? new OwnLane(keys.gear, writer, packs)
      : new SealThreads(threads, { ...shared, sealing: options.sealing.reveal() }, wrote);
  try {
    const makeRoom = () =>
      batches.makeRoom(async (next) => {
        await lane.turnTo(next);
        await packs.settle();
        packs.turnTo(next);
      });
    const progress: EntrySealerOptions['progress'] = (done) =>
      options.progress?.({ ...done, newBytes: batches.newBytes });
    const sealer = new EntrySealer({ ...options, progress }, keys.gear, { lane, writer, blobs, seen, makeRoom });
    const canaries = options.isCanary && new Canaries(options.isCanary, keys.indexKey.reveal());
    await sealer.seal(canaries?.watch(options.entries) ?? options.entries);
    await lane.turnTo(batches.current.batch);
    const content = sealer.finish();
    writer.finish();
    await packs.settle();

    const { current } = batches;
    await current.stageIndexes();
    const needed = new Map<string, ListedPack>();
    const uses: PackUse[] = [];
    for (let number = 0; number < known.packs.count; number++) {
      const live = blobs.needed(number);
      const pack = live > 0 ? known.packs.get(number) : undefined;
      if (pack === undefined) continue;
      needed.set(pack.name, pack);
      uses.push({ pack: pack.name, size: pack.size, plain: known.packs.plain(number), live });
    }
    const { named, fresh: unlisted } = coverPacks(needed, known.packSets);
    const sets = named.map((id) => known.packSets.get(id) ?? []);
    for (let at = 0; at < unlisted.length; at += PACKS_PER_SET) {
      const packs = unlisted.slice(at, at + PACKS_PER_SET);
      const set = encodePackSet(packs);
      await current.stage(`packsets/${set.id}`, set.bytes);
      named.push(set.id);
      sets.push(packs);
    }
    const { files, bytes, problemCount: problems, named: typed, misnamed, ordered, list } = content;
    const time = isoTime(options.wall);
    const { facts } = options;
    const manifest = encodeManifest(
      { source, time, facts, files, bytes, problems, ordered, list },
      vaultId,
      sessionRef,
    );
    const manifestName = sha256Hex(manifest);
    await current.stage(`manifests/${manifestName}`, manifest);

    const figures = { files, bytes, ...fresh.figures, named: typed, misnamed, canaries: canaries?.seen };
    const before = await readBaseline(options.state, sourceId);
    const doubted = doubts(figures, before);
    const inSets = new Map(sets.flat().map((pack) => [pack.name, pack.size]));
    options.signal?.throwIfAborted();
    await current.finish({
      files,
      bytes,
      problems,
      body: {
        time,
        source: sourceId,
        status: doubted.length > 0 ? 'suspicious' : problems === 0 ? 'complete' : 'partial',
        session: session.id,
        manifest: { name: manifestName, size: manifest.length },
        packsets: named,
        packs: inSets.size,
        bytes: [...inSets.values()].reduce((sum, size) => sum + size, 0),
      },
    });
    seen.finish();
    if (options.expires) await writeSparse(options.state, sourceId, [...sparse, ...sparsePacks(uses, bytes)]);
    // Not before there is a draft: a sealing that left none would pass for history.
    await addToBaseline(options.state, sourceId, before, { ...figures, doubted: doubted.length > 0 });
    const { newBytes, packs: packCount } = batches;
    return {
      batch: current.batch,
      files,
      bytes,
      newBytes,
      packs: packCount,
      problemCount: problems,
      problems: content.problems,
      doubts: doubted,
      pinnedBytes: pinnedBytes(uses),
      adopted,
      removed,
    };
  } catch (error) {
    if (options.signal?.aborted === true) seen.leave();
    else seen.abandon();
    await lane.stop();
    await packs.settle().catch(() => {});
    // What a failed source gave is worth nothing. What was sealed before somebody said stop the next seal takes over.
    // What cannot be removed now has no draft.
    if (options.signal?.aborted !== true) await removeBatch(staging, batches.current.batch).catch(() => {});
    throw error;
  } finally {
    await lane.stop();
    sessionKey.fill(0);
  }
}
