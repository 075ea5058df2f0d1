import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { SealingKeys } from './appliance-secrets.ts';
import { BlobMap } from './blob-map.ts';
import type { PlacedBlob } from './blob-table.ts';
import { sha256Hex } from './crypto.ts';
import { type PackType, packName } from './format.ts';
import type { Header } from './header.ts';
import { decodeIndex, type IndexedPack } from './index-object.ts';
import { openBlob, packKeyOf, readPackTable } from './pack.ts';
import { decodePackSet, type ListedPack } from './pack-set.ts';
import type { DraftBody } from './record.ts';
import type { Reference } from './reference.ts';
import type { Store } from './store.ts';
import { damaged, isStoreFailure, unlessDamaged } from './vault-error.ts';

/** Plaintexts kept: neighbours in the file list share bundles. */
const CACHED = 4;
/** More blobs than any pack of blobs of at least one byte and a tag can hold. */
const BLOBS_PER_PACK = 2 ** 20;

/** Where a blob is. */
export interface Place {
  readonly pack: IndexedPack;
  readonly blob: PlacedBlob;
}

/** Finds blobs in packs and opens them. */
export class BlobReader {
  readonly #store: Store;
  readonly #keys: SealingKeys;
  readonly #sessionKey: (id: string) => Promise<Secret>;
  readonly #packs: IndexedPack[] = [];
  /** Pack sets and packs that have been looked at. */
  readonly #located = new Set<string>();
  /** Packs that an index describes, and that have not been asked themselves; and those that have. */
  readonly #unproven = new Map<string, ListedPack>();
  readonly #asked = new Set<string>();
  /** Blobs that are in more than one pack. */
  readonly #again = new Set<string>();
  /** From blob id to pack number × BLOBS_PER_PACK + index in the pack. */
  readonly #map = new BlobMap();
  readonly #cache = new Map<string, Buffer>();
  #lastKey: { readonly header: Header; readonly key: Buffer } | undefined;
  #indexes: Promise<void> | undefined;

  constructor(store: Store, keys: SealingKeys, sessionKey: (id: string) => Promise<Secret>) {
    this.#store = store;
    this.#keys = keys;
    this.#sessionKey = sessionKey;
  }

  /**
   * Learns where the blobs of a snapshot are, from the indexes, and from the footers of packs no index describes. What cannot
   * be read stays unknown: reading a blob that is nowhere else then says so. Rejects only when the store itself fails.
   */
  async locate(record: Pick<DraftBody, 'packsets'>): Promise<void> {
    this.#indexes ??= this.#readIndexes();
    await this.#indexes;
    for (const id of record.packsets) {
      if (this.#located.has(id)) continue;
      for (const pack of (await unlessDamaged(this.packSet(id))) ?? []) {
        if (this.#located.has(pack.name)) {
          if (!this.#asked.has(pack.name)) this.#unproven.set(pack.name, pack);
          continue;
        }
        this.#asked.add(pack.name);
        const table = await unlessDamaged(this.readTable(pack));
        if (table !== undefined) this.#add(table);
      }
      this.#located.add(id);
    }
  }

  /** Rejects with `vault.damaged` or as the store does. */
  async packSet(id: string): Promise<ListedPack[]> {
    const name = `packsets/${id}`;
    const bytes = await this.#store.get(name);
    try {
      return decodePackSet(id, bytes);
    } catch (error) {
      throw damaged(name, error);
    }
  }

  /** A pack's table, from its footer. Rejects with `vault.damaged` or as the store does. */
  async readTable(pack: { readonly name: string; readonly size: number }): Promise<IndexedPack> {
    const name = packName(pack.name);
    const read = (offset: number, length: number) => this.#store.get(name, { offset, length });
    try {
      const table = await readPackTable(read, pack.size, this.#keys.vaultId, this.#keys.indexKey.reveal());
      return { hash: pack.name, size: pack.size, ...table };
    } catch (error) {
      throw damaged(name, error);
    }
  }

  /** The bytes of a reference. Rejects with `vault.damaged`, naming the pack, or as the store does. */
  async read(reference: Reference): Promise<Buffer> {
    const plain = await this.#plain(reference.blob);
    const bytes = plain.subarray(reference.offset, reference.offset + reference.length);
    if (bytes.length === reference.length) return bytes;
    throw new PortcullisError('vault.damaged', `Blob ${reference.blob.toString('hex')} is shorter than a file says.`);
  }

  /** Every pack that is known. */
  get packs(): readonly IndexedPack[] {
    return this.#packs;
  }

  /** Every place a blob is in: one, unless the appliance wrote it again because it thought the first one lost. */
  places(id: Buffer): Place[] {
    const first = this.#map.get(id);
    if (first === undefined) return [];
    const places = [this.#placeOf(first)];
    if (this.#again.has(id.toString('hex'))) {
      for (const pack of this.#packs) {
        const blob = pack.blobs.find((one) => one.id.equals(id));
        if (blob !== undefined && pack !== places[0]?.pack) places.push({ pack, blob });
      }
    }
    return places.filter((place) => place !== undefined);
  }

  /** Where a blob is, and the key of that pack: for somebody else to open it. Undefined where it is nowhere. */
  async keyed(id: Buffer): Promise<(Place & { readonly key: Buffer }) | undefined> {
    const [place] = this.places(id);
    return place && { ...place, key: await this.#packKey(place.pack.header) };
  }

  /** Opens one blob of a pack. Rejects with `vault.damaged`. */
  async open(
    pack: { readonly hash: string; readonly header: Header },
    blob: PlacedBlob,
    stored: Buffer,
  ): Promise<Buffer> {
    const { vaultId } = this.#keys;
    const key = await this.#packKey(pack.header);
    let plain: Buffer;
    try {
      plain = openBlob(key, vaultId, pack.header, blob, stored);
      if (!this.#keys.blobId(pack.header.type as PackType, plain).equals(blob.id)) throw new Error('is another blob');
    } catch (error) {
      throw damaged(`${packName(pack.hash)}, blob ${blob.index}`, error);
    }
    return plain;
  }

  /** Kept for one pack: neighbours in the file list lie in the same one. */
  async #packKey(header: Header): Promise<Buffer> {
    if (this.#lastKey?.header !== header) {
      const session = await this.#sessionKey(header.session.toString('hex'));
      this.#lastKey = { header, key: packKeyOf(session.reveal(), this.#keys.vaultId, header) };
    }
    return this.#lastKey.key;
  }

  #placeOf(place: number): Place | undefined {
    const pack = this.#packs[Math.floor(place / BLOBS_PER_PACK)];
    const blob = pack?.blobs[place % BLOBS_PER_PACK];
    return pack === undefined || blob === undefined ? undefined : { pack, blob };
  }

  #add(pack: IndexedPack): void {
    if (this.#located.has(pack.hash)) return;
    this.#located.add(pack.hash);
    this.#place(pack);
  }

  #place(pack: IndexedPack): void {
    const number = this.#packs.push(pack) - 1;
    for (const blob of pack.blobs) {
      if (this.#map.get(blob.id) !== undefined) this.#again.add(blob.id.toString('hex'));
      this.#map.add(blob.id, number * BLOBS_PER_PACK + blob.index);
    }
  }

  async #plain(id: Buffer): Promise<Buffer> {
    const name = id.toString('hex');
    const cached = this.#cache.get(name);
    if (cached !== undefined) return cached;
    let failure = new PortcullisError('vault.damaged', `Blob ${name} is in no pack that can be read.`);
    for (const { pack, blob } of this.places(id)) {
      try {
        const range = { offset: blob.offset, length: blob.storedLength };
        const plain = await this.open(pack, blob, await this.#store.get(packName(pack.hash), range));
        this.#remember(name, plain);
        return plain;
      } catch (error) {
        if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
        failure = error;
      }
    }
    if (await this.#askPacks()) return this.#plain(id);
    throw failure;
  }

  /** An index is only a shorter way: where it does not lead to a blob, what the packs say themselves counts too. False when they have been asked. */
  async #askPacks(): Promise<boolean> {
    const packs = [...this.#unproven.values()];
    this.#unproven.clear();
    for (const pack of packs) {
      this.#asked.add(pack.name);
      const table = await unlessDamaged(this.readTable(pack));
      if (table !== undefined) this.#place(table);
    }
    return packs.length > 0;
  }

  #remember(name: string, plain: Buffer): void {
    this.#cache.set(name, plain);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHED) break;
      this.#cache.delete(oldest);
    }
  }

  /** An index that cannot be read is as good as absent: the footers say the same. */
  async #readIndexes(): Promise<void> {
    for await (const { name } of this.#store.list('index')) {
      const bytes = await unlessDamaged(this.#store.get(name));
      if (bytes === undefined || name !== `index/${sha256Hex(bytes)}`) continue;
      try {
        for (const pack of decodeIndex(bytes, this.#keys.vaultId, this.#keys.indexKey.reveal()).packs) this.#add(pack);
      } catch {
        // Not this appliance's, or damaged: `verify` says so.
      }
    }
  }
}
