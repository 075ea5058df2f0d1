import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { authenticatorOf, decoyOf, secretFault, strengthOf } from '../../daemon/intake/schemes.ts';
import { type Bench, bench, detector, passes, post, raw } from './helpers.ts';
import { SENDERS, sourceOf } from './senders.ts';

const body = Buffer.from('{"type":"agent.destructive","x":"\u00fc"}');
const WALL = 1_700_000_000_000;

test('every scheme of the configuration has a sender here', () => {
  const { auth } = configSchema.shape.intake.unwrap().shape.sources.unwrap().element.shape;
  const schemes = auth.options.map(({ shape }) => shape.scheme.value);
  // Amazon SNS signs what stands in the body, and a certificate is shown before any request: aws-sns.test.ts, mtls.test.ts.
  expect(['aws-sns', 'mtls', ...new Set(SENDERS.map(({ scheme }) => scheme))].sort()).toEqual([...schemes].sort());
});

describe.each(SENDERS)('$name', (sender) => {
  const { secrets, send, signs, proof, scheme } = sender;
  const authenticate = authenticatorOf(sourceOf(sender));
  const accepts = (headers: readonly string[], rest?: string, sent = body, wall = WALL) =>
    passes(authenticate(headers, wall, rest), sent);
  const sound = send(secrets[0], body, WALL);
  const needed = Object.keys(sound.headers).filter((name) => name !== 'x-gitlab-event');

  test('accepts each of two secrets, in pieces of any size, and no third', () => {
    for (const [index, secret] of secrets.entries()) {
      const { headers, rest } = send(secret, body, WALL);
      for (const step of [body.length, 1, 7])
        expect(passes(authenticate(raw(headers), WALL, rest), body, step)).toBe(index < 2);
    }
  });

  test('accepts one secret alone, and not the one that was taken away', () => {
    const alone = authenticatorOf(sourceOf(sender, 1));
    for (const [index, secret] of secrets.entries()) {
      const { headers, rest } = send(secret, body, WALL);
      expect(passes(alone(raw(headers), WALL, rest), body)).toBe(index === 0);
    }
  });

  test('accepts bytes that are no text, and nothing at all', () => {
    for (const sent of [Buffer.from([0xff, 0, 0xc3]), Buffer.alloc(0)]) {
      const { headers, rest } = send(secrets[0], sent, WALL);
      expect(accepts(raw(headers), rest, sent)).toBe(true);
    }
  });

  if (signs !== 'nothing')
    test('refuses a body with any one byte changed, missing or added', () => {
      for (let at = 0; at < body.length; at++) {
        const changed = Buffer.from(body);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(accepts(raw(sound.headers), sound.rest, changed)).toBe(false);
      }
      expect(accepts(raw(sound.headers), sound.rest, body.subarray(1))).toBe(false);
      expect(accepts(raw(sound.headers), sound.rest, Buffer.concat([body, Buffer.from(' ')]))).toBe(false);
      expect(accepts(raw(sound.headers), sound.rest, Buffer.from(body.toString('latin1')))).toBe(false);
    });

  test('needs each header once', () => {
    for (const name of needed) {
      const { [name]: value = '', ...others } = sound.headers;
      // By its head: a stranger's body is not worth a hash.
      if (name === proof) expect(authenticate(raw(others), WALL, sound.rest).kind).toBe('refused');
      expect(accepts(raw(others))).toBe(false);
      expect(accepts([...raw(sound.headers), name, value])).toBe(false);
      expect(accepts([...raw(sound.headers), name.toUpperCase(), 'x'])).toBe(false);
      expect(accepts(raw({ ...sound.headers, [name]: '' }))).toBe(false);
      expect(accepts([...raw(others), name.toUpperCase(), value])).toBe(true);
    }
  });

  if (proof !== undefined)
    test('refuses a proof that is empty, cut, written otherwise, or huge', () => {
      const name = proof ?? '';
      const value = sound.headers[name] ?? '';
      const lead = /^(.*,|\S+ |\w+=(?=[0-9a-f]{64}))/.exec(value)?.[0] ?? '';
      const core = value.slice(lead.length);
      const bytes = Buffer.from(core, /^[0-9a-f]+$/.test(core) ? 'hex' : 'base64');
      const others = [
        lead,
        core.slice(0, -1),
        `${core}0`,
        `${core}=`,
        `${core.slice(0, 8)} ${core.slice(8)}`,
        `"${core}"`,
        ...(bytes.length > 16 ? [bytes.toString('base64url').replace(/[0-9a-f]/, '_'), bytes.toString('latin1')] : []),
        'A'.repeat(15_000),
        core.repeat(200),
        `${'v1,AAAA '.repeat(1500)}`,
      ];
      for (const other of others) {
        if (other === core) continue;
        expect([other.slice(0, 80), accepts(raw({ ...sound.headers, [name]: lead + other }))]).toEqual([
          other.slice(0, 80),
          false,
        ]);
        expect(accepts(raw({ ...sound.headers, [name]: other }))).toBe(false);
      }
    });

  if (signs !== 'nothing')
    test('does not take the other way of writing bytes', () => {
      const name = proof ?? '';
      const value = sound.headers[name] ?? '';
      const core = /[0-9a-f]{64}$|[A-Za-z0-9+/]+=*$/.exec(value)?.[0] ?? '';
      const hex = /^[0-9a-f]{64}$/.test(core);
      const other = Buffer.from(core, hex ? 'hex' : 'base64').toString(hex ? 'base64' : 'hex');
      expect(accepts(raw({ ...sound.headers, [name]: value.replace(core, other) }))).toBe(false);
    });

  if (signs === 'body and time')
    test('holds the signed time to its tolerance, both ways', () => {
      for (const [drift, accepted] of [
        [0, true],
        [300_000, true],
        [-300_000, true],
        [300_001, false],
        [-300_001, false],
        [86_400_000, false],
      ] as const)
        expect([drift, accepts(raw(sound.headers), sound.rest, body, WALL + drift)]).toEqual([drift, accepted]);
      // A time the signature does not know is no time.
      const name = needed.find((header) => /time|at$/.test(header)) ?? '';
      for (const other of ['1700000001', '', 'now', '-1', '1e9', ' 1700000000', '99999999999999999999'])
        expect(accepts(raw({ ...sound.headers, [name]: other }))).toBe(false);
    });

  if (signs !== 'body and time')
    test('cannot tell a replay', () => {
      expect(accepts(raw(sound.headers), sound.rest, body, WALL + 1e12)).toBe(true);
    });

  test('says what it proves', () => {
    const strength = {
      nothing: 'shared secret in a header',
      body: 'signed body, replayable',
      'body and time': 'signed body + time',
    };
    expect(strengthOf(sourceOf(sender).auth)).toBe(
      proof === undefined ? 'secret in the URL: appears in logs' : strength[signs],
    );
  });

  test('refuses weak secrets and never repeats one', () => {
    for (const secret of secrets) expect(secretFault(scheme, Secret.fromText(secret))).toBeUndefined();
    for (const weak of sender.weak) {
      const source = sourceOf({ ...sender, secrets: [weak, secrets[1], secrets[2]] });
      let thrown: unknown;
      try {
        authenticatorOf(source);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'intake.secret' });
      if (weak.length > 6) expect(inspect(thrown)).not.toContain(weak.trim());
    }
  });

  test('a reason names no secret and nothing that was sent', () => {
    const wrong = send(secrets[2], body, WALL);
    const requests = [
      { headers: {}, wall: WALL },
      { ...wrong, wall: WALL },
      ...(signs === 'body and time' ? [{ ...sound, wall: WALL + 1e9 }] : []),
      ...(proof === undefined ? [] : [{ headers: { ...sound.headers, [proof]: 'sent-by-a-stranger' }, wall: WALL }]),
    ];
    for (const { headers, wall, ...request } of requests) {
      const attempt = authenticate(raw(headers), wall, 'rest' in request ? request.rest : undefined);
      if (attempt.kind === 'signed') attempt.update(body);
      const verdict =
        attempt.kind === 'signed' ? attempt.verdict() : attempt.kind === 'whole' ? attempt.verdict(body) : attempt;
      const why = 'why' in verdict ? verdict.why : '';
      expect(why).toMatch(/^(It|The) .*\.$|^Its .*\.$/);
      for (const text of [...secrets, 'sent-by-a-stranger', ...Object.values(headers)]) expect(why).not.toContain(text);
    }
  });

  test('its decoy does the same and accepts nothing', () => {
    const source = sourceOf(sender);
    const decoy = decoyOf(source);
    for (const secret of secrets) {
      const { headers, rest } = send(secret, body, WALL);
      const attempt = decoy(raw(headers), WALL, rest);
      const real = authenticate(raw(send(secrets[2], body, WALL).headers), WALL, secrets[2]);
      expect(attempt.kind).toBe(real.kind);
      expect(passes(attempt, body)).toBe(false);
    }
  });

  test('no head makes it throw, and none that is made up is accepted', () => {
    const value = fc.oneof(
      fc.string({ maxLength: 100 }),
      fc.constantFrom('v1,', 'v1a,', 'v1=', 'sha256=', 'v0=', 'Bearer x', 'Basic x', '1700000000', ',', ' ', '='),
      fc.constantFrom('', ...Object.values(sound.headers)).map((text) => text.slice(0, -2)),
    );
    const head = fc.array(fc.tuple(fc.constantFrom(...needed, 'x'), value), { maxLength: 6 });
    fc.assert(
      fc.property(head, fc.option(value, { nil: undefined }), (headers, rest) => {
        expect(accepts(headers.flat(), rest)).toBe(false);
      }),
      { seed: 20260425, numRuns: 200 },
    );
  });
});

describe('over HTTP', () => {
  const logged: unknown[] = [];
  const note = (...line: unknown[]) => void logged.push(line);
  let intake: Bench;
  beforeAll(async () => {
    intake = await bench({
      sources: SENDERS.map((sender) => sourceOf(sender)),
      log: { debug: note, info: note, warn: note, error: note },
    });
  });
  afterAll(() => intake.stop());

  test.each(SENDERS)('$name trips with its secret, and hears nothing with another', async ({ name, secrets, send }) => {
    const { gate, port } = intake;
    gate.causes.length = 0;
    const to = (rest?: string) => `/alerts/${name}${rest === undefined ? '' : `/${rest}`}`;
    const now = Date.now();
    const wrong = send(secrets[2], body, now);
    const refusal = await post(port, to(wrong.rest), wrong.headers, body);
    expect(refusal).toMatchObject({ status: 401, body: { status: 'Unauthorized' } });
    expect(Object.keys(refusal.body)).toEqual(['status']);
    expect(gate.causes).toEqual([]);
    expect((await intake.delivered()).outcome).toBe('refused');
    const right = send(secrets[1], body, now);
    expect(await post(port, to(right.rest), right.headers, body)).toMatchObject({
      status: 202,
      body: { tripped: true },
    });
    expect(gate.causes).toHaveLength(1);
    expect((await intake.delivered()).outcome).toBe('tripped');
    // Of its own: what was sent before is no sign of life.
    const beat = Buffer.from('{"alive":true}');
    const alive = send(secrets[1], beat, now);
    const heartbeat = await post(port, to(alive.rest).replace('alerts', 'heartbeat'), alive.headers, beat);
    expect(heartbeat).toMatchObject({ status: 202, body: { tripped: false } });
    expect((await intake.delivered()).outcome).toBe('heartbeat');
    const told = JSON.stringify([intake.deliveries, gate.causes, logged]);
    for (const secret of secrets) expect(told).not.toContain(secret);
  });

  test('the longest secret in a path arrives, and nothing else does', async () => {
    const longest = 'x'.repeat(100);
    const auth = { scheme: 'secret-path', secrets: [Secret.fromText(longest)] } as const;
    const source = { ...detector, name: 'splunk', auth };
    const splunk = await bench({ sources: [source] });
    expect(await post(splunk.port, `/alerts/splunk/${longest}`, {}, body)).toMatchObject({ status: 202 });
    expect(await post(splunk.port, `/alerts/splunk/${longest}x`, {}, body)).toMatchObject({ status: 404 });
    expect(await post(splunk.port, '/alerts/splunk', {}, body)).toMatchObject({ status: 401 });
    expect(await post(splunk.port, '/alerts/splunk/', {}, body)).toMatchObject({ status: 401 });
    expect(await post(splunk.port, `/alerts/splunk/${longest}/x`, {}, body)).toMatchObject({ status: 404 });
    expect(await post(splunk.port, `/alerts/splunk?${longest}`, {}, body)).toMatchObject({ status: 401 });
    await splunk.stop();
  });

  test('a body too large to be checked at once is refused with 413, and recorded', async () => {
    const large = Buffer.alloc(5000, ' ');
    const sender = SENDERS.find(({ name }) => name === 'standard-webhooks-v1a');
    if (sender === undefined) throw new Error('no such sender');
    const { headers } = sender.send(sender.secrets[0], large, Date.now());
    intake.gate.causes.length = 0;
    expect(await post(intake.port, `/alerts/${sender.name}`, headers, large)).toMatchObject({ status: 413 });
    expect(await intake.delivered()).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('may have been an alert'),
    });
    expect(intake.gate.causes).toEqual([]);
  });
});
