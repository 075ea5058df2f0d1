import { createHash, randomBytes } from 'node:crypto';
import { isoTime } from '../base/clock.ts';
import type { Entry } from '../base/entry.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { sealingKeys } from './appliance-secrets.ts';
import { addToBaseline, figuresOf, readBaseline } from './baseline.ts';
import { BlobWriter } from './blob-writer.ts';
import { Bundle } from './bundle.ts';
import { sha256Hex } from './crypto.ts';
import { type Attributes, encodeFile, encodeListed } from './file-list.ts';
import { BUNDLE_BELOW, TYPE } from './format.ts';
import { cutWindow, pieces } from './gear.ts';
import { encodeIndex } from './index-object.ts';
import { encodeSessionObject } from './key-objects.ts';
import { readKnown } from './known-packs.ts';
import { ListWriter } from './list-writer.ts';
import { encodeManifest } from './manifest.ts';
import { coverPacks, encodePackSet } from './pack-set.ts';
import { isSafePath, showPath } from './paths.ts';
import { doubts } from './poison.ts';
import { readFileBytes, UnreadableFile } from './read-file.ts';
import { epochOf } from './recipients.ts';
import { ReferenceList } from './reference.ts';
import { createBatch, removeBatch, stageDraft, stageObject, sweepStaging } from './staging.ts';

export interface SealOptions {
  readonly staging: string;
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
  readonly progress?: (progress: { files: number; bytes: number; newBytes: number }) => void;
  readonly signal?: AbortSignal;
}

export interface Sealed {
  readonly batch: string;
  readonly files: number;
  /** Sum of the files' lengths. */
  readonly bytes: number;
  /** Bytes of ciphertext this batch adds to the vault. */
  readonly newBytes: number;
  readonly packs: number;
  /** Number of entries that could not be read whole. When not 0 the snapshot is partial. */
  readonly problemCount: number;
  /** The first of them, for people. */
  readonly problems: readonly string[];
  /** Why the appliance doubts the source; when not empty the snapshot is suspicious. */
  readonly doubts: readonly string[];
  /** Unfinished batches of killed seals that were removed. */
  readonly removed: readonly string[];
}

const PROBLEMS_TOLD = 200;
/** Entries that may wait for the bundle of an earlier one. */
const MAX_WAITING = 4096;
/** Progress is told after so many entries, and inside long files after so many bytes. */
const PROGRESS_ENTRIES = 256;
const PROGRESS_BYTES = 64 << 20;

/**
 * Seals one source into a new batch: everything in staging is ciphertext. Only one seal may run at a time. Rejects, leaving no
 * batch, when `entries` or a stream in it rejects (with that error), when `signal` aborts, or with `vault.staging`. A file that
 * cannot be read is a problem, and the snapshot partial.
 */
export async function seal(options: SealOptions): Promise<Sealed> {
  const { staging, vaultId, recipients } = options;
  const epoch = epochOf(recipients);
  const keys = sealingKeys(options.sealing, vaultId);
  const removed = await sweepStaging(staging);
  const known = await readKnown(options.state, staging, keys, epoch);
  const batch = await createBatch(staging);
  const sessionKey = randomBytes(32);
  try {
    const objects: string[] = [];
    let newBytes = 0;
    const stage = async (name: string, bytes: Uint8Array) => {
      options.signal?.throwIfAborted();
      await stageObject(staging, batch, name, bytes);
      objects.push(name);
      newBytes += bytes.length;
    };

    // Durable before the first pack: a pack nobody can open would be worse than none.
    const { id: session, bytes: sessionBytes } = await encodeSessionObject(
      sessionKey,
      options.sealing,
      vaultId,
      recipients,
    );
    await stage(`keys/session-${session}`, sessionBytes);

    const sessionRef = { id: Buffer.from(session, 'hex'), key: sessionKey };
    const blobs = new BlobWriter(keys, sessionRef, (pack) => stage(pack.name, pack.bytes));
    blobs.know(known.indexes, known.lost);
    const content = await sealEntries(options, keys.gear, blobs);
    await blobs.finish();

    if (blobs.written.length > 0) {
      const index = encodeIndex({ epoch, packs: blobs.written }, vaultId, keys.indexKey.reveal());
      await stage(`index/${sha256Hex(index)}`, index);
    }
    const { named, fresh } = coverPacks(blobs.needed, known.packSets);
    const sets = named.map((id) => known.packSets.get(id) ?? []);
    if (fresh.length > 0) {
      const set = encodePackSet(fresh);
      await stage(`packsets/${set.id}`, set.bytes);
      named.push(set.id);
      sets.push(fresh);
    }
    const { files, bytes, problemCount: problems, ordered, list } = content;
    const time = isoTime(options.wall);
    const { source, facts } = options;
    const manifest = encodeManifest(
      { source, time, facts, files, bytes, problems, ordered, list },
      vaultId,
      sessionRef,
    );
    const manifestName = sha256Hex(manifest);
    await stage(`manifests/${manifestName}`, manifest);

    const sourceId = keys.sourceId(source.name);
    const figures = figuresOf(files, bytes, blobs.written);
    const before = await readBaseline(options.state, sourceId);
    const doubted = doubts(figures, before);
    const inSets = new Map(sets.flat().map((pack) => [pack.name, pack.size]));
    options.signal?.throwIfAborted();
    await stageDraft(staging, batch, {
      version: 1,
      vaultId: vaultId.toString('hex'),
      source: { name: source.name, kind: source.kind },
      files,
      bytes,
      newBytes,
      problems,
      objects,
      body: {
        time,
        source: sourceId,
        status: doubted.length > 0 ? 'suspicious' : problems === 0 ? 'complete' : 'partial',
        session,
        manifest: { name: manifestName, size: manifest.length },
        packsets: named,
        packs: inSets.size,
        bytes: [...inSets.values()].reduce((sum, size) => sum + size, 0),
      },
    });
    const packs = blobs.written.length;
    const sealed = { batch, files, bytes, newBytes, packs, problemCount: problems, problems: content.problems };
    // Not before there is a draft: a sealing that left none would pass for history.
    await addToBaseline(options.state, sourceId, before, { ...figures, doubted: doubted.length > 0 });
    return { ...sealed, doubts: doubted, removed };
  } catch (error) {
    // What cannot be removed now has no draft, so the next seal removes it.
    await removeBatch(staging, batch).catch(() => {});
    throw error;
  } finally {
    sessionKey.fill(0);
  }
}

/** One path whose lines may have to wait until its bundles have ids. */
type Waiting = { readonly path: Buffer; lines(): Iterable<Buffer> };

async function sealEntries(options: SealOptions, gear: Uint32Array, blobs: BlobWriter) {
  const list = new ListWriter(blobs, gear);
  const window = cutWindow();
  const problems: string[] = [];
  const count = { files: 0, bytes: 0, problems: 0, entries: 0 };
  let bundle = new Bundle();
  let waiting: Waiting[] = [];

  const tell = (more = 0) =>
    options.progress?.({ files: count.files, bytes: count.bytes + more, newBytes: blobs.newBytes });
  const flush = async () => {
    if (!bundle.empty) {
      bundle.resolve(await blobs.put(TYPE.data, bundle.plain));
      bundle = new Bundle();
    }
    for (const { path, lines } of waiting) await list.add(path, lines());
    waiting = [];
  };
  const problem = (path: Buffer, reason: string) => {
    count.problems++;
    if (problems.length < PROBLEMS_TOLD) problems.push(`${showPath(path)}: ${reason}`.slice(0, 1000).toWellFormed());
  };
  const lost = (path: Buffer, told: string) => {
    // The cut may go through a character: JSON carries only whole ones.
    const reason = told.slice(0, 1000).toWellFormed();
    problem(path, reason);
    waiting.push({ path, lines: () => [encodeListed({ type: 'problem', path, reason })] });
  };

  const sealFile = async (entry: Extract<Entry, { kind: 'file' }>) => {
    const references = new ReferenceList();
    const hash = createHash('sha256');
    let size = 0;
    let bundled = true;
    let changed = false;
    const bytes =
      entry.content.from === 'path'
        ? readFileBytes(entry.content.path, () => {
            changed = true;
          })
        : entry.content.open();
    try {
      for await (const piece of pieces(gear, window, bytes)) {
        options.signal?.throwIfAborted();
        if (size % PROGRESS_BYTES > (size + piece.length) % PROGRESS_BYTES) tell(size);
        size += piece.length;
        hash.update(piece);
        if (entry.secret === true || piece.length < BUNDLE_BELOW) {
          bundle.add(piece, references);
          // A bundle must not grow past a blob while one long secret is read; its file resolves with it.
          if (bundle.full) {
            bundle.resolve(await blobs.put(TYPE.data, bundle.plain));
            bundle = new Bundle();
          }
        } else {
          bundled = false;
          references.push({ blob: await blobs.put(TYPE.data, piece), offset: 0, length: piece.length });
        }
      }
    } catch (error) {
      // A stream that failed means that the source failed; a file that failed is one file.
      if (!(error instanceof UnreadableFile)) throw error;
      lost(entry.path, reasonOf(error));
      return;
    }
    count.files++;
    count.bytes += size;
    if (changed) problem(entry.path, 'changed while it was read');
    const listed = {
      ...attributesOf(entry),
      size,
      sha256: bundled ? undefined : hash.digest('hex'),
      ...(changed ? { problem: 'changed while it was read' } : {}),
    };
    waiting.push({ path: entry.path, lines: () => encodeFile(listed, references) });
  };

  for await (const entry of options.entries) {
    options.signal?.throwIfAborted();
    if (!isSafePath(entry.path)) {
      throw new PortcullisError(
        'source.failed',
        `Source ${options.source.name} gave the path "${showPath(entry.path)}".`,
      );
    }
    switch (entry.kind) {
      case 'file':
        await sealFile(entry);
        break;
      case 'directory':
      case 'symlink': {
        const line =
          entry.kind === 'directory'
            ? encodeListed({ ...attributesOf(entry), type: 'directory' })
            : encodeListed({ ...attributesOf(entry), type: 'symlink', target: entry.target });
        waiting.push({ path: entry.path, lines: () => [line] });
        break;
      }
      case 'problem':
        lost(entry.path, entry.reason);
        break;
      default:
        entry satisfies never;
    }
    if (bundle.empty || bundle.full || waiting.length >= MAX_WAITING) await flush();
    if (++count.entries % PROGRESS_ENTRIES === 0) tell();
  }
  await flush();
  const pieceList = await list.finish();
  tell();
  return {
    files: count.files,
    bytes: count.bytes,
    problemCount: count.problems,
    problems,
    ordered: list.ordered,
    list: pieceList,
  };
}

function attributesOf(entry: Extract<Entry, { mode: number }>): Attributes {
  const { path, mode, mtimeNs, uid, gid } = entry;
  return { path, mode: mode & 0o7777, mtimeNs, uid, gid };
}
