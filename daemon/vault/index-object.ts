import { type BlobEntry, blobTableLength, decodeBlobTable, type PlacedBlob } from './blob-table.ts';
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

export interface IndexContent {
  readonly epoch: string;
  readonly packs: readonly IndexedPack[];
}

/** A pack as the index has it, its table of blobs as bytes: there may be millions of blobs. */
export interface TabledPack {
  readonly hash: string;
  readonly size: number;
  /** HEADER_LENGTH bytes. */
  readonly header: Uint8Array;
  readonly table: Uint8Array;
}

/** An index is finished by the pack that takes its tables past this many bytes: it is opened as a whole. */
export const INDEX_TARGET = 8 << 20;

export function encodeIndex(
  content: { readonly epoch: string; readonly packs: readonly TabledPack[] },
  vaultId: Buffer,
  indexKey: Uint8Array,
): Buffer {
  const parts: Uint8Array[] = [Buffer.from(content.epoch, 'hex'), uint32(content.packs.length)];
  for (const { hash, size, header, table } of content.packs) {
    parts.push(Buffer.from(hash, 'hex'), uint32(size), header, table);
  }
  return sealWhole(newHeader(TYPE.index), indexKey, 'index object', vaultId, deflate(Buffer.concat(parts)));
}

/** Throws when a bit differs or the index is another appliance's. */
export function openIndex(
  bytes: Buffer,
  vaultId: Buffer,
  indexKey: Uint8Array,
): { readonly epoch: string; readonly packs: TabledPack[] } {
  const header = readHeader(bytes, TYPE.index);
  const plain = inflate(openUnder(header, indexKey, 'index object', vaultId, bytes.subarray(HEADER_LENGTH)));
  const packs: TabledPack[] = [];
  let at = ID_LENGTH + 4;
  for (let left = plain.readUInt32BE(ID_LENGTH); left > 0; left--) {
    const head = at + ID_LENGTH + 4;
    const end = head + HEADER_LENGTH + blobTableLength(plain, head + HEADER_LENGTH);
    packs.push({
      hash: plain.toString('hex', at, at + ID_LENGTH),
      size: plain.readUInt32BE(at + ID_LENGTH),
      header: plain.subarray(head, head + HEADER_LENGTH),
      table: plain.subarray(head + HEADER_LENGTH, end),
    });
    at = end;
  }
  return { epoch: plain.toString('hex', 0, ID_LENGTH), packs };
}

/** As `openIndex`, with every blob spelled out. */
export function decodeIndex(bytes: Buffer, vaultId: Buffer, indexKey: Uint8Array): IndexContent {
  const { epoch, packs } = openIndex(bytes, vaultId, indexKey);
  return {
    epoch,
    packs: packs.map(({ hash, size, header, table }) => ({
      hash,
      size,
      header: readHeader(Buffer.from(header), TYPE.data, TYPE.metadata),
      blobs: decodeBlobTable(Buffer.from(table)).blobs,
    })),
  };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
