import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
  webcrypto,
} from 'node:crypto';
import { TAG_LENGTH } from './format.ts';

/** The primitives of docs/vault-format.md section 4.1 and the derivation of 4.2. */

export function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function sha256Hex(...parts: Uint8Array[]): string {
  return sha256(...parts).toString('hex');
}

/** As `sha256Hex`, beside this thread: it is for megabytes. */
export async function sha256Aside(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** ASCII label ‖ zero ‖ `rest`: what keeps one use of a key apart from every other. */
export function label(purpose: string, rest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`portcullis/1 ${purpose}\0`, 'ascii'), rest]);
}

const EMPTY = Buffer.alloc(0);

export function derive(
  key: Uint8Array,
  vaultId: Uint8Array,
  purpose: string,
  salt: Uint8Array = EMPTY,
  length = 32,
): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, label(purpose, vaultId), length));
}

/** Node's ciphers make a new buffer with every call: small ones are gone again sooner. */
const CIPHER_STEP = 128 << 10;

function nonce(counter: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(counter, 8);
  return bytes;
}

/** AES-256-GCM: ciphertext and tag. `counter` must never repeat under one key. */
export function gcmSeal(key: Uint8Array, counter: number, aad: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(counter));
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** As `gcmSeal`, into `target` from `at`, without holding the whole ciphertext a second time. Returns its length. */
export function gcmSealInto(
  key: Uint8Array,
  counter: number,
  aad: Uint8Array,
  plain: Uint8Array,
  target: Buffer,
  at: number,
): number {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(counter));
  cipher.setAAD(aad);
  let end = at;
  for (let from = 0; from < plain.length; from += CIPHER_STEP) {
    end += cipher.update(plain.subarray(from, from + CIPHER_STEP)).copy(target, end);
  }
  end += cipher.final().copy(target, end);
  end += cipher.getAuthTag().copy(target, end);
  return end - at;
}

/** The plaintext of `gcmSeal`'s output. Throws when a bit differs or the key is another. */
export function gcmOpen(key: Uint8Array, counter: number, aad: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < TAG_LENGTH) throw new Error('shorter than its tag');
  const cipher = createDecipheriv('aes-256-gcm', key, nonce(counter), { authTagLength: TAG_LENGTH });
  cipher.setAAD(aad);
  cipher.setAuthTag(sealed.subarray(sealed.length - TAG_LENGTH));
  const plain = cipher.update(sealed.subarray(0, sealed.length - TAG_LENGTH));
  // In this mode it checks the tag, and has nothing to add.
  cipher.final();
  return plain;
}

// Node takes raw keys only inside DER; these are the fixed prefixes of RFC 8410 for 32-byte keys.
const PREFIX = {
  ed25519Private: Buffer.from('302e020100300506032b657004220420', 'hex'),
  ed25519Public: Buffer.from('302a300506032b6570032100', 'hex'),
  x25519Private: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};

function privateKey(prefix: Buffer, raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'pkcs8' });
}

function rawPublic(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
}

/** The Ed25519 public key of a 32-byte seed. */
export function verifyKeyOf(seed: Uint8Array): Buffer {
  return rawPublic(privateKey(PREFIX.ed25519Private, seed));
}

/** The X25519 public key of a 32-byte private key. */
export function x25519PublicOf(secret: Uint8Array): Buffer {
  return rawPublic(privateKey(PREFIX.x25519Private, secret));
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Buffer {
  return sign(null, message, privateKey(PREFIX.ed25519Private, seed));
}

export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([PREFIX.ed25519Public, publicKey]);
  return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
}
