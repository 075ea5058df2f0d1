import { expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { AuthOf, SchemeName } from '../../daemon/intake/ports.ts';
import { prepare } from '../../daemon/intake/schemes.ts';
import { passes, raw, sampleJson } from './helpers.ts';

interface Vector {
  id: string;
  scheme: SchemeName;
  settings?: object;
  secret: string;
  body: string;
  /** Seconds since 1970. Absent where nothing signed says when. */
  now?: number;
  headers: Record<string, string>;
  expect: string;
}

const vectors = sampleJson('signature-vectors.json') as unknown as Vector[];

/** Past the strength of secrets, which the published ones do not have. */
function attempt({ scheme, settings, secret, headers, now = 0 }: Vector) {
  const auth = { scheme, tolerance: '5m', ...settings, secrets: [Secret.fromText(secret)] } as AuthOf<SchemeName>;
  return prepare(scheme, auth)(raw(headers), now * 1000);
}

test('all vectors are there', () => expect(vectors).toHaveLength(16));

test.each(vectors)('$id: $expect', (vector) => {
  const body = Buffer.from(vector.body);
  const accepted = vector.expect.startsWith('accept');
  for (const step of [body.length, 1, 3]) expect(passes(attempt(vector), body, step)).toBe(accepted);
});

test.each(vectors.filter(({ scheme }) => scheme !== 'gitlab-token'))('$id: another body is refused', (vector) => {
  const body = Buffer.from(vector.body);
  body.writeUInt8(body.readUInt8(body.length - 1) ^ 1, body.length - 1);
  expect(passes(attempt(vector), body)).toBe(false);
});

test.each(vectors.filter(({ now }) => now !== undefined))('$id: not at another time', (vector) => {
  for (const drift of [-301, 301])
    expect(passes(attempt({ ...vector, now: (vector.now ?? 0) + drift }), Buffer.from(vector.body))).toBe(false);
});
