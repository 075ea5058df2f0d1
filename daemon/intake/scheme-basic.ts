import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { generateText, headerFault, isOneOf } from './text-secret.ts';

/** `Authorization: Basic BASE64(user:password)` (RFC 7617). */
export const basic: Scheme<'basic'> = {
  fault: (secret) => headerFault(secret, 'a password'),
  generate: generateText,
  strength: () => 'shared secret in a header',

  authenticator({ username, secrets }) {
    // The text as it stands in the header: one user and password have one way of being written.
    const known = isOneOf(
      secrets.map((secret) => {
        const pair = Buffer.concat([Buffer.from(`${username}:`), secret.reveal()]);
        return Buffer.from(pair.toString('base64'));
      }),
    );
    return (rawHeaders) => {
      const pair = /^basic +(\S+)$/i.exec(soleHeader(rawHeaders, 'authorization') ?? '')?.[1];
      if (pair === undefined) return refused('It carries no single user name and password.');
      return known(pair) ? { kind: 'authentic' } : refused('Its user name or password is wrong.');
    };
  },
};
