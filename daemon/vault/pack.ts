import { type BlobEntry, decodeBlobTable, encodeBlobTable, type PlacedBlob } from './blob-table.ts';
import { DEFAULT_LEVEL, Deflater, inflate } from './compression.ts';
import { derive, gcmOpen, gcmSealInto, sha256Hex } from './crypto.ts';
import {
  HEADER_LENGTH,
  MAX_BLOB,
  PACK_TARGET,
  type PackType,
  packName,
  TAG_LENGTH,
  TAIL_LENGTH,
  TAIL_MAGIC,
  TYPE,
} from './format.ts';
import { type Header, newHeader, openUnder, readHeader, sealUnder } from './header.ts';

/** Packs: docs/vault-format.md section 3.3. */

/** A finished pack. */
export interface Pack {
  readonly hash: string;
  readonly name: string;
  readonly bytes: Buffer;
  readonly header: Header;
  readonly blobs: readonly BlobEntry[];
}

/** What a pack is written under. */
export interface PackKeys {
  readonly vaultId: Buffer;
  readonly session: { readonly id: Buffer; readonly key: Uint8Array };
  readonly indexKey: Uint8Array;
}

/** Memory for one pack after the other, and the compressor they share. */
export class PackRoom {
  readonly deflater: Deflater;
  bytes = Buffer.allocUnsafeSlow(PACK_TARGET + (4 << 20));

  constructor(level = DEFAULT_LEVEL) {
    this.deflater = new Deflater(level);
  }

  /** Makes sure that `more` bytes fit after the first `used`, which are kept. */
  reserve(used: number, more: number): void {
    if (used + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(used + more + PACK_TARGET / 2);
    this.bytes.copy(larger, 0, 0, used);
    this.bytes = larger;
  }
}

/** A pack in the making, all in memory. */
export class PackWriter {
  readonly #keys: PackKeys;
  readonly #room: PackRoom;
  readonly #header: Header;
  readonly #packKey: Buffer;
  readonly #blobs: BlobEntry[] = [];
  /** Bytes so far, footer and tail not counted. */
  length = HEADER_LENGTH;

  /** `room` belongs to this pack until `finish`. */
  constructor(type: PackType, keys: PackKeys, room = new PackRoom()) {
    this.#keys = keys;
    this.#room = room;
    this.#header = newHeader(type, keys.session.id);
    this.#packKey = derive(keys.session.key, keys.vaultId, 'pack', this.#header.salt);
    this.#header.bytes.copy(room.bytes);
  }

  get empty(): boolean {
    return this.#blobs.length === 0;
  }

  /** Adds one blob. `plain` is not kept. */
  add(id: Buffer, plain: Uint8Array): void {
    if (plain.length > MAX_BLOB) throw new RangeError(`a blob of ${plain.length} bytes`);
    const small = this.#room.deflater.deflate(plain);
    const compressed = small.length < plain.length;
    const content = compressed ? small : plain;
    const entry = { id, compressed, storedLength: content.length + TAG_LENGTH, plainLength: plain.length };
    const index = this.#blobs.length;
    const aad = blobAad(this.#keys.vaultId, this.#header, index, entry);
    this.#room.reserve(this.length, entry.storedLength);
    this.length += gcmSealInto(this.#packKey, index, aad, content, this.#room.bytes, this.length);
    this.#blobs.push(entry);
  }

  /** The pack. Its bytes are valid until the next one is begun in the same room. */
  finish(): Pack {
    const { vaultId, indexKey } = this.#keys;
    const footer = sealUnder(this.#header, indexKey, 'footer', vaultId, encodeBlobTable(this.#blobs));
    this.#room.reserve(this.length, footer.length + TAIL_LENGTH);
    const { bytes: room } = this.#room;
    footer.copy(room, this.length);
    const end = this.length + footer.length;
    room.writeUInt32BE(footer.length, end);
    TAIL_MAGIC.copy(room, end + 4);
    const bytes = room.subarray(0, end + TAIL_LENGTH);
    const hash = sha256Hex(bytes);
    return { hash, name: packName(hash), bytes, header: this.#header, blobs: this.#blobs };
  }
}

function blobAad(vaultId: Buffer, header: Header, index: number, blob: BlobEntry): Buffer {
  const numbers = Buffer.alloc(14);
  numbers.writeUInt32BE(index, 0);
  numbers.writeUInt8(header.type, 4);
  numbers.writeUInt8(blob.compressed ? 1 : 0, 5);
  numbers.writeUInt32BE(blob.plainLength, 6);
  numbers.writeUInt32BE(blob.storedLength, 10);
  return Buffer.concat([vaultId, header.salt, numbers]);
}

/** What a pack holds, from its footer. `read` gives bytes of the pack. Throws when anything does not fit. */
export async function readPackTable(
  read: (offset: number, length: number) => Promise<Buffer>,
  size: number,
  vaultId: Buffer,
  indexKey: Uint8Array,
): Promise<{ header: Header; blobs: PlacedBlob[] }> {
  if (size < HEADER_LENGTH + TAIL_LENGTH) throw new Error('is cut short');
  const header = readHeader(await read(0, HEADER_LENGTH), TYPE.data, TYPE.metadata);
  const tail = await read(size - TAIL_LENGTH, TAIL_LENGTH);
  if (tail.length !== TAIL_LENGTH || !tail.subarray(4).equals(TAIL_MAGIC)) throw new Error('is cut short');
  const footerLength = tail.readUInt32BE(0);
  const footerAt = size - TAIL_LENGTH - footerLength;
  if (footerAt < HEADER_LENGTH) throw new Error('its footer is longer than the pack');
  const footer = await read(footerAt, footerLength);
  const { blobs, length } = decodeBlobTable(openUnder(header, indexKey, 'footer', vaultId, footer));
  const last = blobs.at(-1);
  const blobsEnd = last === undefined ? HEADER_LENGTH : last.offset + last.storedLength;
  if (blobsEnd !== footerAt || length + TAG_LENGTH !== footerLength) throw new Error('its footer does not fit it');
  return { header, blobs };
}

/** The key of one pack. */
export function packKeyOf(sessionKey: Uint8Array, vaultId: Buffer, header: Header): Buffer {
  return derive(sessionKey, vaultId, 'pack', header.salt);
}

/** A blob's plaintext. Throws when a bit differs; the caller still has to compare the id. */
export function openBlob(
  packKey: Uint8Array,
  vaultId: Buffer,
  header: Header,
  blob: Omit<PlacedBlob, 'offset'>,
  stored: Uint8Array,
): Buffer {
  if (stored.length !== blob.storedLength) throw new Error('is cut short');
  const content = gcmOpen(packKey, blob.index, blobAad(vaultId, header, blob.index, blob), stored);
  if (blob.compressed) return inflate(content, blob.plainLength);
  if (content.length !== blob.plainLength) throw new Error('has another length than its table says');
  return content;
}
