import { BLOB_ENTRY_LENGTH, HEADER_LENGTH, ID_LENGTH, MAX_BLOB, TAG_LENGTH } from './format.ts';

/** One blob as a pack's footer and the index describe it. */
export interface BlobEntry {
  readonly id: Buffer;
  readonly compressed: boolean;
  readonly storedLength: number;
  readonly plainLength: number;
}

/** A blob with its place in the pack. */
export interface PlacedBlob extends BlobEntry {
  readonly index: number;
  readonly offset: number;
}

export function encodeBlobTable(blobs: readonly BlobEntry[]): Buffer {
  const bytes = Buffer.alloc(4 + blobs.length * BLOB_ENTRY_LENGTH);
  bytes.writeUInt32BE(blobs.length, 0);
  let at = 4;
  for (const blob of blobs) {
    bytes.writeUInt8(blob.compressed ? 1 : 0, at);
    blob.id.copy(bytes, at + 1);
    bytes.writeUInt32BE(blob.storedLength, at + 33);
    bytes.writeUInt32BE(blob.plainLength, at + 37);
    at += BLOB_ENTRY_LENGTH;
  }
  return bytes;
}

/** Length of the table at `from`. Throws when it is cut short. */
export function blobTableLength(bytes: Buffer, from = 0): number {
  const length = 4 + bytes.readUInt32BE(from) * BLOB_ENTRY_LENGTH;
  if (bytes.length < from + length) throw new Error('its table of blobs is cut short');
  return length;
}

/** The ids in a table, as views of it. */
export function* blobIds(table: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(table.buffer, table.byteOffset, table.byteLength);
  for (let at = 5; at < bytes.length; at += BLOB_ENTRY_LENGTH) yield bytes.subarray(at, at + ID_LENGTH);
}

/** Bytes of content of all blobs in a table. */
export function plainBytes(table: Uint8Array): number {
  const bytes = Buffer.from(table.buffer, table.byteOffset, table.byteLength);
  let sum = 0;
  for (let at = 4 + 37; at < bytes.length; at += BLOB_ENTRY_LENGTH) sum += bytes.readUInt32BE(at);
  return sum;
}

/** The table at `from`, and how long it is. Throws when it is cut short or a value cannot be. */
export function decodeBlobTable(bytes: Buffer, from = 0): { blobs: PlacedBlob[]; length: number } {
  const length = blobTableLength(bytes, from);
  const count = bytes.readUInt32BE(from);
  const blobs: PlacedBlob[] = [];
  let offset = HEADER_LENGTH;
  for (let index = 0; index < count; index++) {
    const at = from + 4 + index * BLOB_ENTRY_LENGTH;
    const flags = bytes.readUInt8(at);
    const storedLength = bytes.readUInt32BE(at + 33);
    const plainLength = bytes.readUInt32BE(at + 37);
    if (flags > 1 || storedLength < TAG_LENGTH || plainLength > MAX_BLOB) throw new Error(`blob ${index} cannot be`);
    const id = bytes.subarray(at + 1, at + 1 + ID_LENGTH);
    blobs.push({ id, compressed: flags === 1, storedLength, plainLength, index, offset });
    offset += storedLength;
  }
  return { blobs, length };
}
