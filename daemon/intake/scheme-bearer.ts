import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Secret } from '../base/secret.ts';
import { soleHeader } from './headers.ts';
import type { Scheme } from './scheme.ts';

const MINIMUM = 24;

/** `Authorization: Bearer TOKEN` (RFC 6750). Digests are compared, so neither length nor prefix shows in the time it takes. */
export const bearer: Scheme<'bearer'> = {
  fault(secret) {
    if (secret.length < MINIMUM) return `has ${secret.length} characters; a token needs at least ${MINIMUM}`;
    // What a header cannot carry unchanged would never match.
    if (secret.reveal().some((byte) => byte < 0x21 || byte > 0x7e))
      return 'holds a space or a character outside printable ASCII, which a header cannot carry';
    return undefined;
  },

  generate: () => Secret.fromText(randomBytes(32).toString('hex')),

  authenticator(auth) {
    const digests = auth.secrets.map((secret) => sha256(secret.reveal()));
    return (rawHeaders) => {
      const token = /^bearer +(\S+)$/i.exec(soleHeader(rawHeaders, 'authorization') ?? '')?.[1];
      if (token === undefined) return { kind: 'refused', why: 'It carries no single bearer token.' };
      const digest = sha256(Buffer.from(token, 'latin1'));
      let authentic = false;
      for (const known of digests) authentic = timingSafeEqual(known, digest) || authentic;
      return authentic ? { kind: 'authentic' } : { kind: 'refused', why: 'Its token is wrong.' };
    };
  },
};

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
