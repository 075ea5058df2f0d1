import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import { durationMs } from '../base/duration.ts';
import { Secret } from '../base/secret.ts';
import { soleHeader } from './headers.ts';
import type { Scheme } from './scheme.ts';

const PREFIX = 'whsec_';
const MINIMUM = 24;

/**
 * Standard Webhooks 1.0, symmetric: HMAC-SHA256 over `webhook-id . webhook-timestamp . body`, the body as the bytes that
 * arrived. `webhook-signature` lists several signatures apart by spaces, each `version,base64`; only `v1` counts.
 */
export const standardWebhooks: Scheme<'standard-webhooks'> = {
  fault(secret) {
    const key = keyOf(secret);
    if (key === undefined) return `is not \`${PREFIX}\` followed by base64`;
    if (key.length < MINIMUM) return `holds ${key.length} bytes; a signing secret needs at least ${MINIMUM}`;
    return undefined;
  },

  generate: () => Secret.fromText(PREFIX + randomBytes(32).toString('base64')),

  authenticator(auth) {
    const keys = auth.secrets.map((secret) => createSecretKey(keyOf(secret) ?? Buffer.alloc(0)));
    const toleranceMs = durationMs(auth.tolerance) ?? 0;
    return (rawHeaders, wall) => {
      const id = soleHeader(rawHeaders, 'webhook-id');
      const timestamp = soleHeader(rawHeaders, 'webhook-timestamp');
      const signatures = soleHeader(rawHeaders, 'webhook-signature');
      if (!id || !timestamp || !/^\d{1,11}$/.test(timestamp) || !signatures)
        return { kind: 'refused', why: 'It carries no single id, timestamp and signature.' };
      const given = signatures
        .split(' ')
        .filter((entry) => entry.startsWith('v1,'))
        .map((entry) => Buffer.from(entry.slice(3), 'latin1'));
      const macs = keys.map((key) => createHmac('sha256', key).update(`${id}.${timestamp}.`, 'latin1'));
      const ageMs = wall - Number(timestamp) * 1000;
      return {
        kind: 'signed',
        update(chunk) {
          for (const mac of macs) mac.update(chunk);
        },
        verdict() {
          let signed = false;
          for (const mac of macs) {
            const wanted = Buffer.from(mac.digest('base64'), 'latin1');
            // timingSafeEqual throws on another length, and a length is no secret.
            for (const entry of given)
              signed = (entry.length === wanted.length && timingSafeEqual(entry, wanted)) || signed;
          }
          if (!signed) return { authentic: false, why: 'Its signature is wrong.' };
          if (Math.abs(ageMs) > toleranceMs) return { authentic: false, why: staleness(ageMs) };
          return { authentic: true };
        },
      };
    };
  },
};

function staleness(ageMs: number): string {
  const seconds = Math.round(Math.abs(ageMs) / 1000);
  const where = ageMs > 0 ? 'ago' : 'in the future';
  return `Its signature is right but was made ${seconds} s ${where}: a replay, or one of the two clocks is wrong.`;
}

/** The key in `whsec_BASE64`, or undefined when it is not written so. Padding may be missing; anything else is refused. */
function keyOf(secret: Secret): Buffer | undefined {
  const text = secret.reveal().toString('latin1');
  const base64 = text.slice(PREFIX.length).replace(/=+$/, '');
  const key = Buffer.from(base64, 'base64');
  const canonical = text.startsWith(PREFIX) && key.toString('base64').replace(/=+$/, '') === base64;
  return canonical ? key : undefined;
}
