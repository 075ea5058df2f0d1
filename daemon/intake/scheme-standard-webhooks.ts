import {
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  verify,
} from 'node:crypto';
import { durationMs } from '../base/duration.ts';
import { Secret } from '../base/secret.ts';
import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { type Age, decoded, digestOf, hmacAttempt, judged, secondsOf } from './signature.ts';

const SHARED = 'whsec_';
const PUBLIC = 'whpk_';
const MINIMUM = 24;
const ED25519 = { key: 32, signature: 64 };
/** What precedes the 32 bytes in a public key's DER (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** Each one that a stranger sends costs a verification with each key. */
const MOST_SIGNATURES = 4;

type Both = Pick<Scheme<'standard-webhooks' | 'gitlab'>, 'strength' | 'authenticator'>;

/**
 * Standard Webhooks 1.0 (github.com/standard-webhooks, spec): over `webhook-id . webhook-timestamp . body`, the body as
 * the bytes that arrived, an HMAC-SHA256 (`v1`) or a signature with Ed25519 (`v1a`, RFC 8032). `webhook-signature` lists
 * several apart by spaces, each `version,base64`.
 */
const both: Both = {
  strength: () => 'signed body + time',

  authenticator(auth) {
    const shared = auth.secrets.flatMap((secret) => keyOf(secret, SHARED) ?? []).map((key) => createSecretKey(key));
    const publics = auth.secrets.flatMap((secret) => keyOf(secret, PUBLIC) ?? []).map(publicKey);
    const toleranceMs = durationMs(auth.tolerance) ?? 0;
    return (rawHeaders, wall) => {
      const id = soleHeader(rawHeaders, 'webhook-id');
      const timestamp = soleHeader(rawHeaders, 'webhook-timestamp');
      const signatures = soleHeader(rawHeaders, 'webhook-signature');
      const at = secondsOf(timestamp);
      if (!id || at === undefined || !signatures) return refused('It carries no single id, timestamp and signature.');
      const entries = signatures.split(' ');
      const digests = entries.flatMap((entry) => (entry.startsWith('v1,') && digestOf(entry.slice(3), 'base64')) || []);
      const before = `${id}.${timestamp}.`;
      const age: Age = { at, ms: wall - at, toleranceMs };
      const attempt = hmacAttempt({ keys: shared, given: digests, before, age });
      if (publics.length === 0 || attempt.kind !== 'signed') return attempt;
      const given = entries.flatMap(
        (entry) => (entry.startsWith('v1a,') && decoded(entry.slice(4), 'base64', ED25519.signature)) || [],
      );
      if (given.length > MOST_SIGNATURES) return refused(`It carries more than ${MOST_SIGNATURES} signatures.`);
      return {
        kind: 'whole',
        verdict(body) {
          attempt.update(body);
          const macVerdict = attempt.verdict();
          if (macVerdict.authentic) return macVerdict;
          const message = Buffer.concat([Buffer.from(before, 'latin1'), body]);
          const signed = publics.some((key) => given.some((signature) => verify(null, message, key, signature)));
          return signed ? judged(true, age) : macVerdict;
        },
      };
    };
  },
};

export const standardWebhooks: Scheme<'standard-webhooks'> = {
  ...both,
  fault(secret) {
    if (keyOf(secret, 'whsk_') !== undefined)
      return 'is a private key: the sender keeps it, the `whpk_` key belongs here';
    const key = keyOf(secret, PUBLIC);
    if (key === undefined) return sharedFault(secret, `\`${SHARED}\` or \`${PUBLIC}\``);
    return key.length === ED25519.key
      ? undefined
      : `holds ${key.length} bytes; a public key of Ed25519 has ${ED25519.key}`;
  },
  generate: (like) =>
    keyOf(like, PUBLIC) === undefined
      ? generateShared()
      : Secret.fromText(
          PUBLIC +
            generateKeyPairSync('ed25519')
              .publicKey.export({ type: 'spki', format: 'der' })
              .subarray(SPKI.length)
              .toString('base64'),
        ),
};

/** GitLab's signing token is Standard Webhooks with `v1` (docs.gitlab.com, user/project/integrations/webhooks). */
export const gitlab: Scheme<'gitlab'> = {
  ...both,
  fault: (secret) => sharedFault(secret, `\`${SHARED}\``),
  generate: generateShared,
};

function sharedFault(secret: Secret, prefixes: string): string | undefined {
  const key = keyOf(secret, SHARED);
  if (key === undefined) return `is not ${prefixes} followed by base64`;
  if (key.length < MINIMUM) return `holds ${key.length} bytes; a signing secret needs at least ${MINIMUM}`;
  return undefined;
}

function generateShared(): Secret {
  return Secret.fromText(SHARED + randomBytes(32).toString('base64'));
}

function publicKey(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
}

/** The key in `PREFIX BASE64`, or undefined when it is not written so. Padding may be missing; anything else is refused. */
function keyOf(secret: Secret, prefix: string): Buffer | undefined {
  const text = secret.reveal().toString('latin1');
  const base64 = text.slice(prefix.length).replace(/=+$/, '');
  const key = Buffer.from(base64, 'base64');
  const canonical = text.startsWith(prefix) && key.toString('base64').replace(/=+$/, '') === base64;
  return canonical ? key : undefined;
}
