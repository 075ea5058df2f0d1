import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { generateText, headerFault, isOneOf } from './text-secret.ts';

/** `Authorization: Bearer TOKEN` (RFC 6750). */
export const bearer: Scheme<'bearer'> = {
  fault: (secret) => headerFault(secret),
  generate: generateText,
  strength: () => 'shared secret in a header',

  authenticator({ secrets }) {
    const known = isOneOf(secrets.map((secret) => secret.reveal()));
    return (rawHeaders) => {
      const token = /^bearer +(\S+)$/i.exec(soleHeader(rawHeaders, 'authorization') ?? '')?.[1];
      if (token === undefined) return refused('It carries no single bearer token.');
      return known(token) ? { kind: 'authentic' } : refused('Its token is wrong.');
    };
  },
};
