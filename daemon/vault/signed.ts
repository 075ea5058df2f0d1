import { canonical, type Json } from '../base/canonical.ts';
import { ed25519Sign, ed25519Verify, label } from './crypto.ts';

/** Signed documents: docs/vault-format.md section 3.10. */

export type SignedPurpose = 'record' | 'appliance';

const SIGNATURE_LINES = 130;

/** The signature over `body`, 128 hex digits. */
export function signBody(seed: Uint8Array, purpose: SignedPurpose, body: string): string {
  return ed25519Sign(seed, label(purpose, Buffer.from(body, 'utf8'))).toString('hex');
}

export function joinSigned(body: string, signature: string): Buffer {
  return Buffer.from(`${body}\n${signature}\n`, 'utf8');
}

export function writeSigned(seed: Uint8Array, purpose: SignedPurpose, content: Json): Buffer {
  const body = canonical(content);
  return joinSigned(body, signBody(seed, purpose, body));
}

/** The body's JSON value. Throws unless the signature holds under `verifyKey`. */
export function readSigned(verifyKey: Uint8Array, purpose: SignedPurpose, bytes: Buffer): unknown {
  const body = bytes.subarray(0, -SIGNATURE_LINES);
  const end = bytes.subarray(-SIGNATURE_LINES).toString('latin1');
  const signature = /^\n([0-9a-f]{128})\n$/.exec(end)?.[1];
  if (signature === undefined) throw new Error('does not end in a signature');
  if (!ed25519Verify(verifyKey, label(purpose, body), Buffer.from(signature, 'hex'))) {
    throw new Error('is not signed by this appliance');
  }
  return JSON.parse(body.toString('utf8'));
}
