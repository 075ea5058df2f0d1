import { encodeBlobTable } from './blob-table.ts';
import { DEFAULT_LEVEL } from './compression.ts';
import { PACK_TARGET, type PackType, TYPE } from './format.ts';
import type { TabledPack } from './index-object.ts';
import type { KnownBlobs } from './known-blobs.ts';
import { type Pack, type PackKeys, PackRoom, PackWriter } from './pack.ts';

/** What blobs are written under. */
export interface BlobKeys extends PackKeys {
  blobId(type: PackType, plain: Uint8Array): Buffer;
}

/** A finished pack as the other threads of a sealing are told of it. */
export interface WrittenPack extends TabledPack {
  /** Its number in `KnownBlobs`. */
  readonly number: number;
}

/** Puts blobs into packs, each content once among all writers that share `blobs`. At most one data and one metadata pack are in memory. */
export class BlobWriter {
  readonly #keys: BlobKeys;
  readonly #blobs: KnownBlobs;
  readonly #stage: (pack: Pack) => void;
  readonly #wrote: (pack: WrittenPack) => void;
  readonly #level: number;
  readonly #rooms = new Map<PackType, PackRoom>();
  readonly #open = new Map<PackType, { writer: PackWriter; number: number }>();

  /** `stage` takes a finished pack's bytes before it returns; then `wrote` is called. `level` is zstd's. */
  constructor(
    keys: BlobKeys,
    blobs: KnownBlobs,
    stage: (pack: Pack) => void,
    wrote: (pack: WrittenPack) => void,
    level = DEFAULT_LEVEL,
  ) {
    this.#keys = keys;
    this.#blobs = blobs;
    this.#stage = stage;
    this.#wrote = wrote;
    this.#level = level;
  }

  /** The id of a blob that holds `plain`, written now unless it is known. Throws as `stage` does. */
  put(type: PackType, plain: Uint8Array): Buffer {
    const id = this.#keys.blobId(type, plain);
    const known = this.#blobs.find(id);
    if (known !== undefined) {
      this.#blobs.need(known, plain.length);
      return id;
    }
    const open = this.#open.get(type) ?? this.#begin(type);
    const taken = this.#blobs.claim(id, open.number);
    this.#blobs.need(taken ?? open.number, plain.length);
    if (taken === undefined) {
      open.writer.add(id, plain);
      if (open.writer.length >= PACK_TARGET) this.#finish(type);
    }
    return id;
  }

  /** Finishes the packs that are still open. */
  finish(): void {
    this.#finish(TYPE.data);
    this.#finish(TYPE.metadata);
  }

  #begin(type: PackType): { writer: PackWriter; number: number } {
    let room = this.#rooms.get(type);
    if (room === undefined) {
      room = new PackRoom(this.#level);
      this.#rooms.set(type, room);
    }
    // The number is given out now, the name when the pack is finished.
    const open = { writer: new PackWriter(type, this.#keys, room), number: this.#blobs.newPack() };
    this.#open.set(type, open);
    return open;
  }

  #finish(type: PackType): void {
    const open = this.#open.get(type);
    this.#open.delete(type);
    if (open === undefined || open.writer.empty) return;
    const pack = open.writer.finish();
    this.#stage(pack);
    const { hash, bytes, header, blobs } = pack;
    this.#wrote({
      number: open.number,
      hash,
      size: bytes.length,
      header: header.bytes,
      table: encodeBlobTable(blobs),
    });
  }
}
