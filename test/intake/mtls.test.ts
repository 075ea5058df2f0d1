import { createHash, X509Certificate } from 'node:crypto';
import { createConnection } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Peer } from '../../daemon/intake/peer.ts';
import type { AuthOf, IntakeSource } from '../../daemon/intake/ports.ts';
import { authenticatorOf, decoyOf, strengthOf } from '../../daemon/intake/schemes.ts';
import { type Answered, authorized, type Bench, bench, detector, prometheus } from './helpers.ts';
import { certificateFiles, dial, KEYS, postOver } from './tls-bench.ts';

const body = '{"type":"agent.destructive"}';
const fingerprint = (pem: string) => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const colons = (hex: string) => hex.toUpperCase().replace(/..(?!$)/g, '$&:');
const PRINT = fingerprint(KEYS.alerts.certificate);

function source(settings: Partial<AuthOf<'mtls'>>, name = 'siem'): IntakeSource {
  return { ...detector, name, auth: { scheme: 'mtls', ...settings, secrets: [] } };
}

const alerts: Peer = {
  names: ['alerts.example.org', 'spiffe://example.org/alerts', 'alerts@example.org', 'siem'],
  fingerprint: PRINT,
};

describe('the scheme', () => {
  const kind = (settings: Partial<AuthOf<'mtls'>>, peer: Peer | undefined) =>
    authenticatorOf(source(settings))([], 0, undefined, () => peer).kind;

  test('accepts one of two names, of any kind, and one of two fingerprints, and no third', () => {
    for (const name of alerts.names) {
      expect(kind({ names: ['another', name] }, alerts)).toBe('authentic');
      expect(kind({ names: [name, 'another'] }, alerts)).toBe('authentic');
    }
    expect(kind({ names: ['another', 'third'] }, alerts)).toBe('refused');
    const other = fingerprint(KEYS.plain.certificate);
    for (const written of [PRINT, PRINT.toUpperCase(), colons(PRINT)])
      expect(kind({ fingerprints: [other, written] }, alerts)).toBe('authentic');
    expect(kind({ fingerprints: [other] }, alerts)).toBe('refused');
    expect(kind({ names: ['another'], fingerprints: [PRINT] }, alerts)).toBe('authentic');
    expect(kind({ names: ['siem'], fingerprints: [other] }, alerts)).toBe('authentic');
    expect(kind({}, alerts)).toBe('refused');
  });

  test('compares names exactly', () => {
    for (const name of [
      'Alerts.example.org',
      '*.example.org',
      'example.org',
      'alerts.example.org.',
      'SIEM',
      'sie',
      'siem ',
    ])
      expect(kind({ names: [name] }, alerts)).toBe('refused');
    expect(kind({ names: ['alerts.example.org'] }, { ...alerts, names: ['*.example.org', ''] })).toBe('refused');
  });

  test('refuses who shows none, in words that tell nothing', () => {
    const authenticate = authenticatorOf(source({ names: ['siem'] }));
    for (const attempt of [
      authenticate([], 0),
      authenticate([], 0, undefined, () => undefined),
      authenticate([], 0, 'siem', () => ({ names: ['stranger'], fingerprint: '' })),
    ]) {
      expect(attempt).toMatchObject({ kind: 'refused', why: expect.stringMatching(/^(It|Its) .*\.$/) });
      expect(JSON.stringify(attempt)).not.toMatch(/siem|stranger/);
    }
  });

  test('its decoy does the same and accepts nobody', () => {
    for (const settings of [
      { names: ['siem'] },
      { fingerprints: [PRINT] },
      { names: ['siem'], fingerprints: [PRINT] },
    ]) {
      const attempt = decoyOf(source(settings))([], 0, undefined, () => alerts);
      const wrong = authenticatorOf(source(settings))([], 0, undefined, () => ({ names: ['x'], fingerprint: 'x' }));
      expect(attempt).toEqual(wrong);
    }
  });

  test('says what it proves', () => {
    expect(strengthOf(source({ names: ['siem'] }).auth)).toBe('client certificate (TLS)');
  });
});

describe('over TLS', () => {
  const files = certificateFiles();
  let intake: Bench;
  beforeAll(async () => {
    const sources = [
      prometheus,
      source({ names: ['alerts.example.org'] }, 'dns'),
      source({ names: ['spiffe://example.org/alerts'] }, 'uri'),
      source({ names: ['alerts@example.org'] }, 'email'),
      source({ names: ['siem', 'backup.example.org'] }, 'common'),
      source({ fingerprints: [colons(PRINT)] }, 'print'),
      source({ names: ['siem@example.org', 'urn:x', 'a', 'urn:x, DNS:alerts.example.org'] }, 'inner'),
    ];
    intake = await bench({ sources, tls: files.paths });
  });
  afterAll(async () => {
    await intake.stop();
    files.remove();
  });

  const ask = (name: string, pair?: Parameters<typeof dial>[1], path = 'alerts') =>
    postOver(dial(intake.port, pair), `/${path}/${name}`, {}, body);
  const accepted = ({ status }: Answered) => status === 202;

  test.each(['dns', 'uri', 'email', 'common', 'print'])('%s: trips for whom it names', async (name) => {
    intake.gate.causes.length = 0;
    expect(await ask(name, KEYS.alerts)).toMatchObject({ status: 202, body: { tripped: true } });
    expect(intake.gate.causes).toMatchObject([{ source: name }]);
    expect(await ask(name, KEYS.alerts, 'heartbeat')).toMatchObject({ status: 202, body: { tripped: false } });
  });

  test('a common name is one where there is no other', async () => {
    expect(accepted(await ask('common', KEYS.plain))).toBe(true);
    expect(accepted(await ask('dns', KEYS.plain))).toBe(false);
  });

  test.each([
    ['no certificate', undefined],
    ['one of another authority, with the same names', KEYS.foreign],
    ['one that is for servers', KEYS.serving],
    ['one that has ended', KEYS.expired],
    ['one that nobody issued', KEYS.server],
  ])('%s: refused, and nothing trips', async (_, pair) => {
    intake.gate.causes.length = 0;
    for (const name of ['dns', 'common', 'print']) expect(accepted(await ask(name, pair))).toBe(false);
    expect(intake.gate.causes).toEqual([]);
  });

  test('a name inside of another name is none', async () => {
    for (const name of ['dns', 'inner']) expect(accepted(await ask(name, KEYS.tricky))).toBe(false);
  });

  test('a header that says what a certificate would is nothing', async () => {
    const headers = { 'x-ssl-client-cert': KEYS.alerts.certificate.replaceAll('\n', ' '), 'x-client-cn': 'siem' };
    expect(accepted(await postOver(dial(intake.port, KEYS.plain), '/alerts/dns', headers, body))).toBe(false);
  });

  test('a source of another scheme is not opened by a certificate, and a token opens none of these', async () => {
    expect(accepted(await ask('prometheus', KEYS.alerts))).toBe(false);
    expect(accepted(await postOver(dial(intake.port), '/alerts/dns', authorized, body))).toBe(false);
  });

  test('a name that no source has is refused like a wrong certificate', async () => {
    expect(accepted(await ask('nobody', KEYS.alerts))).toBe(false);
    const heads = [];
    for (const name of ['nobody', 'print']) {
      const { head, text } = await ask(name, KEYS.plain);
      heads.push([head.replace(/^(date: .*|HTTP.*)$/gim, ''), text.replace(/"status":".*"/, '')]);
    }
    expect(heads[0]).toEqual(heads[1]);
  });

  test('without TLS nobody is vouched for', async () => {
    const plain = await bench({ sources: [source({ names: ['siem'] })] });
    const socket = createConnection(plain.port, '127.0.0.1');
    expect((await postOver(socket as TLSSocket, '/alerts/siem', {}, body)).status).toBe(401);
    await plain.stop();
  });

  test('with no authority known nobody is vouched for, whatever he shows', async () => {
    const { certificate, key } = files.paths;
    const open = await bench({ sources: [source({ names: ['siem'] })], tls: { certificate, key } });
    expect(accepted(await postOver(dial(open.port, KEYS.alerts), '/alerts/siem', {}, body))).toBe(false);
    await open.stop();
  });
});
