import { randomBytes, verify, X509Certificate } from 'node:crypto';
import { isObject } from '../alerts/format.ts';
import { parseCertificateTime, parseTime } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { Secret } from '../base/secret.ts';
import type { Scheme, Verdict } from './scheme.ts';
import { decoded, judged } from './signature.ts';

/** Where a message says its certificate lies. It is never fetched: what is trusted is pinned. */
const CERTIFICATE_URL = /^https:\/\/sns\.[a-z0-9-]{3,}\.amazonaws\.com(?:\.cn)?\/[\w./-]+\.pem$/;
const SUBJECT = /^CN=sns\.(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?$/m;
const MINIMUM_BITS = 2048;
/** What a delivery's record has room for, beside the sentence. */
const LONGEST_URL = 400;

/** What is signed, in this order; each as `key newline value newline`, if it is there. */
const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
} as const;
type MessageType = keyof typeof SIGNED;

/**
 * Amazon SNS: each message carries an RSA signature, version 1 with SHA-1 and version 2 with SHA-256
 * (docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages"). Amazon signs for every customer with
 * the same key, so it is the topic that tells ours. A subscription is never confirmed from here.
 */
export const awsSns: Scheme<'aws-sns'> = {
  fault(secret) {
    const certificate = certificateOf(secret);
    if (certificate === undefined) return 'is not one certificate in PEM';
    if (!SUBJECT.test(certificate.subject)) return 'is not a certificate of Amazon SNS';
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
    if (asymmetricKeyType !== 'rsa' || (asymmetricKeyDetails?.modulusLength ?? 0) < MINIMUM_BITS)
      return `has a key that is not RSA of at least ${MINIMUM_BITS} bits`;
    return undefined;
  },

  /** The same certificate with another modulus, to which nobody has the private key. */
  generate(like) {
    const certificate = new X509Certificate(like.reveal());
    const bytes = Buffer.from(certificate.raw);
    const { n = '' } = certificate.publicKey.export({ format: 'jwk' });
    randomBytes(16).copy(bytes, bytes.indexOf(Buffer.from(n, 'base64url')) + 16);
    return Secret.fromText(`-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----`);
  },

  strength: () => 'signed body + time',

  authenticator({ secrets, topics, signatureVersion, tolerance }) {
    const certificates = secrets.flatMap((secret) => certificateOf(secret) ?? []).map(pinned);
    const algorithm = signatureVersion === 1 ? 'RSA-SHA1' : 'RSA-SHA256';
    const toleranceMs = durationMs(tolerance) ?? 0;

    function verdict(body: Buffer, wall: number): Verdict {
      const message = messageOf(body);
      if (message === undefined) return { authentic: false, why: 'It is no message of Amazon SNS.' };
      const { type, fields, text } = message;
      if (fields['SignatureVersion'] !== String(signatureVersion))
        return { authentic: false, why: `Its signature is not of version ${signatureVersion}.` };
      if (!CERTIFICATE_URL.test(fields['SigningCertURL'] ?? ''))
        return { authentic: false, why: 'Its certificate is not said to be of Amazon.' };
      const at = parseTime(fields['Timestamp'] ?? '');
      if (!fields['Timestamp']?.endsWith('Z') || at === undefined)
        return { authentic: false, why: 'It carries no time.' };
      const signed = certificates.some(({ key, bytes, from, to }) => {
        const signature = decoded(fields['Signature'] ?? '', 'base64', bytes);
        return signature !== undefined && verify(algorithm, text, key, signature) && at >= from && at <= to;
      });
      if (!signed) return { authentic: false, why: 'None of the pinned certificates signed it and was valid then.' };
      // After the signature: whoever sends from another topic is somebody, and an operator may have mistyped.
      if (!topics.includes(fields['TopicArn'] ?? '')) return { authentic: false, why: 'It is of another topic.' };
      const judgement = judged(true, { at, ms: wall - at, toleranceMs });
      if (!judgement.authentic) return judgement;
      const note = noteOf(type, fields);
      // Around what is signed anybody may change what he likes, and it would be another body.
      return { authentic: true, signed: { text }, ...(note !== undefined && { note }) };
    }

    return (_rawHeaders, wall) => ({ kind: 'whole', verdict: (body) => verdict(body, wall) });
  },
};

/** When the certificate in `secret` ends, in milliseconds since the epoch: from then on nothing is accepted with it. */
export function certificateEnd(secret: Secret): number | undefined {
  return parseCertificateTime(certificateOf(secret)?.validTo ?? '');
}

/** What a message says that is no alert, for the operator. */
function noteOf(type: MessageType, fields: Fields): string | undefined {
  switch (type) {
    case 'Notification':
      return undefined;
    case 'SubscriptionConfirmation': {
      const { SubscribeURL: url = '', Token: token = '' } = fields;
      const how = url.length <= LONGEST_URL ? `open ${url}` : `confirm it with token ${token.slice(0, LONGEST_URL)}`;
      return `Amazon SNS asks whether to send alerts here. If you subscribed, ${how}`;
    }
    case 'UnsubscribeConfirmation':
      return 'Amazon SNS says that it was told to send no more alerts here. If that was not you, find out who it was.';
    default:
      return type satisfies never;
  }
}

type Fields = Readonly<Record<string, string | undefined>>;

function messageOf(body: Buffer): { type: MessageType; fields: Fields; text: Buffer } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  if (!isObject(parsed)) return undefined;
  const fields: Fields = Object.fromEntries(
    Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  const type = fields['Type'];
  if (type === undefined || !Object.hasOwn(SIGNED, type)) return undefined;
  const keys = SIGNED[type as MessageType].filter((key) => Object.hasOwn(parsed, key));
  // A field that may hold a newline could stand for several; a message has always had several lines.
  if (keys.some((key) => fields[key] === undefined || (key !== 'Message' && /[\r\n]/.test(fields[key]))))
    return undefined;
  const text = keys.map((key) => `${key}\n${fields[key]}\n`).join('');
  return { type: type as MessageType, fields, text: Buffer.from(text) };
}

function certificateOf(secret: Secret): X509Certificate | undefined {
  const text = secret.reveal().toString('latin1');
  // Node takes the first of several, and the operator would not learn which.
  if (text.split('-----BEGIN').length !== 2) return undefined;
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function pinned({ publicKey, validFrom, validTo }: X509Certificate) {
  return {
    key: publicKey,
    bytes: (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8,
    from: parseCertificateTime(validFrom) ?? Number.POSITIVE_INFINITY,
    to: parseCertificateTime(validTo) ?? Number.NEGATIVE_INFINITY,
  };
}
