import { randomBytes } from 'node:crypto';
import { Secret } from '../base/secret.ts';
import { derive, hmac, verifyKeyOf } from './crypto.ts';
import { type PackType, VAULT_ID_LENGTH } from './format.ts';
import { gearTable } from './gear.ts';

/** What an appliance is: two secrets. Seal holds the first, the keeper the second, ship neither. */
export interface ApplianceSecrets {
  /** 32 bytes; everything in `SealingKeys` comes from it. */
  readonly sealing: Secret;
  /** 32 bytes: the Ed25519 seed that signs records. */
  readonly signing: Secret;
}

export function createApplianceSecrets(): ApplianceSecrets {
  return { sealing: new Secret(randomBytes(32)), signing: new Secret(randomBytes(32)) };
}

export function createVaultId(): Buffer {
  return randomBytes(VAULT_ID_LENGTH);
}

/** The raw Ed25519 public key that belongs to a signing seed. */
export function verifyKeyFor(signing: Secret): Buffer {
  return verifyKeyOf(signing.reveal());
}

/** What seal and every reader with a recovery key derive from the sealing secret. */
export interface SealingKeys {
  readonly vaultId: Buffer;
  readonly gear: Uint32Array;
  readonly indexKey: Secret;
  readonly blobIdKey: Secret;
  blobId(type: PackType, plain: Uint8Array): Buffer;
  sourceId(name: string): string;
}

export function sealingKeys(sealing: Secret, vaultId: Buffer): SealingKeys {
  const from = (purpose: string) => new Secret(derive(sealing.reveal(), vaultId, purpose));
  const blobIdKey = from('blob id');
  const sourceIdKey = from('source id');
  return {
    vaultId,
    gear: gearTable(sealing.reveal(), vaultId),
    indexKey: from('index'),
    blobIdKey,
    blobId: (type, plain) => blobIdUnder(blobIdKey.reveal(), type, plain),
    sourceId: (name) => hmac(sourceIdKey.reveal(), Buffer.from(name, 'utf8')).toString('hex'),
  };
}

const TYPES = { 1: Buffer.of(1), 2: Buffer.of(2) };

/** The id of a blob under the blob id key. */
export function blobIdUnder(key: Uint8Array, type: PackType, plain: Uint8Array): Buffer {
  return hmac(key, TYPES[type], plain);
}
