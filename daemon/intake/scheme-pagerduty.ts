import { bodySigned } from './body-signed.ts';
import { digestOf } from './signature.ts';

/**
 * PagerDuty webhooks v3: `X-PagerDuty-Signature: v1=HEX,v1=HEX`, an HMAC-SHA256 over the body with each of the sender's
 * active secrets (developer.pagerduty.com, "Verifying Signatures"). Versions other than v1 are passed over.
 */
export const pagerduty = bodySigned<'pagerduty'>(
  'X-PagerDuty-Signature',
  (value) =>
    value
      .split(',')
      .map((entry) => /^ *v1=(\S+) *$/.exec(entry)?.[1])
      .flatMap((hex) => digestOf(hex ?? '', 'hex') ?? []),
  'X-PagerDuty-Signature of version 1',
);
