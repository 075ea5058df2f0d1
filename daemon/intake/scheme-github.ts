import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { digestOf, hmacAttempt, keysOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/**
 * GitHub: `X-Hub-Signature-256: sha256=HEX`, an HMAC-SHA256 over the body (docs.github.com, "Validating webhook
 * deliveries"). The older `X-Hub-Signature`, with SHA-1, is not looked at.
 */
export const github: Scheme<'github'> = {
  fault: keyFault,
  generate: generateText,
  strength: () => 'signed body, replayable',

  authenticator({ secrets }) {
    const keys = keysOf(secrets);
    return (rawHeaders) => {
      const [, hex = ''] = /^sha256=(\S+)$/.exec(soleHeader(rawHeaders, 'x-hub-signature-256') ?? '') ?? [];
      const digest = digestOf(hex, 'hex');
      return digest === undefined
        ? refused('It carries no single X-Hub-Signature-256.')
        : hmacAttempt({ keys, given: [digest] });
    };
  },
};
