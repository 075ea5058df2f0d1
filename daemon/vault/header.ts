import { randomBytes } from 'node:crypto';
import { derive, gcmOpen, gcmSeal } from './crypto.ts';
import { HEADER_LENGTH, ID_LENGTH, MAGIC, type ObjectType, VERSION } from './format.ts';

/** The 76 bytes at the start of packs, indexes and manifests: docs/vault-format.md section 3.2. */
export interface Header {
  readonly type: ObjectType;
  readonly session: Buffer;
  readonly salt: Buffer;
  readonly bytes: Buffer;
}

const NO_SESSION = Buffer.alloc(ID_LENGTH);

export function newHeader(type: ObjectType, session: Buffer = NO_SESSION): Header {
  const salt = randomBytes(32);
  const bytes = Buffer.concat([MAGIC, Buffer.of(VERSION, type, 0, 0), session, salt]);
  return { type, session, salt, bytes };
}

/** Throws when `bytes` does not begin with a header of one of `types`. */
export function readHeader(bytes: Buffer, ...types: ObjectType[]): Header {
  if (bytes.length < HEADER_LENGTH || !bytes.subarray(0, 8).equals(MAGIC)) throw new Error('has no header of a vault');
  if (bytes[8] !== VERSION) throw new Error(`has version ${bytes[8]}; this program knows version ${VERSION}`);
  const type = types.find((known) => known === bytes[9]);
  if (type === undefined || bytes[10] !== 0 || bytes[11] !== 0) throw new Error(`is of type ${bytes[9]}`);
  return {
    type,
    session: bytes.subarray(12, 44),
    salt: bytes.subarray(44, HEADER_LENGTH),
    bytes: bytes.subarray(0, HEADER_LENGTH),
  };
}

/** The type in the bytes of a header. */
export function typeIn(header: Uint8Array): number | undefined {
  return header[9];
}

/** The session id in the bytes of a pack's header, in hex. */
export function sessionIn(header: Uint8Array): string {
  return Buffer.from(header.subarray(12, 44)).toString('hex');
}

/** A whole object that is one ciphertext: header, then AES-256-GCM under a key of its own. */
export function sealWhole(
  header: Header,
  key: Uint8Array,
  purpose: string,
  vaultId: Uint8Array,
  plain: Uint8Array,
): Buffer {
  return Buffer.concat([header.bytes, sealUnder(header, key, purpose, vaultId, plain)]);
}

/** AES-256-GCM bound to `header`, under the key derived for it and `purpose`. */
export function sealUnder(
  header: Header,
  key: Uint8Array,
  purpose: string,
  vaultId: Uint8Array,
  plain: Uint8Array,
): Buffer {
  return gcmSeal(derive(key, vaultId, purpose, header.salt), 0, Buffer.concat([vaultId, header.bytes]), plain);
}

export function openUnder(
  header: Header,
  key: Uint8Array,
  purpose: string,
  vaultId: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  return gcmOpen(derive(key, vaultId, purpose, header.salt), 0, Buffer.concat([vaultId, header.bytes]), sealed);
}
