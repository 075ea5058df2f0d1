import { type BlobEntry, decodeBlobTable, encodeBlobTable, type PlacedBlob } from './blob-table.ts';
import { deflate, inflate } from './compression.ts';
import { HEADER_LENGTH, ID_LENGTH, TYPE } from './format.ts';
import { type Header, newHeader, openUnder, readHeader, sealWhole } from './header.ts';

/** Index objects: docs/vault-format.md section 3.6. */

export interface IndexedPack<Blob extends BlobEntry = PlacedBlob> {
  readonly hash: string;
  readonly size: number;
  readonly header: Header;
  readonly blobs: readonly Blob[];
}

export interface IndexContent<Blob extends BlobEntry = PlacedBlob> {
  readonly epoch: string;
  readonly packs: readonly IndexedPack<Blob>[];
}

export function encodeIndex(content: IndexContent<BlobEntry>, vaultId: Buffer, indexKey: Uint8Array): Buffer {
  const parts = [Buffer.from(content.epoch, 'hex'), uint32(content.packs.length)];
  for (const pack of content.packs) {
    parts.push(Buffer.from(pack.hash, 'hex'), uint32(pack.size), pack.header.bytes, encodeBlobTable(pack.blobs));
  }
  return sealWhole(newHeader(TYPE.index), indexKey, 'index object', vaultId, deflate(Buffer.concat(parts)));
}

/** Throws when a bit differs or the index is another appliance's. */
export function decodeIndex(bytes: Buffer, vaultId: Buffer, indexKey: Uint8Array): IndexContent {
  const header = readHeader(bytes, TYPE.index);
  const plain = inflate(openUnder(header, indexKey, 'index object', vaultId, bytes.subarray(HEADER_LENGTH)));
  let at = ID_LENGTH;
  const packs: IndexedPack[] = [];
  for (let left = plain.readUInt32BE(at), next = at + 4; left > 0; left--) {
    at = next + ID_LENGTH + 4;
    const pack = readHeader(plain.subarray(at), TYPE.data, TYPE.metadata);
    const { blobs, length } = decodeBlobTable(plain, at + HEADER_LENGTH);
    const hash = plain.toString('hex', next, next + ID_LENGTH);
    packs.push({ hash, size: plain.readUInt32BE(next + ID_LENGTH), header: pack, blobs });
    next = at + HEADER_LENGTH + length;
  }
  return { epoch: plain.toString('hex', 0, ID_LENGTH), packs };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
