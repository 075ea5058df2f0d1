import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Secret } from '../base/secret.ts';

/** What the schemes whose secret is a text have in common. */

const MINIMUM = 24;

/** For secrets that are only ever keys: any bytes will do. */
export function keyFault(secret: Secret): string | undefined {
  if (secret.length < MINIMUM) return `has ${secret.length} bytes; a signing secret needs at least ${MINIMUM}`;
  // Pasted along with it: the sender signs without it, and every alert would be refused.
  if (/^\s|\s$/.test(secret.reveal().toString('latin1'))) return 'begins or ends with white space';
  return undefined;
}

/** For secrets that a header carries as they are. */
export function headerFault(secret: Secret, called = 'a token'): string | undefined {
  if (secret.length < MINIMUM) return `has ${secret.length} characters; ${called} needs at least ${MINIMUM}`;
  // What a header cannot carry unchanged would never match.
  if (secret.reveal().some((byte) => byte < 0x21 || byte > 0x7e))
    return 'holds a space or a character outside printable ASCII, which a header cannot carry';
  return undefined;
}

export const generateText = (): Secret => Secret.fromText(randomBytes(32).toString('hex'));

/** Whether a text is one of `known`. Digests are compared, so neither length nor prefix shows in the time it takes. */
export function isOneOf(known: readonly Buffer[]): (text: string) => boolean {
  const digests = known.map(sha256);
  return (text) => {
    const digest = sha256(Buffer.from(text, 'latin1'));
    let found = false;
    for (const candidate of digests) found = timingSafeEqual(candidate, digest) || found;
    return found;
  };
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
