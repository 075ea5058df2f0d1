/** The constants of docs/vault-format.md, and nothing that acts. */

export const VERSION = 1;
export const MAGIC = Buffer.from('PORTCULL', 'ascii');
export const TAIL_MAGIC = Buffer.from('PORTTAIL', 'ascii');

export const HEADER_LENGTH = 76;
export const TAG_LENGTH = 16;
/** Length of the footer's length and the magic that end a pack. */
export const TAIL_LENGTH = 12;
export const BLOB_ENTRY_LENGTH = 41;
export const ID_LENGTH = 32;
export const VAULT_ID_LENGTH = 16;

export const TYPE = { data: 1, metadata: 2, manifest: 3, index: 4 } as const;
export type PackType = (typeof TYPE)['data' | 'metadata'];
export type ObjectType = (typeof TYPE)[keyof typeof TYPE];

/** A pack is finished by the blob that takes it past this many bytes. */
export const PACK_TARGET = 8 << 20;
/** No blob's plaintext is longer. */
export const MAX_BLOB = 8 << 20;
/** Contents shorter than this travel in bundles: their blob ids would be short work for a guesser. */
export const BUNDLE_BELOW = 4096;
/** A bundle is finished by the content that takes it past this many bytes. */
export const BUNDLE_TARGET = 1 << 20;
/** Most references in one line of the file list. */
export const REFERENCES_PER_LINE = 1000;
/** Once a record would name more pack sets than this, the smallest are taken up into new ones. */
export const MAX_PACK_SETS = 64;
/** A pack set lists no more: it is read as a whole. */
export const PACKS_PER_SET = 50_000;
/** A reader takes a record with so many pack sets, and no more. */
export const PACK_SETS_READ = 10_000;

/** `previous` of the first record, and the head of a vault without records. */
export const NO_RECORD = '0'.repeat(64);

export const FORMAT_NAME = 'FORMAT';

export function packName(hash: string): string {
  return `packs/${hash.slice(0, 2)}/${hash}`;
}

export function recordName(seq: number, hash: string): string {
  return `snapshots/${String(seq).padStart(10, '0')}-${hash}`;
}

const RECORD_NAME = /^snapshots\/(\d{10})-([0-9a-f]{64})$/;

/** Sequence and hash of a record's name, or undefined when `name` is none. */
export function parseRecordName(name: string): { seq: number; hash: string } | undefined {
  const match = RECORD_NAME.exec(name);
  return match?.[1] !== undefined && match[2] !== undefined ? { seq: Number(match[1]), hash: match[2] } : undefined;
}

const HASHED_NAME =
  /^(?:keys\/[a-z]+-|packs\/([0-9a-f]{2})\/|index\/|packsets\/|manifests\/|versions\/|snapshots\/\d{10}-)([0-9a-f]{64})$/;

/** The hash an object of this name must have, or undefined when the name is none of ours. */
export function hashInName(name: string): string | undefined {
  const match = HASHED_NAME.exec(name);
  if (match?.[2] === undefined || (match[1] !== undefined && !match[2].startsWith(match[1]))) return undefined;
  return match[2];
}
