import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { label } from './crypto.ts';

/** Wrapping secrets for recipients: HPKE (RFC 9180), base mode, single shot. See docs/vault-format.md section 4.2. */

/** What is wrapped. Each has its own HPKE info, so that one can never be passed off as another. */
export type WrapPurpose = 'appliance' | 'session' | 'challenge';

const ENC_LENGTH = 32;

export const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** `enc` ‖ ciphertext for the holder of `publicKey` (32 bytes). */
export async function wrap(
  publicKey: Uint8Array,
  vaultId: Uint8Array,
  purpose: WrapPurpose,
  plain: Uint8Array,
): Promise<Buffer> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(exact(publicKey));
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: info(purpose, vaultId) }, exact(plain));
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]);
}

/** The plaintext of `wrap`'s output. Rejects when it was not wrapped for this key, vault and purpose. */
export async function unwrap(
  privateKey: Uint8Array,
  vaultId: Uint8Array,
  purpose: WrapPurpose,
  wrapped: Uint8Array,
): Promise<Buffer> {
  const recipientKey = await suite.kem.deserializePrivateKey(exact(privateKey));
  const enc = exact(wrapped.subarray(0, ENC_LENGTH));
  const plain = await suite.open(
    { recipientKey, enc, info: info(purpose, vaultId) },
    exact(wrapped.subarray(ENC_LENGTH)),
  );
  return Buffer.from(plain);
}

function info(purpose: WrapPurpose, vaultId: Uint8Array): ArrayBuffer {
  return exact(label(`wrap ${purpose}`, vaultId));
}

/** The library takes ArrayBuffers, and a Buffer's may be a shared pool. */
function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
