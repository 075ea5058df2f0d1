import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Secret } from '../../daemon/base/secret.ts';
import type { AuthOf, IntakeSource, SchemeName } from '../../daemon/intake/ports.ts';
import { detector, signed } from './helpers.ts';

/** A sender as its maker documents it, written without the code it is to be told by. */
export interface Sender {
  readonly name: string;
  readonly scheme: SchemeName;
  readonly settings: object;
  /** Two that are configured, and one that is not. */
  readonly secrets: readonly [string, string, string];
  readonly weak: readonly string[];
  /** What it proves: the body, or the body and a time, or nothing but a secret. */
  readonly signs: 'nothing' | 'body' | 'body and time';
  /** The header that proves it. None: it stands in the path. */
  readonly proof: string | undefined;
  send(
    secret: string,
    body: Buffer,
    wall: number,
  ): { readonly headers: Record<string, string>; readonly rest?: string };
}

export function sourceOf({ name, scheme, settings, secrets }: Sender, count = 2): IntakeSource {
  const auth = { scheme, ...settings, secrets: secrets.slice(0, count).map(Secret.fromText) } as AuthOf<SchemeName>;
  return { ...detector, name, auth };
}

const TEXTS = [
  'first-secret-of-the-sender-0123',
  'second-secret-of-the-sender-456',
  'a-secret-of-somebody-else-789',
] as const;
const WHSECS = [shared(1), shared(2), shared(3)] as const;
const TOLERANCE = { tolerance: '5m' };
const WEAK_KEYS = ['', 'short-secret-of-23-byte', ` ${TEXTS[0]}`, `${TEXTS[0]}\n`];
const WEAK_TOKENS = ['', 'short-token-of-23-bytes', `${TEXTS[0]} x`, `${TEXTS[0]}ü`];
const WEAK_SHARED = ['', 'whsec_', `whsec_${Buffer.alloc(23, 1).toString('base64')}`, TEXTS[0], `${WHSECS[0]}!`];

const hmacOf = (secret: string, text: string | Buffer, encoding: 'hex' | 'base64' = 'hex', algorithm = 'sha256') =>
  createHmac(algorithm, secret).update(text).digest(encoding);
const at = (wall: number) => String(Math.floor(wall / 1000));
const joined = (...parts: (string | Buffer)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

const pairs = new Map<string, KeyObject>();
const PUBLICS = [publicKey(), publicKey(), publicKey()] as const;

export const SENDERS: readonly Sender[] = [
  {
    name: 'standard-webhooks-v1',
    scheme: 'standard-webhooks',
    settings: TOLERANCE,
    secrets: WHSECS,
    weak: WEAK_SHARED,
    signs: 'body and time',
    proof: 'webhook-signature',
    send: (secret, body, wall) => ({ headers: signed(body, { secret, wall }) }),
  },
  {
    name: 'standard-webhooks-v1a',
    scheme: 'standard-webhooks',
    settings: TOLERANCE,
    secrets: PUBLICS,
    weak: ['whpk_', `whpk_${Buffer.alloc(31, 1).toString('base64')}`, `whsk_${Buffer.alloc(32, 1).toString('base64')}`],
    signs: 'body and time',
    proof: 'webhook-signature',
    send(secret, body, wall) {
      const key = pairs.get(secret);
      if (key === undefined) throw new Error('no such key');
      const signature = sign(null, joined(`msg_1.${at(wall)}.`, body), key).toString('base64');
      const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': at(wall), 'webhook-signature': `v1a,${signature}` };
      return { headers };
    },
  },
  {
    name: 'gitlab',
    scheme: 'gitlab',
    settings: TOLERANCE,
    secrets: WHSECS,
    weak: [...WEAK_SHARED, PUBLICS[0]],
    signs: 'body and time',
    proof: 'webhook-signature',
    send: (secret, body, wall) => ({ headers: { 'x-gitlab-event': 'Push Hook', ...signed(body, { secret, wall }) } }),
  },
  {
    name: 'gitlab-token',
    scheme: 'gitlab-token',
    settings: {},
    secrets: TEXTS,
    weak: WEAK_TOKENS,
    signs: 'nothing',
    proof: 'x-gitlab-token',
    send: (secret) => ({ headers: { 'x-gitlab-token': secret } }),
  },
  {
    name: 'github',
    scheme: 'github',
    settings: {},
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body',
    proof: 'x-hub-signature-256',
    send: (secret, body) => ({ headers: { 'x-hub-signature-256': `sha256=${hmacOf(secret, body)}` } }),
  },
  {
    name: 'pagerduty',
    scheme: 'pagerduty',
    settings: {},
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body',
    proof: 'x-pagerduty-signature',
    send: (secret, body) => ({
      headers: { 'x-pagerduty-signature': `v1=${hmacOf('another active secret', body)},v1=${hmacOf(secret, body)}` },
    }),
  },
  {
    name: 'sentry',
    scheme: 'sentry',
    settings: {},
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body',
    proof: 'sentry-hook-signature',
    send: (secret, body) => ({ headers: { 'sentry-hook-signature': hmacOf(secret, body) } }),
  },
  {
    name: 'grafana',
    scheme: 'grafana',
    settings: TOLERANCE,
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body',
    proof: 'x-grafana-alerting-signature',
    send: (secret, body) => ({ headers: { 'x-grafana-alerting-signature': hmacOf(secret, body) } }),
  },
  {
    name: 'grafana-with-time',
    scheme: 'grafana',
    settings: { ...TOLERANCE, header: 'X-Signed', timestampHeader: 'X-Signed-At' },
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body and time',
    proof: 'x-signed',
    send: (secret, body, wall) => ({
      headers: { 'x-signed': hmacOf(secret, joined(`${at(wall)}:`, body)), 'x-signed-at': at(wall) },
    }),
  },
  {
    name: 'hmac',
    scheme: 'hmac',
    settings: { ...TOLERANCE, header: 'X-Sum', algorithm: 'sha512', encoding: 'base64', prefix: '', signed: '{body}' },
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body',
    proof: 'x-sum',
    send: (secret, body) => ({ headers: { 'x-sum': hmacOf(secret, body, 'base64', 'sha512') } }),
  },
  {
    name: 'hmac-with-time',
    scheme: 'hmac',
    settings: {
      ...TOLERANCE,
      header: 'X-Sum',
      algorithm: 'sha256',
      encoding: 'hex',
      prefix: 'v0=',
      signed: 'v0:{timestamp}:{body}/end',
      timestampHeader: 'X-Time',
    },
    secrets: TEXTS,
    weak: WEAK_KEYS,
    signs: 'body and time',
    proof: 'x-sum',
    send: (secret, body, wall) => ({
      headers: { 'x-sum': `v0=${hmacOf(secret, joined(`v0:${at(wall)}:`, body, '/end'))}`, 'x-time': at(wall) },
    }),
  },
  {
    name: 'bearer',
    scheme: 'bearer',
    settings: {},
    secrets: TEXTS,
    weak: WEAK_TOKENS,
    signs: 'nothing',
    proof: 'authorization',
    send: (secret) => ({ headers: { authorization: `Bearer ${secret}` } }),
  },
  {
    name: 'basic',
    scheme: 'basic',
    settings: { username: 'siem' },
    secrets: TEXTS,
    weak: WEAK_TOKENS,
    signs: 'nothing',
    proof: 'authorization',
    send: (secret) => ({ headers: { authorization: `Basic ${Buffer.from(`siem:${secret}`).toString('base64')}` } }),
  },
  {
    name: 'secret-path',
    scheme: 'secret-path',
    settings: {},
    secrets: TEXTS,
    weak: [...WEAK_TOKENS, 'a/b'.repeat(10), 'x'.repeat(101), '.'.repeat(24)],
    signs: 'nothing',
    proof: undefined,
    send: (secret) => ({ headers: {}, rest: secret }),
  },
];

function shared(byte: number): string {
  return `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
}

function publicKey(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const text = `whpk_${Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')}`;
  pairs.set(text, privateKey);
  return text;
}
