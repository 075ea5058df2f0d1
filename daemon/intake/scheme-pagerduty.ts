import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { digestOf, hmacAttempt, keysOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/**
 * PagerDuty webhooks v3: `X-PagerDuty-Signature: v1=HEX,v1=HEX`, an HMAC-SHA256 over the body with each of the sender's
 * active secrets (developer.pagerduty.com, "Verifying Signatures"). Versions other than v1 are passed over.
 */
export const pagerduty: Scheme<'pagerduty'> = {
  fault: keyFault,
  generate: generateText,
  strength: () => 'signed body, replayable',

  authenticator({ secrets }) {
    const keys = keysOf(secrets);
    return (rawHeaders) => {
      const given = (soleHeader(rawHeaders, 'x-pagerduty-signature') ?? '')
        .split(',')
        .map((entry) => /^ *v1=(\S+) *$/.exec(entry)?.[1])
        .flatMap((hex) => digestOf(hex ?? '', 'hex') ?? []);
      return given.length === 0
        ? refused('It carries no single X-PagerDuty-Signature of version 1.')
        : hmacAttempt({ keys, given });
    };
  },
};
