import { bodySigned } from './body-signed.ts';
import { digestOf } from './signature.ts';

/**
 * Sentry integrations: `Sentry-Hook-Signature: HEX`, an HMAC-SHA256 over the body with the client secret
 * (docs.sentry.io, "Webhooks" of the integration platform). `Sentry-Hook-Timestamp` is not signed: it is not looked at.
 */
export const sentry = bodySigned<'sentry'>('Sentry-Hook-Signature', (value) => {
  const digest = digestOf(value, 'hex');
  return digest === undefined ? [] : [digest];
});
