import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { type SealingKeys, sealingKeys } from './appliance-secrets.ts';
import { BlobReader } from './blob-reader.ts';
import { buried } from './buried.ts';
import { type Chain, type Refusal, readChain } from './chain.ts';
import { sha256Hex } from './crypto.ts';
import { decodeList, type ListEvent, type Listed } from './file-list.ts';
import { expectVault } from './format-object.ts';
import { readAppliance } from './key-objects.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { comparePaths, isUnder, showPath } from './paths.ts';
import type { DraftBody } from './record.ts';
import type { RecoveryKey } from './recovery-key.ts';
import { SessionKeys } from './session-keys.ts';
import type { Store } from './store.ts';
import { damaged, isStoreFailure } from './vault-error.ts';

/** A committed snapshot. */
export interface Snapshot {
  readonly seq: number;
  /** SHA-256 of its record. */
  readonly hash: string;
  /** Name of its record without the folder. */
  readonly name: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** Undefined when no manifest of this source can be read any more; `sourceId` still tells sources apart. */
  readonly source: { readonly name: string; readonly kind: string } | undefined;
  readonly sourceId: string;
  readonly status: DraftBody['status'];
  readonly record: DraftBody;
  /** A tombstone names it: from this time on, milliseconds since the epoch, parts of it may be gone. */
  readonly expires?: number;
}

/** An opened vault: everything a recovery key can read. */
export class Vault {
  readonly store: Store;
  readonly key: RecoveryKey;
  readonly keys: SealingKeys;
  readonly blobs: BlobReader;
  readonly #chain: Chain;
  readonly #sessions: SessionKeys;
  #snapshots: Promise<Snapshot[]> | undefined;

  constructor(store: Store, key: RecoveryKey, keys: SealingKeys, chain: Chain, sessions: SessionKeys) {
    this.store = store;
    this.key = key;
    this.keys = keys;
    this.#chain = chain;
    this.#sessions = sessions;
    this.blobs = new BlobReader(store, keys, (id) => this.sessionKey(id));
  }

  /** The records the snapshots come from. */
  get chain(): Chain {
    return this.#chain;
  }

  /** What claims to be a snapshot and is none, and what is missing in the chain. Show it to whoever asks for snapshots. */
  get refused(): readonly Refusal[] {
    return this.#chain.refused;
  }

  /** Every snapshot, newest last. */
  snapshots(): Promise<Snapshot[]> {
    this.#snapshots ??= this.#readSnapshots();
    return this.#snapshots;
  }

  /** Rejects with `vault.damaged`, `vault.recipient`, or as the store does. */
  async manifest(snapshot: Pick<Snapshot, 'record'>): Promise<Manifest> {
    const name = `manifests/${snapshot.record.manifest.name}`;
    const bytes = await this.store.get(name);
    if (sha256Hex(bytes) !== snapshot.record.manifest.name) throw damaged(name, new Error('is not what its name says'));
    const session = await this.sessionKey(snapshot.record.session);
    try {
      return decodeManifest(bytes, this.key.vaultId, session.reveal());
    } catch (error) {
      throw damaged(name, error);
    }
  }

  /** The key of session `id`. Rejects with `vault.damaged` or `vault.recipient`, or as the store does. */
  async sessionKey(id: string): Promise<Secret> {
    return (await this.#sessions.get(id)).key;
  }

  /** What is in a snapshot at `prefix` and below (empty: all), in its order. Rejects with `vault.damaged` where a part is lost. */
  async *listFiles(snapshot: Snapshot, prefix: Buffer = Buffer.alloc(0)): AsyncGenerator<Listed> {
    for await (const event of this.listEvents(snapshot, prefix)) {
      if (event.type === 'lost') throw event.error;
      if (event.type === 'cut') throw damaged(`manifests/${snapshot.record.manifest.name}`, new Error('a file is cut'));
      if (event.type === 'unreadable') throw damaged(showPath(event.path), new Error(event.reason));
      yield event;
    }
  }

  /** The pieces of a snapshot's list that can hold something at `prefix` and below, and whether the list is in tree order. */
  async listPieces(
    snapshot: Pick<Snapshot, 'record'>,
    prefix: Buffer = Buffer.alloc(0),
  ): Promise<{ readonly ordered: boolean; readonly pieces: Manifest['list'] }> {
    const manifest = await this.manifest(snapshot);
    return { ordered: manifest.ordered, pieces: piecesUnder(manifest, prefix) };
  }

  /**
   * As `listFiles`, going on past lost parts of the list and telling them. Pieces for which `skip` is true are not read; a file
   * that goes on in one comes out as `cut`.
   */
  async *listEvents(
    snapshot: Pick<Snapshot, 'record'>,
    prefix: Buffer = Buffer.alloc(0),
    skip: (piece: Manifest['list'][number]) => boolean = () => false,
  ): AsyncGenerator<ListEvent | { readonly type: 'lost'; readonly path: Buffer; readonly error: PortcullisError }> {
    const manifest = await this.manifest(snapshot);
    await this.blobs.locate(snapshot.record);
    const lost: { path: Buffer; error: PortcullisError }[] = [];
    const parts = async function* (vault: Vault) {
      for (const piece of piecesUnder(manifest, prefix)) {
        const { first, at } = piece;
        if (skip(piece)) {
          yield undefined;
          continue;
        }
        try {
          yield await vault.blobs.read(at);
        } catch (error) {
          if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
          lost.push({ path: first, error });
          yield undefined;
        }
      }
    };
    for await (const event of decodeList(parts(this))) {
      for (const part of lost.splice(0)) yield { type: 'lost', ...part };
      if (isUnder(event.path, prefix)) yield event;
    }
    for (const part of lost) yield { type: 'lost', ...part };
  }

  async #readSnapshots(): Promise<Snapshot[]> {
    const sources = new Map<string, { name: string; kind: string }>();
    const result: Snapshot[] = [];
    const from = buried(this.#chain.records);
    for (const { seq, hash, name, time, snapshot } of [...this.#chain.records].reverse()) {
      if (snapshot === undefined) continue;
      // One good manifest tells the name of every snapshot with this id.
      if (!sources.has(snapshot.source)) {
        const source = await this.#sourceOf(snapshot);
        if (source !== undefined) sources.set(snapshot.source, source);
      }
      const short = name.slice('snapshots/'.length);
      const { source: sourceId, status } = snapshot;
      const expires = from.get(hash);
      const base = { seq, hash, name: short, time, source: undefined, sourceId, status, record: snapshot };
      result.push({ ...base, ...(expires === undefined ? {} : { expires }) });
    }
    return result.reverse().map((one) => ({ ...one, source: sources.get(one.sourceId) }));
  }

  async #sourceOf(record: DraftBody): Promise<{ name: string; kind: string } | undefined> {
    try {
      const { source } = await this.manifest({ record });
      return this.keys.sourceId(source.name) === record.source ? source : undefined;
    } catch (error) {
      if (error instanceof PortcullisError && !isStoreFailure(error)) return undefined;
      throw error;
    }
  }
}

/** The pieces of the list that can hold something at or below `prefix`. */
function piecesUnder(manifest: Manifest, prefix: Buffer): Manifest['list'] {
  const { list, ordered } = manifest;
  if (!ordered || prefix.length === 0) return list;
  // A file's lines may go over into pieces that begin with the same path: start before the first of them.
  const after = list.findIndex(({ first }) => comparePaths(first, prefix) >= 0);
  const from = Math.max(0, (after === -1 ? list.length : after) - 1);
  const end = list.findIndex(
    ({ first }, index) => index > from && comparePaths(first, prefix) > 0 && !isUnder(first, prefix),
  );
  return list.slice(from, end === -1 ? list.length : end);
}

/**
 * Opens the vault in `store`. Rejects with `vault.absent`, `vault.version`, `vault.other`, `vault.recipient`, `vault.damaged` or as the
 * store does. Records that are forged or damaged do not stop it: they are in `refused`, and are no snapshots.
 * `expectHead` is the hash of a record that has to be there.
 */
export async function openVault(store: Store, key: RecoveryKey, expectHead?: string): Promise<Vault> {
  await expectVault(store, key.vaultId);
  const chain = await readChain(store, key.vaultId, key.verifyKey, expectHead);
  const sessions = new SessionKeys(store, key);
  const sealing = await readAppliance(store, key).then(
    ({ secrets }) => secrets.sealing,
    async (error: unknown) => {
      // The objects made for it are lost: each signed snapshot's session holds it too.
      const found = await sealingFromSessions(sessions, chain);
      if (found === undefined) throw error;
      return found;
    },
  );
  return new Vault(store, key, sealingKeys(sealing, key.vaultId), chain, sessions);
}

async function sealingFromSessions(sessions: SessionKeys, chain: Chain): Promise<Secret | undefined> {
  for (const { snapshot } of [...chain.records].reverse()) {
    if (snapshot === undefined) continue;
    try {
      return (await sessions.get(snapshot.session)).sealing;
    } catch (error) {
      if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
    }
  }
  return undefined;
}

/**
 * The snapshot a person means: a sequence number, the name, or the beginning (at least 6 digits) of the hash. Throws `vault.snapshot`
 * when none or more than one fits, `vault.forged` when it is one that was refused.
 */
export function findSnapshot(snapshots: readonly Snapshot[], refused: readonly Refusal[], meant: string): Snapshot {
  const fits = (name: string) => {
    const [seq = '', hash = ''] = name.split('-');
    const number = /^\d{1,10}$/.test(meant) && Number(meant) === Number(seq);
    return number || meant === name || (meant.length >= 6 && hash.startsWith(meant));
  };
  const found = snapshots.filter((snapshot) => fits(snapshot.name));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  if (found.length > 1) throw new PortcullisError('vault.snapshot', `"${meant}" fits ${found.length} snapshots.`);
  const forged = refused.find(
    ({ object }) => object.startsWith('snapshots/') && fits(object.slice('snapshots/'.length)),
  );
  if (forged !== undefined) {
    throw new PortcullisError('vault.forged', `${forged.object} is refused: it ${forged.reason}.`);
  }
  throw new PortcullisError('vault.snapshot', `There is no snapshot "${meant}".`);
}

/** The newest snapshot not later than `wall`, of one source when given. Throws `vault.snapshot` when there is none. */
export function snapshotAt(snapshots: readonly Snapshot[], time: string, source?: string): Snapshot {
  const found = snapshots.findLast((one) => one.time <= time && (source === undefined || one.source?.name === source));
  if (found !== undefined) return found;
  const of = source === undefined ? '' : ` of ${source}`;
  throw new PortcullisError('vault.snapshot', `There is no snapshot${of} at or before ${time}.`);
}
