import { hasCode, PortcullisError } from '../base/errors.ts';
import { expiredAt } from './buried.ts';
import { readChain } from './chain.ts';
import { sha256Hex } from './crypto.ts';
import { FORMAT_NAME, hashInName, packName, parseRecordName } from './format.ts';
import { encodeFormat, readFormat } from './format-object.ts';
import { signedAppliances } from './key-objects.ts';
import type { LostPack } from './lost-packs.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import { showPath } from './paths.ts';
import type { ChainRecord } from './record.ts';
import type { RecoveryKey } from './recovery-key.ts';
import type { Reference } from './reference.ts';
import type { Store } from './store.ts';
import { openVault, type Vault } from './vault.ts';
import { isStoreFailure } from './vault-error.ts';

/** One thing that is not as it should be. */
export interface Finding {
  /** The object, or `snapshots/` for the chain as a whole. */
  readonly object: string;
  readonly problem: string;
  /** Sequence numbers of the snapshots that need it. */
  readonly snapshots: readonly number[];
  /** The file it costs, where the key tells. */
  readonly path?: string;
}

export interface Verified {
  readonly findings: readonly Finding[];
  readonly snapshots: number;
  /** Of these, those that have expired: what is gone of them is no damage. */
  readonly expired: number;
  readonly objects: number;
  /** Bytes that were read and hashed. */
  readonly bytes: number;
  /** Of these, bytes that may have come from this machine's memory, not from the store. */
  readonly cachedBytes: number;
  /** Packs that come after the share that was read; 0 without one. */
  readonly roundLeft: number;
  /** Packs no snapshot needs: harmless. */
  readonly orphans: number;
  /** What nothing may be built on any more. */
  readonly unusable: {
    /** Damaged or missing, themselves or the session key that opens them. */
    readonly packs: readonly LostPack[];
    /** Names of damaged pack sets. A missing one can be put back. */
    readonly packSets: readonly string[];
  };
}

export interface VerifyOptions {
  readonly store: Store;
  /** Raw Ed25519 public key of the appliance: from its own state or from the recovery key, never from the vault. */
  readonly verifyKey: Buffer;
  /** With it, the content of every snapshot is checked as well. */
  readonly key?: RecoveryKey;
  readonly expectHead?: string;
  /** Milliseconds since the epoch: what is gone of a snapshot that has expired by then is no damage. Without it nothing has expired. */
  readonly wall?: number;
  /** Reads and hashes every pack, or a share of them; the others are only looked for, with their size. */
  readonly readData: boolean | Share;
  /** Packs that earlier runs found bad, with what is wrong: told again of those that this run does not read. */
  readonly known?: ReadonlyMap<string, string>;
  readonly progress?: (progress: { objects: number; bytes: number }) => void;
  readonly signal?: AbortSignal;
}

/** Packs in the order of their names, from one on, until it is enough. See `verify-share.ts`. */
export interface Share {
  /** Name of the last pack that was read by an earlier run; empty for the first share. */
  readonly after: string;
  /** Asked before each pack but the first, with what this run has read and the size of all packs. */
  enough(bytes: number, total: number): boolean;
  /** A pack has been read, and found bad when `lost` is given. */
  read(name: string, size: number, lost: LostPack | undefined): Promise<void>;
}

/**
 * Checks a vault. What is wrong is in the result; rejects only when there is no vault, or with the store's own failure
 * (`store.gone`), or `vault.other` or `vault.recipient` for a key of another vault.
 */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { store, key, verifyKey, signal } = options;
  const vault = key === undefined ? undefined : await openVault(store, key, options.expectHead);
  const { vaultId, bytes: format } = await readFormat(store);
  const findings: Finding[] = [];
  const present = new Map<string, number>();
  /** Objects that are named in a finding: what needs them is damaged. */
  const bad = new Map<string, string>();
  let bytes = 0;
  let cachedBytes = 0;
  let roundLeft = 0;

  let objects = 0;
  const hashObject = async (name: string, hash: string) => {
    signal?.throwIfAborted();
    const content = await read(store, name);
    if (content instanceof PortcullisError) bad.set(name, `cannot be read: ${content.what}`);
    else {
      if (sha256Hex(content.bytes) !== hash) bad.set(name, 'is damaged: its bytes are not what its name says');
      bytes += content.bytes.length;
      if (!content.direct) cachedBytes += content.bytes.length;
    }
    objects++;
    options.progress?.({ objects, bytes });
  };
  for (const folder of ['keys', 'packs', 'index', 'packsets', 'manifests', 'versions', 'snapshots']) {
    for await (const { name, size } of store.list(folder)) {
      signal?.throwIfAborted();
      present.set(name, size);
      const hash = hashInName(name);
      if (hash === undefined) bad.set(name, 'is no object of a vault');
      else if (folder !== 'packs') await hashObject(name, hash);
    }
  }
  const packs = [...present.keys()].filter((name) => name.startsWith('packs/')).sort();
  const unread = new Set(packs.filter((name) => hashInName(name) !== undefined));
  const share = typeof options.readData === 'boolean' ? undefined : options.readData;
  if (options.readData !== false) {
    const total = [...unread].reduce((sum, name) => sum + (present.get(name) ?? 0), 0);
    // What comes before it was read by earlier runs of the round.
    const ahead = [...unread].filter((name) => share === undefined || name > share.after);
    roundLeft = ahead.length;
    let taken = 0;
    for (const name of ahead) {
      if (share !== undefined && roundLeft < ahead.length && share.enough(taken, total)) break;
      const pack = hashInName(name) ?? '';
      const size = present.get(name) ?? 0;
      await hashObject(name, pack);
      unread.delete(name);
      roundLeft--;
      taken += size;
      const problem = bad.get(name);
      await share?.read(name, size, problem === undefined ? undefined : { pack, problem });
    }
  }
  for (const [pack, problem] of options.known ?? []) {
    const name = packName(pack);
    if (unread.has(name)) bad.set(name, `was found bad by an earlier run: ${problem}`);
  }

  const needs = new Map<string, Set<number>>();
  const chain = await readChain(store, vaultId, verifyKey, options.expectHead);
  for (const { object, reason } of chain.refused) {
    const seq = parseRecordName(object)?.seq;
    findings.push({ object, problem: reason, snapshots: seq === undefined ? [] : [seq] });
    bad.delete(object);
  }
  const appliances = await signedAppliances(store, verifyKey);
  if (appliances.length === 0) {
    const problem = "holds no object of the appliance's keys that this appliance signed";
    findings.push({ object: 'keys/', problem, snapshots: [] });
  } else if (!appliances.some((signed) => encodeFormat(signed.vaultId, signed.created).equals(format))) {
    findings.push({ object: FORMAT_NAME, problem: 'is not what the appliance signed for', snapshots: [] });
  }
  const expired = expiredAt(chain.records, options.wall ?? Number.NEGATIVE_INFINITY);
  const need = (name: string, { seq, hash }: ChainRecord, size?: number) => {
    if (!present.has(name) && expired.has(hash)) return;
    const seqs = needs.get(name) ?? new Set();
    needs.set(name, seqs.add(seq));
    const found = present.get(name);
    if (found === undefined) bad.set(name, 'is missing');
    else if (size !== undefined && found !== size) bad.set(name, `has ${found} bytes instead of ${size}`);
  };
  const sets = new Map<string, readonly ListedPack[]>();
  const lost = new Map<string, string>();
  for (const record of chain.records) {
    const { snapshot } = record;
    if (snapshot === undefined) continue;
    need(`keys/session-${snapshot.session}`, record);
    need(`manifests/${snapshot.manifest.name}`, record, snapshot.manifest.size);
    for (const id of snapshot.packsets) {
      const name = `packsets/${id}`;
      need(name, record);
      if (!sets.has(id)) sets.set(id, bad.has(name) ? [] : await readSet(store, id));
      for (const pack of sets.get(id) ?? []) {
        need(packName(pack.name), record, pack.size);
        need(`keys/session-${pack.session}`, record);
      }
    }
  }
  for (const [object, problem] of bad) {
    findings.push({ object, problem, snapshots: [...(needs.get(object) ?? [])] });
    const pack = object.startsWith('packs/') ? hashInName(object) : undefined;
    if (pack !== undefined) lost.set(pack, problem);
  }
  for (const { name, session } of [...sets.values()].flat()) {
    const key = `keys/session-${session}`;
    if (bad.has(key) && !lost.has(name)) lost.set(name, `cannot be opened: ${key} ${bad.get(key)}`);
  }
  if (vault !== undefined) findings.push(...(await verifyContent(vault, options, { bad, needs, lost, expired })));

  return {
    findings,
    snapshots: chain.records.filter((record) => record.snapshot !== undefined).length,
    expired: expired.size,
    objects: present.size + 1,
    bytes,
    cachedBytes,
    roundLeft,
    orphans: packs.filter((name) => !needs.has(name)).length,
    unusable: {
      packs: [...lost].map(([pack, problem]) => ({ pack, problem })),
      packSets: [...bad.keys()].filter((name) => /^packsets\/[0-9a-f]{64}$/.test(name) && present.has(name)),
    },
  };
}

async function readSet(store: Store, id: string): Promise<readonly ListedPack[]> {
  try {
    return decodePackSet(id, await store.get(`packsets/${id}`));
  } catch (error) {
    if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
    return [];
  }
}

/** The object's bytes, or what is wrong with this one object. */
async function read(store: Store, name: string): Promise<{ bytes: Buffer; direct: boolean } | PortcullisError> {
  try {
    return await store.readBack(name);
  } catch (error) {
    if (error instanceof PortcullisError && !isStoreFailure(error)) return error;
    throw error;
  }
}

/** What is known before contents are looked at. */
interface Known {
  /** Objects that are named in a finding already. */
  readonly bad: ReadonlyMap<string, string>;
  readonly needs: ReadonlyMap<string, ReadonlySet<number>>;
  /** Packs whose content is no good go in here. */
  readonly lost: Map<string, string>;
  /** Hashes of expired snapshots, whose files nobody looks for. */
  readonly expired: ReadonlySet<string>;
}

/** What is wrong with the files in the snapshots. */
async function verifyContent(vault: Vault, options: VerifyOptions, known: Known): Promise<Finding[]> {
  const { bad, needs, lost, expired } = known;
  const { store, signal } = options;
  const found = new Map<string, Finding>();
  const tell = (object: string, problem: string, seqs: Iterable<number>, path?: Buffer) => {
    const place = path === undefined ? {} : { path: showPath(path) };
    const id = JSON.stringify([object, problem, place]);
    const snapshots = [...new Set([...(found.get(id)?.snapshots ?? []), ...seqs])];
    found.set(id, { object, problem, snapshots, ...place });
  };
  const snapshots = (await vault.snapshots()).filter(({ hash }) => !expired.has(hash));
  for (const { record } of snapshots) await vault.blobs.locate(record);

  // A damaged pack may still hold good blobs: with the bytes at hand each is tried.
  const badBlobs = new Set<string>();
  for (const pack of vault.blobs.packs) {
    signal?.throwIfAborted();
    const name = packName(pack.hash);
    const session = `keys/session-${pack.header.session.toString('hex')}`;
    if (options.readData === false && !bad.has(name) && !bad.has(session)) continue;
    const content = await read(store, name);
    for (const blob of pack.blobs) {
      const error =
        content instanceof PortcullisError
          ? content
          : await vault.blobs
              .open(pack, blob, content.bytes.subarray(blob.offset, blob.offset + blob.storedLength))
              .then(() => undefined, asDamage);
      if (error === undefined) continue;
      badBlobs.add(`${pack.hash} ${blob.index}`);
      // Not when it was wrapped to other recipients: it opens for them.
      if (hasCode(error, 'vault.damaged') && !lost.has(pack.hash)) lost.set(pack.hash, error.what);
      if (!bad.has(name) && needs.has(name)) tell(name, error.what, needs.get(name) ?? []);
    }
  }
  /** The object that a reference is lost with, or undefined when it is sound. */
  const lostWith = (reference: Reference): string | undefined => {
    const places = vault.blobs.places(reference.blob);
    const sound = places.some(
      ({ pack, blob }) =>
        !badBlobs.has(`${pack.hash} ${blob.index}`) && reference.offset + reference.length <= blob.plainLength,
    );
    if (sound) return undefined;
    return places[0] === undefined ? 'packs/' : packName(places[0].pack.hash);
  };
  for (const snapshot of snapshots) {
    const manifest = `manifests/${snapshot.record.manifest.name}`;
    try {
      for await (const event of vault.listEvents(snapshot)) {
        signal?.throwIfAborted();
        if (event.type === 'lost' || event.type === 'cut') {
          tell(manifest, 'a part of its file list is lost, from this path on', [snapshot.seq], event.path);
        } else if (event.type === 'unreadable') {
          tell(manifest, `an entry of its file list cannot be used: ${event.reason}`, [snapshot.seq], event.path);
        } else if ('unusable' in event && event.unusable !== undefined) {
          tell(manifest, event.unusable, [snapshot.seq], event.path);
        }
        if (event.type === 'file') {
          const object = event.content.map(lostWith).find((one) => one !== undefined);
          if (object !== undefined) tell(object, 'content of this file is lost', [snapshot.seq], event.path);
        }
      }
    } catch (error) {
      signal?.throwIfAborted();
      tell(manifest, asDamage(error).what, [snapshot.seq]);
    }
  }
  return [...found.values()];
}

/** Damage to one thing; anything else is thrown on. */
function asDamage(error: unknown): PortcullisError {
  if (error instanceof PortcullisError && !isStoreFailure(error)) return error;
  throw error;
}
