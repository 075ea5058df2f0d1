import { randomBytes } from 'node:crypto';
import { PortcullisError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { x25519PublicOf } from './crypto.ts';
import { unwrap, wrap } from './hpke.ts';

/** What opens a vault, with what tells its snapshots from forged ones. Its file: `key-file.ts`. */
export interface RecoveryKey {
  readonly vaultId: Buffer;
  /** The appliance's Ed25519 public key. */
  readonly verifyKey: Buffer;
  /** X25519. */
  readonly privateKey: Secret;
  readonly publicKey: Buffer;
}

export function createRecoveryKey(vaultId: Buffer, verifyKey: Buffer): RecoveryKey {
  return recoveryKey(vaultId, verifyKey, randomBytes(32));
}

/** `secret` is a raw X25519 private key. */
export function recoveryKey(vaultId: Buffer, verifyKey: Buffer, secret: Buffer): RecoveryKey {
  return { vaultId, verifyKey, privateKey: new Secret(secret), publicKey: x25519PublicOf(secret) };
}

/** A challenge only the holder of the private half of `publicKey` can answer, and its answer. */
export async function createChallenge(
  publicKey: Uint8Array,
  vaultId: Buffer,
): Promise<{ challenge: string; answer: string }> {
  const answer = randomBytes(8);
  const challenge = await wrap(publicKey, vaultId, 'challenge', answer);
  return { challenge: challenge.toString('hex'), answer: answer.toString('hex') };
}

/** The answer to a challenge. Rejects with `vault.recipient` when it was made for another key. */
export async function answerChallenge(key: RecoveryKey, challenge: string): Promise<string> {
  try {
    const wrapped = Buffer.from(challenge, 'hex');
    return (await unwrap(key.privateKey.reveal(), key.vaultId, 'challenge', wrapped)).toString('hex');
  } catch (error) {
    throw new PortcullisError('vault.recipient', 'This recovery key does not open the challenge.', { cause: error });
  }
}
