import type { SealingKeys } from './appliance-secrets.ts';
import { BlobMap } from './blob-map.ts';
import type { BlobEntry } from './blob-table.ts';
import { PACK_TARGET, type PackType, TYPE } from './format.ts';
import type { IndexContent, IndexedPack } from './index-object.ts';
import { type Pack, PackWriter } from './pack.ts';
import type { ListedPack } from './pack-set.ts';

/** Puts blobs into packs, each content once. At most one data and one metadata pack are in memory. */
export class BlobWriter {
  readonly #keys: SealingKeys;
  readonly #session: { readonly id: Buffer; readonly key: Uint8Array };
  readonly #stage: (pack: Pack) => Promise<void>;
  /** From blob id to a number in `#packs`. */
  readonly #map = new BlobMap();
  readonly #packs: (ListedPack | undefined)[] = [];
  readonly #needed = new Set<number>();
  readonly #open = new Map<PackType, { writer: PackWriter; number: number }>();
  readonly #written: IndexedPack<BlobEntry>[] = [];
  /** Bytes of finished packs. */
  newBytes = 0;

  /** `stage` writes a finished pack and resolves when it is durable. */
  constructor(
    keys: SealingKeys,
    session: { readonly id: Buffer; readonly key: Uint8Array },
    stage: (pack: Pack) => Promise<void>,
  ) {
    this.#keys = keys;
    this.#session = session;
    this.#stage = stage;
  }

  /** Makes the blobs of older packs known, but for those in `lost` packs. */
  know(indexes: readonly IndexContent[], lost: ReadonlySet<string>): void {
    for (const pack of indexes.flatMap((index) => index.packs)) {
      if (lost.has(pack.hash)) continue;
      const number = this.#packs.push(listed(pack)) - 1;
      for (const blob of pack.blobs) this.#map.add(blob.id, number);
    }
  }

  /** The id of a blob that holds `plain`, written now unless it is known. */
  async put(type: PackType, plain: Uint8Array): Promise<Buffer> {
    const id = this.#keys.blobId(type, plain);
    const known = this.#map.get(id);
    if (known !== undefined) {
      this.#needed.add(known);
      return id;
    }
    let open = this.#open.get(type);
    if (open === undefined) {
      const writer = new PackWriter(type, {
        vaultId: this.#keys.vaultId,
        session: this.#session,
        indexKey: this.#keys.indexKey.reveal(),
      });
      // The number is given out now, the name when the pack is finished.
      open = { writer, number: this.#packs.push(undefined) - 1 };
      this.#open.set(type, open);
    }
    open.writer.add(id, plain);
    this.#map.add(id, open.number);
    this.#needed.add(open.number);
    if (open.writer.length >= PACK_TARGET) await this.#finishPack(type);
    return id;
  }

  /** Finishes the packs that are still open. */
  async finish(): Promise<void> {
    await this.#finishPack(TYPE.data);
    await this.#finishPack(TYPE.metadata);
  }

  /** Packs written here. */
  get written(): readonly IndexedPack<BlobEntry>[] {
    return this.#written;
  }

  /** Every pack, old or new, that a blob asked for lies in, by name. Only after `finish`. */
  get needed(): Map<string, ListedPack> {
    const packs = [...this.#needed].map((number) => this.#packs[number]).filter((pack) => pack !== undefined);
    return new Map(packs.map((pack) => [pack.name, pack]));
  }

  async #finishPack(type: PackType): Promise<void> {
    const open = this.#open.get(type);
    if (open === undefined) return;
    this.#open.delete(type);
    const pack = open.writer.finish();
    await this.#stage(pack);
    const written = { hash: pack.hash, size: pack.bytes.length, header: pack.header, blobs: pack.blobs };
    this.#packs[open.number] = listed(written);
    this.#written.push(written);
    this.newBytes += pack.bytes.length;
  }
}

function listed({ hash, size, header }: IndexedPack<BlobEntry>): ListedPack {
  return { name: hash, size, session: header.session.toString('hex') };
}
