import { sign } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { AuthOf, IntakeSource } from '../../daemon/intake/ports.ts';
import { authenticatorOf, decoyOf, secretFault } from '../../daemon/intake/schemes.ts';
import { type Bench, bench, detector, post, sampleJson } from './helpers.ts';

const keys = sampleJson('sns-test-keys.json') as unknown as {
  pairs: { certificate: string; key: string }[];
  other: string;
  short: string;
};
const [first, second, third] = keys.pairs;
if (first === undefined || second === undefined || third === undefined) throw new Error('three pairs are needed');

const WALL = Date.parse('2026-11-28T00:00:00.000Z');
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alerts';
const URL_OF_CERTIFICATE = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem';

type Message = Record<string, unknown>;
const notification: Message = {
  Type: 'Notification',
  MessageId: '792cda85-518f-5dd3-9163-81d851212f3a',
  TopicArn: TOPIC,
  Message: '{"type":"agent.destructive"}\nand more',
  Timestamp: '2026-11-28T00:00:00.000Z',
  SignatureVersion: '2',
  SigningCertURL: URL_OF_CERTIFICATE,
};
const confirmation: Message = {
  ...notification,
  Type: 'SubscriptionConfirmation',
  Token: '2336412f37',
  SubscribeURL: `https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37`,
};

/** The message with Amazon's signature, as its documentation spells it out. */
function signed(message: Message, key = first?.key ?? '', algorithm = 'RSA-SHA256'): Message {
  const names =
    message['Type'] === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const text = names.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`])).join('');
  return { ...message, Signature: sign(algorithm, Buffer.from(text), key).toString('base64') };
}

function source(settings: object = {}, certificates = [first?.certificate, second?.certificate]): IntakeSource {
  const auth = {
    scheme: 'aws-sns',
    topics: [TOPIC],
    signatureVersion: 2,
    tolerance: '5m',
    ...settings,
    secrets: certificates.map((text) => Secret.fromText(text ?? '')),
  } as AuthOf<'aws-sns'>;
  return { ...detector, name: 'sns', auth };
}

function verdict(body: Message | Buffer, { wall = WALL, from = source() } = {}) {
  const attempt = authenticatorOf(from)([], wall);
  if (attempt.kind !== 'whole') throw new Error(attempt.kind);
  return attempt.verdict(Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)));
}

const refusal = (message: Message | Buffer, options = {}) => {
  const found = verdict(message, options);
  return found.authentic ? undefined : found.why;
};

test('each of two certificates is accepted, and no third', () => {
  expect(verdict(signed(notification))).toMatchObject({ authentic: true });
  expect(verdict(signed(notification, second.key))).toMatchObject({ authentic: true });
  expect(refusal(signed(notification, third.key))).toMatch(/^None of the pinned/);
  expect(verdict(signed(notification), { from: source({}, [second.certificate]) }).authentic).toBe(false);
});

test('with and without a subject, which is signed', () => {
  const about = signed({ ...notification, Subject: 'ALARM' });
  expect(verdict(about)).toMatchObject({ authentic: true });
  expect(verdict({ ...about, Subject: 'OK' }).authentic).toBe(false);
  expect(verdict({ ...signed(notification), Subject: 'ALARM' }).authentic).toBe(false);
});

test('only the version that is configured', () => {
  const old = signed({ ...notification, SignatureVersion: '1' }, first.key, 'RSA-SHA1');
  expect(verdict(old, { from: source({ signatureVersion: 1 }) })).toMatchObject({ authentic: true });
  expect(refusal(old)).toBe('Its signature is not of version 2.');
  expect(refusal({ ...old, SignatureVersion: '2' })).toMatch(/^None of the pinned/);
  expect(refusal(signed(notification), { from: source({ signatureVersion: 1 }) })).toContain('not of version 1');
});

test('every signed field counts', () => {
  for (const name of ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type', 'Signature']) {
    const sound = signed(notification);
    const { [name]: value, ...rest } = sound;
    expect([name, verdict(rest).authentic]).toEqual([name, false]);
    expect(verdict({ ...sound, [name]: `${value}x` }).authentic).toBe(false);
    expect(verdict({ ...sound, [name]: [value] }).authentic).toBe(false);
    expect(verdict({ ...sound, [name]: '' }).authentic).toBe(false);
  }
});

test('a signature is base64, whole, and written in one way', () => {
  const sound = signed(notification);
  const text = String(sound['Signature']);
  const hex = Buffer.from(text, 'base64').toString('hex');
  for (const other of [
    '',
    text.slice(0, -4),
    `${text}AAAA`,
    ` ${text}`,
    text.replace(/=+$/, ''),
    hex,
    'A'.repeat(9000),
  ])
    expect(verdict({ ...sound, Signature: other }).authentic).toBe(false);
});

test('another topic is refused, though Amazon signed it', () => {
  const other = signed({ ...notification, TopicArn: 'arn:aws:sns:eu-central-1:666666666666:alerts' });
  expect(refusal(other)).toBe('It is of another topic.');
});

test('a field with a newline in it cannot stand for two', () => {
  const joined = { ...notification, MessageId: `x\nTimestamp\n${notification['Timestamp']}` };
  expect(refusal(signed(joined))).toBe('It is no message of Amazon SNS.');
});

test('the time is held to its tolerance, both ways, and to the certificate', () => {
  for (const [drift, accepted] of [
    [300_000, true],
    [-300_000, true],
    [300_001, false],
    [-300_001, false],
  ] as const)
    expect(verdict(signed(notification), { wall: WALL + drift }).authentic).toBe(accepted);
  for (const time of ['2026-11-28', '2026-11-28T00:00:00', 'now', '2026-11-28T00:00:00+00:00'])
    expect(refusal(signed({ ...notification, Timestamp: time }))).toBe('It carries no time.');
  const early = '2020-01-01T00:00:00.000Z';
  expect(refusal(signed({ ...notification, Timestamp: early }), { wall: Date.parse(early) })).toContain('valid then');
});

test('a certificate from elsewhere is not even looked for', () => {
  for (const url of [
    'https://evil.example/x.pem',
    'http://sns.eu-central-1.amazonaws.com/x.pem',
    'https://sns.eu-central-1.amazonaws.com.evil.example/x.pem',
    'https://sns.eu-central-1.amazonaws.com@evil.example/x.pem',
    'https://evil.example/?sns.eu-central-1.amazonaws.com/x.pem',
    '',
  ])
    expect(refusal(signed({ ...notification, SigningCertURL: url }))).toBe(
      'Its certificate is not said to be of Amazon.',
    );
});

test.each(['', '{', '[]', 'null', '"x"', '{"Type":"__proto__"}', '{"Type":"constructor"}', '{"Type":7}', '\u00ff'])(
  '%j is no message',
  (text) => expect(refusal(Buffer.from(text, 'latin1'))).toBe('It is no message of Amazon SNS.'),
);

test('a subscription is told, with the way to confirm it', () => {
  const told = verdict(signed(confirmation));
  expect(told).toMatchObject({ authentic: true, note: expect.stringContaining(String(confirmation['SubscribeURL'])) });
  expect(verdict({ ...signed(confirmation), SubscribeURL: 'https://evil.example/' }).authentic).toBe(false);
  const long = signed({ ...confirmation, SubscribeURL: `https://sns.amazonaws.com/${'x'.repeat(500)}` });
  expect(verdict(long)).toMatchObject({ note: expect.stringContaining('with token 2336412f37') });
  const end = signed({ ...confirmation, Type: 'UnsubscribeConfirmation' });
  expect(verdict(end)).toMatchObject({ note: expect.stringContaining('no more alerts') });
});

test('what is no certificate of Amazon is a fault', () => {
  const faultOf = (text: string) => secretFault('aws-sns', Secret.fromText(text));
  for (const { certificate } of keys.pairs) expect(faultOf(certificate.trimEnd())).toBeUndefined();
  expect(faultOf('')).toBe('is not one certificate in PEM');
  expect(faultOf(first.certificate + second.certificate)).toBe('is not one certificate in PEM');
  expect(faultOf(first.certificate.slice(0, 500))).toBe('is not one certificate in PEM');
  expect(faultOf(keys.other)).toBe('is not a certificate of Amazon SNS');
  expect(faultOf(keys.short)).toBe('has a key that is not RSA of at least 2048 bits');
  // By mistake, and worth a silence.
  expect(() => authenticatorOf(source({}, [first.key]))).toThrow('is not one certificate in PEM');
  try {
    authenticatorOf(source({}, [first.key]));
  } catch (error) {
    expect(inspect(error)).not.toContain(first.key.slice(40, 80));
  }
});

test('its decoy does the same and accepts nothing', () => {
  for (const { key } of keys.pairs) {
    const attempt = decoyOf(source())([], WALL);
    if (attempt.kind !== 'whole') throw new Error(attempt.kind);
    expect(attempt.verdict(Buffer.from(JSON.stringify(signed(notification, key))))).toMatchObject({
      why: expect.stringMatching(/^None of the pinned/),
    });
  }
});

describe('over HTTP', () => {
  let intake: Bench;
  beforeAll(async () => {
    intake = await bench({ sources: [source()] });
  });
  afterAll(() => intake.stop());
  const now = (message: Message) => ({ ...message, Timestamp: new Date().toISOString() });
  const send = (path: string, message: Message) => post(intake.port, path, {}, JSON.stringify(message));

  test('an alert trips by its rule', async () => {
    const alert = signed(now(notification));
    // Envelope and all: what the rule looks at is not signed, but this is how formats see it.
    expect(await send('/alerts/sns', { ...alert, type: 'agent.destructive' })).toMatchObject({
      body: { tripped: true },
    });
    expect((await intake.delivered()).outcome).toBe('tripped');
  });

  test('a subscription trips nothing, is no heartbeat, and is recorded for the operator', async () => {
    intake.gate.causes.length = 0;
    for (const path of ['/alerts/sns', '/heartbeat/sns']) {
      const answer = await send(path, { ...signed(now(confirmation)), type: 'agent.destructive' });
      expect(answer).toMatchObject({ status: 202, body: { tripped: false } });
      expect(await intake.delivered()).toMatchObject({
        outcome: 'noted',
        detail: expect.stringMatching(/^Amazon SNS asks whether .*ConfirmSubscription/),
      });
    }
    expect(intake.gate.causes).toEqual([]);
  });

  test('a message sent again is a repetition, whatever is written around what is signed', async () => {
    const alert = signed(now({ ...notification, Message: 'again' }));
    for (const [extra, replay] of [
      [{}, undefined],
      [{ type: 'agent.destructive' }, true],
      [{ UnsubscribeURL: 'https://example.org' }, true],
    ] as const) {
      expect((await send('/alerts/sns', { ...alert, ...extra })).status).toBe(202);
      expect((await intake.delivered()).replay).toBe(replay);
    }
    await send('/heartbeat/sns', { ...alert, more: 1 });
    expect(await intake.delivered()).toMatchObject({ outcome: 'matched-none', replay: true });
  });

  test('a stranger hears nothing', async () => {
    const answer = await send('/alerts/sns', signed(now(notification), third.key));
    expect(answer).toMatchObject({ status: 401, body: { status: 'Unauthorized' } });
    expect((await intake.delivered()).outcome).toBe('refused');
  });
});
