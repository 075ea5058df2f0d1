import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { IntakeSource } from '../../daemon/intake/ports.ts';
import { authenticatorOf, decoyOf, secretFault } from '../../daemon/intake/schemes.ts';
import { detector, NEXT_WHSEC, passes, prometheus, raw, sampleJson, signed, TOKEN, WHSEC } from './helpers.ts';

interface Vector {
  id: string;
  secret: string;
  body?: string;
  body_base64?: string;
  now: number;
  headers: Record<string, string>;
  expect: string;
}

const webhooks = (secrets: string[], tolerance = '300s'): IntakeSource => ({
  ...detector,
  auth: { scheme: 'standard-webhooks', secrets: secrets.map(Secret.fromText), tolerance },
});
const tokens = (...secrets: string[]): IntakeSource => ({
  ...prometheus,
  auth: { scheme: 'bearer', secrets: secrets.map(Secret.fromText) },
});

describe('Standard Webhooks', () => {
  const vectors = sampleJson('standard-webhooks-vectors.json') as unknown as Vector[];
  const applicable = vectors.filter(({ id }) => id !== 'standardwebhooks-empty-secret');

  test('all vectors are there', () => expect(vectors).toHaveLength(11));

  test.each(applicable)('$id: $expect', ({ secret, body, body_base64, now, headers, expect: expected }) => {
    const bytes = body_base64 === undefined ? Buffer.from(body ?? '') : Buffer.from(body_base64, 'base64');
    const authenticate = authenticatorOf(webhooks([secret]));
    const accepted = expected.startsWith('accept') || expected.startsWith('signature accept');
    for (const step of [bytes.length, 1, 3])
      expect(passes(authenticate(raw(headers), now * 1000), bytes, step)).toBe(accepted);
  });

  test('an empty secret is refused before anything is accepted with it', () => {
    const empty = vectors.find(({ id }) => id === 'standardwebhooks-empty-secret');
    expect(empty?.secret).toBe('whsec_');
    expect(() => authenticatorOf(webhooks([empty?.secret ?? '']))).toThrow(/alert source detector holds 0 bytes/);
  });

  const body = Buffer.from('{}');
  const wall = 1_700_000_000_000;

  test('the tolerance is exact at both ends', () => {
    const authenticate = authenticatorOf(webhooks([WHSEC], '10s'));
    const headers = raw(signed(body, { wall }));
    for (const [drift, accepted] of [
      [0, true],
      [10_000, true],
      [-10_000, true],
      [10_001, false],
      [-10_001, false],
    ] as const)
      expect([drift, passes(authenticate(headers, wall + drift), body)]).toEqual([drift, accepted]);
  });

  test('either of two secrets signs, and a signature of neither does not', () => {
    const authenticate = authenticatorOf(webhooks([WHSEC, NEXT_WHSEC]));
    for (const secret of [WHSEC, NEXT_WHSEC])
      expect(passes(authenticate(raw(signed(body, { wall, secret })), wall), body)).toBe(true);
    const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    expect(passes(authenticate(raw(signed(body, { wall, secret: other })), wall), body)).toBe(false);
  });

  test('a right signature of the wrong time is told apart, for the operator', () => {
    const attempt = authenticatorOf(webhooks([WHSEC]))(raw(signed(body, { wall })), wall + 400_000);
    if (attempt.kind !== 'signed') throw new Error(attempt.kind);
    attempt.update(body);
    expect(attempt.verdict()).toMatchObject({ authentic: false, why: expect.stringContaining('made 400 s ago') });
  });

  test('each header is needed once', () => {
    const authenticate = authenticatorOf(webhooks([WHSEC]));
    const headers = signed(body, { wall });
    for (const name of Object.keys(headers)) {
      const { [name]: value = '', ...rest } = headers;
      expect(authenticate(raw(rest), wall).kind).toBe('refused');
      expect(authenticate([...raw(headers), name, value], wall).kind).toBe('refused');
      expect(authenticate([...raw(headers), name.toUpperCase(), 'x'], wall).kind).toBe('refused');
      expect(authenticate(raw({ ...headers, [name]: '' }), wall).kind).toBe('refused');
    }
    expect(passes(authenticate(raw(headers), wall), body)).toBe(true);
  });

  test.each(['0x10', '1e9', '-5', ' 1700000000', '1700000000.0', 'NaN', '９'])(
    'timestamp %j is no timestamp',
    (text) => {
      const headers = { ...signed(body, { wall }), 'webhook-timestamp': text };
      expect(authenticatorOf(webhooks([WHSEC]))(raw(headers), wall).kind).toBe('refused');
    },
  );

  test('id and timestamp are signed too', () => {
    const authenticate = authenticatorOf(webhooks([WHSEC]));
    const headers = signed(body, { wall });
    expect(passes(authenticate(raw({ ...headers, 'webhook-id': 'msg_2' }), wall), body)).toBe(false);
    expect(passes(authenticate(raw({ ...headers, 'webhook-timestamp': '1700000001' }), wall), body)).toBe(false);
  });

  test.each([
    ['whsec_', 'holds 0 bytes'],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, 'holds 23 bytes'],
    [WHSEC.slice('whsec_'.length), 'is not `whsec_` or `whpk_`'],
    ['whsec_!!!!MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'is not `whsec_` or `whpk_`'],
    [`${WHSEC}\n`, 'is not `whsec_` or `whpk_`'],
    ['', 'is not `whsec_` or `whpk_`'],
  ])('secret %j %s', (secret, fault) => {
    expect(secretFault('standard-webhooks', Secret.fromText(secret))).toContain(fault);
  });

  test('padding of a secret may be missing', () => {
    expect(WHSEC.endsWith('=')).toBe(true);
    expect(secretFault('standard-webhooks', Secret.fromText(WHSEC.replace(/=+$/, '')))).toBeUndefined();
  });
});

describe('Bearer', () => {
  const authenticate = authenticatorOf(tokens(TOKEN, 'the-other-one-of-two-tokens'));

  test.each([
    [`Bearer ${TOKEN}`, true],
    [`bearer  ${TOKEN}`, true],
    ['Bearer the-other-one-of-two-tokens', true],
    [`Bearer ${TOKEN}x`, false],
    [`Bearer ${TOKEN.slice(0, -1)}`, false],
    [`Bearer ${TOKEN} ${TOKEN}`, false],
    [`Basic ${TOKEN}`, false],
    ['Bearer ', false],
    ['Bearer', false],
    ['', false],
  ])('%j → %s', (value, accepted) => {
    expect(passes(authenticate(['Authorization', value], 0), Buffer.alloc(0))).toBe(accepted);
  });

  test('a header sent twice counts as absent', () => {
    const value = `Bearer ${TOKEN}`;
    expect(authenticate(['authorization', value, 'Authorization', value], 0).kind).toBe('refused');
  });

  test.each([
    ['', 'has 0 characters'],
    ['x'.repeat(23), 'has 23 characters'],
    [`${'x'.repeat(30)} y`, 'holds a space'],
    [`${'x'.repeat(30)}ü`, 'holds a space or a character outside'],
  ])('token %j %s', (secret, fault) => {
    expect(secretFault('bearer', Secret.fromText(secret))).toContain(fault);
    expect(() => authenticatorOf(tokens(TOKEN, secret))).toThrow(`Secret 2 of alert source prometheus ${fault}`);
  });

  test('24 characters suffice', () => expect(secretFault('bearer', Secret.fromText('x'.repeat(24)))).toBeUndefined());
});

describe('Standard Webhooks, from shared to public', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw32 = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const authenticate = authenticatorOf(webhooks([WHSEC, `whpk_${raw32.toString('base64')}`]));
  const body = Buffer.from('{}');
  const wall = 1_700_000_000_000;
  const headers = signed(body, { wall });
  const v1 = headers['webhook-signature'] ?? '';
  const v1a = `v1a,${sign(null, Buffer.from(`msg_1.1700000000.${body}`), privateKey).toString('base64')}`;
  const other = `v1a,${Buffer.alloc(64).toString('base64')}`;
  const accepts = (signatures: string, at = wall) =>
    passes(authenticate(raw({ ...headers, 'webhook-signature': signatures }), at), body);

  test.each([
    [v1, true],
    [v1a, true],
    [`${v1a} ${v1}`, true],
    [`v1,AAAA ${other} ${v1a}`, true],
    [other, false],
    [v1a.replace('v1a', 'v1'), false],
    [v1.replace('v1', 'v1a'), false],
    [`${v1a.slice(0, -2)}`, false],
    [`${other} ${other} ${other} ${v1a}`, true],
    [`${other} ${other} ${other} ${other} ${v1a}`, false],
  ])('%s → %s', (signatures, accepted) => expect(accepts(signatures)).toBe(accepted));

  test('neither outlives the tolerance', () => {
    for (const signatures of [v1, v1a, `${v1} ${v1a}`]) expect(accepts(signatures, wall + 300_001)).toBe(false);
  });

  test('a private key is refused, and nobody is told it', () => {
    const secret = Secret.fromText(`whsk_${raw32.toString('base64')}`);
    expect(secretFault('standard-webhooks', secret)).toBe(
      'is a private key: the sender keeps it, the `whpk_` key belongs here',
    );
  });
});

describe('HMAC as configured', () => {
  const body = Buffer.from('{}');
  const wall = 1_700_000_000_000;
  const secret = 'a-secret-that-is-long-enough';
  const auth = { scheme: 'hmac', header: 'X-Sum', algorithm: 'sha256', tolerance: '5m', prefix: '' } as const;
  const source = (settings: object): IntakeSource => ({
    ...detector,
    auth: { ...auth, signed: '{body}', encoding: 'hex', ...settings, secrets: [Secret.fromText(secret)] },
  });
  const sum = (text: string, encoding: 'hex' | 'base64' = 'hex') =>
    createHmac('sha256', secret).update(text).digest(encoding);

  test.each([
    ['1700000000', true],
    ['1699999700', true],
    ['1699999699', false],
    ['1700000000123', true],
    ['1699999699999', false],
    ['2023-11-14T22:13:20Z', true],
    ['2023-11-14T23:13:20.5+01:00', true],
    ['2023-11-14T22:08:19Z', false],
    ['2023-11-14T22:13:20', false],
    ['2023-11-14', false],
    ['1700000000.0', false],
    ['', false],
  ])('the signed time %j → %s', (time, accepted) => {
    const authenticate = authenticatorOf(source({ signed: '{timestamp}.{body}', timestampHeader: 'X-Time' }));
    const headers = raw({ 'x-sum': sum(`${time}.{}`), 'x-time': time });
    expect(passes(authenticate(headers, wall), body)).toBe(accepted);
  });

  test('time after the body, in base64', () => {
    const authenticate = authenticatorOf(
      source({ signed: '{body}{timestamp}', timestampHeader: 'X-Time', encoding: 'base64' }),
    );
    const time = '2023-11-14T22:13:20Z';
    expect(passes(authenticate(raw({ 'x-sum': sum(`{}${time}`, 'base64'), 'x-time': time }), wall), body)).toBe(true);
    expect(passes(authenticate(raw({ 'x-sum': sum(`${time}{}`, 'base64'), 'x-time': time }), wall), body)).toBe(false);
  });

  test('the prefix is part of it', () => {
    const authenticate = authenticatorOf(source({ prefix: 'sha256=' }));
    for (const [value, accepted] of [
      [`sha256=${sum('{}')}`, true],
      [`sha256=${sum('{}').toUpperCase()}`, true],
      [sum('{}'), false],
      [`SHA256=${sum('{}')}`, false],
      [`sha256=sha256=${sum('{}')}`, false],
    ] as const)
      expect([value, passes(authenticate(raw({ 'x-sum': value }), wall), body)]).toEqual([value, accepted]);
  });
});

test('of PagerDuty only version 1 counts, wherever in the list it stands', () => {
  const secret = 'a-secret-that-is-long-enough';
  const auth = { scheme: 'pagerduty', secrets: [Secret.fromText(secret)] } as const;
  const authenticate = authenticatorOf({ ...detector, auth });
  const hex = createHmac('sha256', secret).update('{}').digest('hex');
  for (const [value, accepted] of [
    [`v1=${hex}`, true],
    [`v2=00,v1=${hex}`, true],
    [`v1=${hex},v1=${'0'.repeat(64)}`, true],
    [`v1=${'0'.repeat(64)}, v1=${hex}`, true],
    [`v2=${hex}`, false],
    [`xv1=${hex}`, false],
    [`v1=${hex}x`, false],
    [hex, false],
    [',', false],
  ] as const)
    expect([value, passes(authenticate(raw({ 'x-pagerduty-signature': value }), 0), Buffer.from('{}'))]).toEqual([
      value,
      accepted,
    ]);
});

test('Grafana signs in the header its documentation names, or in that of its code', () => {
  const secret = 'a-secret-that-is-long-enough';
  const auth = { scheme: 'grafana', tolerance: '5m', secrets: [Secret.fromText(secret)] } as const;
  const value = createHmac('sha256', secret).update('{}').digest('hex');
  for (const [settings, name, accepted] of [
    [{}, 'X-Grafana-Alerting-Signature', true],
    [{}, 'X-Grafana-Alert-Signature', true],
    [{}, 'X-Signed', false],
    [{ header: 'X-Signed' }, 'X-Signed', true],
    [{ header: 'X-Signed' }, 'X-Grafana-Alerting-Signature', false],
  ] as const) {
    const authenticate = authenticatorOf({ ...detector, auth: { ...auth, ...settings } });
    expect([name, passes(authenticate([name, value], 0), Buffer.from('{}'))]).toEqual([name, accepted]);
  }
});

test('a fault never quotes the secret', () => {
  const weak = 'hunter2hunter2';
  try {
    authenticatorOf(tokens(weak));
    expect.unreachable();
  } catch (error) {
    expect(hasCode(error, 'intake.secret')).toBe(true);
    expect(inspect(error)).not.toContain('hunter2');
  }
});

test('a decoy takes the same heads as its model and accepts none', () => {
  const body = Buffer.from('{}');
  const cases = [
    { source: detector, headers: raw(signed(body)), kind: 'signed' },
    { source: prometheus, headers: ['authorization', `Bearer ${TOKEN}`], kind: 'refused' },
  ];
  for (const { source, headers, kind } of cases) {
    const attempt = decoyOf(source)(headers, Date.now());
    expect(attempt.kind).toBe(kind);
    expect(passes(attempt, body)).toBe(false);
  }
});
