import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deedsIn } from '../../daemon/alerts/deeds.ts';
import { isObject } from '../../daemon/alerts/format.ts';
import { FORMATS } from '../../daemon/alerts/formats.ts';
import { FORMATS as FORMAT_NAMES, RULE_SUBJECTS } from '../../daemon/config/schema.ts';
import { sample } from '../intake/helpers.ts';

const seed = 20260425;
const SAMPLES = readdirSync(new URL('samples/', import.meta.url))
  .filter((name) => name.endsWith('.json') && !/vectors|keys/.test(name))
  .map((name): unknown => JSON.parse(sample(name).toString('utf8')));

/** Every key that stands in a sample, and those that are something else in JavaScript. */
const KEYS = [...new Set(SAMPLES.flatMap(keysIn)), '__proto__', 'constructor', 'toString', 'length', 'a.b', '.', ''];

function keysIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [...(Array.isArray(value) ? [] : [key]), ...keysIn(item)]);
}

const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    2 ** 53,
    '',
    'drop',
    'DELETE',
    'mutation { a }',
    '{"a":',
    '[{}]',
    'refs/heads/main',
    '0'.repeat(40),
    'rm -rf /',
    "'",
    '\ud800',
    [],
    {},
    [[]],
    [null],
  ),
  fc.string({ maxLength: 20 }),
  fc.double(),
);
/** JSON whose keys are those the formats and recognisers look at, so that they get beyond their first question. */
const likely = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    { weight: 3, arbitrary: odd },
    {
      weight: 2,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom(...KEYS), tie('value')), { maxLength: 12 })
        .map((entries) => Object.fromEntries(entries)),
    },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 1, arbitrary: tie('value').map((value) => JSON.stringify(value)) },
  ),
})).value;

/** A sample with some of its values replaced, left out, or put into text. */
const mutated = fc
  .tuple(
    fc.constantFrom(...SAMPLES),
    fc.array(fc.tuple(fc.nat(), fc.oneof(odd, likely)), { minLength: 1, maxLength: 6 }),
  )
  .map(([value, changes]) => changes.reduce((body, [at, by]) => withOneChanged(body, at, by), structuredClone(value)));

function withOneChanged(body: unknown, at: number, by: unknown): unknown {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const collect = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      collect(holder[key]);
    }
  };
  collect(body);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return by;
  const { holder, key } = place;
  if (at % 5 === 0) delete holder[key];
  else if (at % 5 === 1) holder[key] = JSON.stringify(holder[key]);
  else if (at % 5 === 2) holder[key] = [holder[key]];
  else Object.defineProperty(holder, key, { value: by, enumerable: true, configurable: true, writable: true });
  return body;
}

const header = fc
  .dictionary(
    fc.constantFrom('x-github-event', 'sentry-hook-resource', 'content-type', 'ce-specversion', 'ce-id', 'ce-type'),
    fc.constantFrom('push', 'ping', '1.0', '%', 'application/cloudevents+json', 'application/cloudevents-batch+json'),
  )
  .map((sent) => (name: string) => (Object.hasOwn(sent, name) ? sent[name] : undefined));

test.each([
  ['anything', fc.jsonValue({ maxDepth: 4 })],
  ['what looks like an alert', likely],
  ['what was an alert', mutated],
])('%s is read by every format, and what is in it is recognised', (_, body) => {
  fc.assert(
    fc.property(body, header, (sent, headers) => {
      for (const name of FORMAT_NAMES) {
        const { alerts, unknown } = FORMATS[name](sent, headers);
        expect(alerts.every(isObject)).toBe(true);
        expect(unknown).not.toBe('');
        for (const alert of alerts)
          for (const { on, root, by, through } of deedsIn(alert).deeds) {
            expect(RULE_SUBJECTS).toContain(on);
            expect(isObject(root)).toBe(true);
            for (const who of [by, through])
              expect([undefined, 'string']).toContain(who === undefined ? who : typeof who);
          }
      }
    }),
    { seed, numRuns: 300 },
  );
});

test('no format changes what was sent', () => {
  fc.assert(
    fc.property(mutated, header, (sent, headers) => {
      const before = JSON.stringify(sent);
      for (const name of FORMAT_NAMES) for (const alert of FORMATS[name](sent, headers).alerts) deedsIn(alert);
      expect(JSON.stringify(sent)).toBe(before);
    }),
    { seed, numRuns: 200 },
  );
});

test('a key of JavaScript stays a key', () => {
  const parsed: unknown = JSON.parse('{"__proto__":{"eventSource":"s3.amazonaws.com"},"eventName":"DeleteBucket"}');
  for (const name of FORMAT_NAMES)
    for (const alert of FORMATS[name](parsed, () => undefined).alerts)
      expect(deedsIn(alert).deeds.filter(({ on }) => on === 'aws')).toEqual([]);
});

const many = (count: number, make: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => make(index));
test.each<[string, unknown]>([
  ['objects', many(40_000, (index) => ({ index }))],
  ['calls', many(20_000, () => ({ method: 'DELETE', url: 'https://a.example/b', body: '{"query":"mutation {a}"}' }))],
  ['keys', Object.fromEntries(many(60_000, (index) => [`key${index}`, 'v']) as [string, string][])],
  [
    'keys with dots',
    many(20, () => Object.fromEntries(many(1_900, (index) => [`a${index % 50}.b${index}.c`, 1]) as [string, number][])),
  ],
  [
    'changes and keys',
    {
      event_name: 'repository_update',
      project_id: 1,
      changes: many(20_000, () => ({ ref: 'x' })),
      ...Object.fromEntries(many(20_000, (index) => [`k${index}`, 1]) as [string, number][]),
    },
  ],
  [
    'findings and keys',
    {
      'detail-type': 'x',
      source: 'aws.securityhub',
      detail: { findings: many(5_000, () => ({})) },
      ...Object.fromEntries(many(20_000, (index) => [`k${index}`, 1]) as [string, number][]),
    },
  ],
  ['fields of a mutation', { query: `mutation { ${many(100_000, (index) => `a${index}`).join(' ')} }` }],
  ['JSON in JSON', many(5_000, (index) => JSON.stringify({ a: JSON.stringify({ index }) }))],
])('a body of a megabyte of %s is done with in one go', (_, body) => {
  // Work that grew with the square of it would take minutes, and the test would time out.
  for (const name of FORMAT_NAMES)
    for (const alert of FORMATS[name](body, () => undefined).alerts.slice(0, 3)) deedsIn(alert);
});
