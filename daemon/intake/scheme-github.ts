import { bodySigned } from './body-signed.ts';
import { digestOf } from './signature.ts';

/**
 * GitHub: `X-Hub-Signature-256: sha256=HEX`, an HMAC-SHA256 over the body (docs.github.com, "Validating webhook
 * deliveries"). The older `X-Hub-Signature`, with SHA-1, is not looked at.
 */
export const github = bodySigned<'github'>('X-Hub-Signature-256', (value) => {
  const digest = digestOf(/^sha256=(\S+)$/.exec(value)?.[1] ?? '', 'hex');
  return digest === undefined ? [] : [digest];
});
