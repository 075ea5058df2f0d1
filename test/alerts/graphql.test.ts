import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mutationFields } from '../../daemon/alerts/graphql.ts';

test.each([
  ['mutation { volumeDelete(id: 1) }', ['volumeDelete']],
  ['mutation M($id: ID = "}") { volumeDelete(id: $id) { id deleted } me }', ['volumeDelete', 'me']],
  ['mutation M($in: In = {a: {b: 1}}) { a(x: {volumeDelete: 1}) }', ['a']],
  ['mutation { harmless: volumeDelete(id: 1) other : projectDelete }', ['volumeDelete', 'projectDelete']],
  ['mutation { ... on Mutation @a(b: {c: 1}) { volumeDelete } x { y } }', ['volumeDelete', 'x']],
  ['mutation { ... { volumeDelete } ... @include(if: true) { projectDelete } }', ['volumeDelete', 'projectDelete']],
  ['mutation @d(x: "{") { volumeDelete @e(y: 1) }', ['volumeDelete']],
  [
    'mutation { ...F } fragment F on Mutation { volumeDelete ...G } fragment G on Mutation { x: projectDelete ...F }',
    ['volumeDelete', 'projectDelete'],
  ],
  ['query Q { volumeDelete } mutation { a }', ['a']],
  ['{ volumeDelete } mutation M { a } subscription { projectDelete }', ['a']],
  ['mutation { a(s: "} mutation { volumeDelete") }', ['a']],
  ['mutation { a(s: """ " } \\""" volumeDelete """) b }', ['a', 'b']],
  ['mutation { # } volumeDelete\n a }', ['a']],
  ['mutation { # }\r volumeDelete }', ['volumeDelete']],
  ['mutation', []],
  ['mutation {', []],
  ['mutation { volumeDelete', ['volumeDelete']],
  ['query { mutation }', []],
  ['', []],
])('%s', (document, fields) => {
  expect(mutationFields(document)).toEqual(fields);
});

test('any text has an answer', () => {
  const part = fc.constantFrom(
    'mutation',
    '{',
    '}',
    '(',
    ')',
    '...',
    'on',
    'fragment',
    'F',
    '"',
    '"""',
    '#',
    '\n',
    ':',
    '@',
    'a ',
    '\\',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
      expect(Array.isArray(mutationFields(`mutation ${parts.join(' ')}`))).toBe(true);
    }),
    { seed: 20260425, numRuns: 2000 },
  );
});

test.each(['"""\\', '"', '{', '...F ', 'fragment F on M { ...F } ', 'mutation { a ', '(', '#'])(
  'long texts of %j are read in one go',
  (part) => {
    // A reader that looked at the rest of the text once for each part would take minutes here, and the test would time out.
    mutationFields(`mutation { ...F } ${part.repeat(1_000_000 / part.length)}`);
  },
);
