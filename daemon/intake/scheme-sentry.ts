import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { digestOf, hmacAttempt, keysOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/**
 * Sentry integrations: `Sentry-Hook-Signature: HEX`, an HMAC-SHA256 over the body with the client secret
 * (docs.sentry.io, "Webhooks" of the integration platform). `Sentry-Hook-Timestamp` is not signed: it is not looked at.
 */
export const sentry: Scheme<'sentry'> = {
  fault: keyFault,
  generate: generateText,
  strength: () => 'signed body, replayable',

  authenticator({ secrets }) {
    const keys = keysOf(secrets);
    return (rawHeaders) => {
      const digest = digestOf(soleHeader(rawHeaders, 'sentry-hook-signature') ?? '', 'hex');
      return digest === undefined
        ? refused('It carries no single Sentry-Hook-Signature.')
        : hmacAttempt({ keys, given: [digest] });
    };
  },
};
