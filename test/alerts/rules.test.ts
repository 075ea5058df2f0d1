import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Effort } from '../../daemon/alerts/effort.ts';
import { compile } from '../../daemon/alerts/rules.ts';
import type { Condition, Matcher } from '../../daemon/config/schema.ts';
import { configSchema } from '../../daemon/config/schema.ts';

const holds = (condition: Condition, root: unknown) => compile(condition)(root, new Effort());

const root = JSON.parse(
  '{"name":"drop volume","n":5,"text":"7","zero":0,"no":null,"off":false,"tags":["a",3],"evt.time":1,' +
    '"deep":{"list":[{"x":"y"}]},"__proto__":{"own":1},"empty":""}',
) as object;
const at = (path: string | (string | number)[]) => (Array.isArray(path) ? path : [path]);
const is = (path: string | (string | number)[], op: Matcher['op'], value?: unknown) =>
  holds({ path: at(path), op, ...(value !== undefined && { value }) } as Matcher, root);

describe('operators', () => {
  test.each([
    ['name', 'eq', 'drop volume', true],
    ['name', 'eq', 'drop', false],
    ['n', 'eq', 5, true],
    ['n', 'eq', '5', false],
    ['no', 'eq', null, true],
    ['zero', 'eq', false, false],
    ['absent', 'eq', null, false],
    ['tags', 'eq', 'a', false],
    ['name', 'neq', 'drop volume', false],
    ['name', 'neq', 'x', true],
    ['absent', 'neq', 'x', true],
    ['n', 'in', [1, 5], true],
    ['n', 'in', ['5'], false],
    ['absent', 'in', [null], false],
    ['no', 'in', [null], true],
    ['no', 'exists', undefined, true],
    ['off', 'exists', undefined, true],
    ['absent', 'exists', undefined, false],
    ['name', 'prefix', 'drop', true],
    ['name', 'prefix', 'volume', false],
    ['n', 'prefix', '5', false],
    ['name', 'suffix', 'volume', true],
    ['name', 'suffix', 'drop', false],
    ['name', 'contains', 'p v', true],
    ['name', 'contains', 'P v', false],
    ['tags', 'contains', 'a', true],
    ['tags', 'contains', 3, true],
    ['tags', 'contains', '3', false],
    ['n', 'contains', '5', false],
    ['deep', 'contains', 'list', false],
    ['n', 'gte', 5, true],
    ['n', 'gte', 5.1, false],
    ['n', 'lte', 5, true],
    ['n', 'lte', 4.9, false],
    ['text', 'gte', 7, true],
    ['text', 'lte', 6, false],
    ['name', 'gte', 0, false],
    ['empty', 'gte', 0, false],
    ['empty', 'lte', 0, false],
    ['no', 'lte', 0, false],
    ['off', 'lte', 0, false],
    ['absent', 'lte', 0, false],
  ] as const)('%s %s %j → %s', (path, op, value, expected) => {
    expect(is(path, op, value)).toBe(expected);
  });
});

describe('paths', () => {
  test.each([
    [['deep', 'list', 0, 'x'], true],
    [['deep', 'list', '0', 'x'], false],
    [['deep', 'list', 1], false],
    [['deep', 'list', -1], false],
    [['deep', 'list', 'length'], false],
    [['evt.time'], true],
    [['evt', 'time'], false],
    [['name', 'length'], false],
    [['name', 0], false],
    [['no', 'x'], false],
    [['constructor'], false],
    [['toString'], false],
    [['deep', '__proto__'], false],
    [['deep', 'constructor', 'name'], false],
    // Sent as a key of its own, it is a key like any other.
    [['__proto__', 'own'], true],
  ])('%j exists → %s', (path, expected) => {
    expect(is(path, 'exists')).toBe(expected);
  });
});

test('all, any and none', () => {
  const yes: Condition = { path: ['n'], op: 'exists' };
  const no: Condition = { path: ['absent'], op: 'exists' };
  const table: [Condition, boolean][] = [
    [{ all: [yes, yes] }, true],
    [{ all: [yes, no] }, false],
    [{ any: [no, yes] }, true],
    [{ any: [no, no] }, false],
    [{ none: [no, no] }, true],
    [{ none: [no, yes] }, false],
    [{ all: [{ any: [no, yes] }, { none: [{ all: [yes, no] }] }] }, true],
  ];
  for (const [condition, expected] of table) expect([condition, holds(condition, root)]).toEqual([condition, expected]);
});

test('parts that ask for values at the same place are found by the value, and the others too', () => {
  const at = (key: string, ...value: string[]): Condition => ({ path: [key], op: 'in', value });
  const any: Condition = {
    any: [
      { all: [at('p', 'rm', 'srm'), { path: ['x'], op: 'exists' }] },
      {
        all: [
          { path: ['y'], op: 'exists' },
          { path: ['p'], op: 'eq', value: 'rm' },
        ],
      },
      { path: ['p'], op: 'eq', value: 'dd' },
      at('q', 'dd'),
      { path: ['z'], op: 'exists' },
      { any: [at('p', 'inner')] },
    ],
  };
  for (const [value, expected] of [
    [{ p: 'rm' }, false],
    [{ p: 'rm', x: 1 }, true],
    [{ p: 'srm', x: 1 }, true],
    [{ p: 'srm', y: 1 }, false],
    [{ p: 'rm', y: 1 }, true],
    [{ p: 'dd' }, true],
    [{ q: 'dd' }, true],
    [{ q: 'rm', x: 1 }, false],
    [{ z: 0 }, true],
    [{ p: 'inner' }, true],
    [{}, false],
  ] as const)
    expect([value, holds(any, value)]).toEqual([value, expected]);
});

test('any condition has an answer for any alert', () => {
  const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', 'length'), fc.nat(3));
  const scalar = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null));
  const matcher = fc.record({
    path: fc.array(key, { minLength: 1, maxLength: 5 }),
    op: fc.constantFrom('eq', 'neq', 'exists', 'prefix', 'suffix', 'contains', 'gte', 'lte'),
    value: scalar,
  }) as fc.Arbitrary<Condition>;
  const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small' },
      matcher,
      fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ none: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    ),
  }));
  const alert = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.jsonValue());
  fc.assert(
    fc.property(condition, alert, (when, value) => {
      expect(typeof holds(when, value)).toBe('boolean');
      // none is the complement of any, for every alert.
      expect(holds({ none: [when] }, value)).toBe(!holds({ any: [when] }, value));
    }),
    { seed: 20260425, numRuns: 500 },
  );
});

test('the configuration refuses what an operator cannot mean', () => {
  const accepts = (matcher: unknown) =>
    configSchema.shape.intake.safeParse({
      sources: [
        {
          name: 's',
          format: 'json',
          auth: { scheme: 'bearer', secrets: [{ env: 'S' }] },
          rules: [{ id: 'r', reason: 'R', when: { all: [matcher] } }],
        },
      ],
    }).success;
  const path = ['a', 0];
  for (const good of [
    { path, op: 'eq', value: null },
    { path, op: 'in', value: ['x', 1] },
    { path, op: 'exists' },
    { path, op: 'prefix', value: 'x' },
    { path, op: 'contains', value: 3 },
    { path, op: 'gte', value: 3 },
  ])
    expect([good, accepts(good)]).toEqual([good, true]);
  for (const bad of [
    { path, op: 'eq' },
    { path, op: 'eq', value: ['x'] },
    { path, op: 'in', value: 'x' },
    { path, op: 'in', value: [] },
    { path, op: 'exists', value: false },
    { path, op: 'prefix', value: '' },
    { path, op: 'suffix', value: 3 },
    { path, op: 'contains', value: '' },
    { path, op: 'gte', value: '3' },
    { path: [-1], op: 'exists' },
    { path, op: 're', value: 'x' },
  ])
    expect([bad, accepts(bad)]).toEqual([bad, false]);
});
