import { PortcullisError } from '../base/errors.ts';
import { sha256Hex } from './crypto.ts';
import { type WrapPurpose, wrap } from './hpke.ts';

/** One recipient's copy of something wrapped. */
export interface Wrapped {
  readonly publicKey: string;
  readonly wrapped: string;
}

/**
 * The epoch of a set of recipients: blobs are shared only within one. `recipients` are raw X25519 public keys.
 * Throws `vault.recipient` when there is none or one is not 32 bytes.
 */
export function epochOf(recipients: readonly Uint8Array[]): string {
  if (recipients.length === 0) throw new PortcullisError('vault.recipient', 'There is no recipient to encrypt to.');
  for (const recipient of recipients) {
    if (recipient.length !== 32) {
      throw new PortcullisError('vault.recipient', `A recipient's public key has ${recipient.length} bytes, not 32.`);
    }
  }
  return sha256Hex(...[...recipients].sort(Buffer.compare));
}

export async function wrapForAll(
  recipients: readonly Uint8Array[],
  vaultId: Uint8Array,
  purpose: WrapPurpose,
  plain: Uint8Array,
): Promise<Wrapped[]> {
  const result: Wrapped[] = [];
  for (const recipient of recipients) {
    const wrapped = await wrap(recipient, vaultId, purpose, plain);
    result.push({ publicKey: Buffer.from(recipient).toString('hex'), wrapped: wrapped.toString('hex') });
  }
  return result;
}
