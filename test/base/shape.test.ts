import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anything,
  flag,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  type Shape,
  ShapeError,
  text,
  variants,
} from '../../daemon/base/shape.ts';

const message = variants('type', {
  trip: { id: integer(), cause: object({ reason: text(10), rule: optional(text()) }) },
  watch: {},
});

const REFUSED: readonly [title: string, shape: Shape<unknown>, value: unknown, message: string][] = [
  ['long text', text(3), 'abcd', 'value: expected text of at most 3, found "abcd"'],
  ['no text', text(), 1, 'value: expected text of at most 4096, found 1'],
  [
    'NaN',
    number(),
    Number.NaN,
    'value: expected a number from -1.7976931348623157e+308 to 1.7976931348623157e+308, found null',
  ],
  [
    'infinity',
    number(),
    Number.POSITIVE_INFINITY,
    'value: expected a number from -1.7976931348623157e+308 to 1.7976931348623157e+308, found null',
  ],
  ['a small number', number(0, 1), -0.1, 'value: expected a number from 0 to 1, found -0.1'],
  [
    'a number as text',
    number(),
    '1',
    'value: expected a number from -1.7976931348623157e+308 to 1.7976931348623157e+308, found "1"',
  ],
  ['a broken whole number', integer(0, 5), 1.5, 'value: expected a whole number from 0 to 5, found 1.5'],
  [
    'an unsafe whole number',
    integer(),
    2 ** 53,
    'value: expected a whole number from 0 to 9007199254740991, found 9007199254740992',
  ],
  ['truth as a number', flag, 1, 'value: expected true or false, found 1'],
  ['another choice', oneOf('a', 'b'), 'c', 'value: expected one of a, b, found "c"'],
  ['what every object inherits, as a choice', oneOf('a'), 'toString', 'value: expected one of a, found "toString"'],
  ['a long list', list(flag, 1), [true, true], 'value: expected a list of at most 1, found [true,true]'],
  ['a wrong item', list(flag), [true, 0], '[1]: expected true or false, found 0'],
  ['an object for a list', list(flag), { length: 0 }, 'value: expected a list of at most 1000, found {"length":0}'],
  ['a list for an object', object({}), [], 'value: expected an object, found []'],
  ['null for an object', object({}), null, 'value: expected an object, found null'],
  ['a missing key', object({ a: flag }), {}, 'a: expected true or false, found nothing'],
  ['an inherited key', object({ a: flag }), Object.create({ a: true }), 'a: expected true or false, found nothing'],
  ['an unknown key', object({ a: flag }), { a: true, b: 1 }, 'b: expected no such key, found 1'],
  [
    'an unknown key called __proto__',
    object({}),
    JSON.parse('{"__proto__":{}}'),
    '__proto__: expected no such key, found {}',
  ],
  ['null for an optional key', object({ a: optional(flag) }), { a: null }, 'a: expected true or false, found null'],
  [
    'a large record',
    record(flag, 1),
    { a: true, b: true },
    'value: expected an object of at most 1 keys, found {"a":true,"b":true}',
  ],
  ['a wrong member', record(flag), { a: 1 }, '.a: expected true or false, found 1'],
  ['an unknown case', message, { type: 'open' }, 'type: expected one of trip, watch, found "open"'],
  ['an inherited case', message, { type: 'constructor' }, 'type: expected one of trip, watch, found "constructor"'],
  ['no case', message, {}, 'type: expected one of trip, watch, found nothing'],
  [
    'a fault inside',
    message,
    { type: 'trip', id: 1, cause: { reason: 'x'.repeat(11) } },
    'cause.reason: expected text of at most 10, found "xxxxxxxxxxx"',
  ],
  ["another case's key", message, { type: 'watch', id: 1 }, 'id: expected no such key, found 1'],
];

describe('shapes', () => {
  it.each(REFUSED)('refuse %s and name the place', (_title, shape, value, expected) => {
    let thrown: unknown;
    try {
      shape(value);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ShapeError);
    expect((thrown as ShapeError).message).toBe(expected);
  });

  it('return what fits', () => {
    const trip = { type: 'trip', id: 1, cause: { reason: 'x' } };
    expect(message(trip)).toEqual(trip);
    expect(message({ type: 'watch' })).toEqual({ type: 'watch' });
    expect(record(integer())({ a: 1 })).toEqual({ a: 1 });
    expect(Object.keys(object({ a: optional(flag), b: anything })({ b: null }))).toEqual(['b']);
  });

  it('keep the message short, however long the value', () => {
    expect(() => flag('x'.repeat(1_000_000))).toThrow(/^value: expected true or false, found "x{56}\.\.\.$/);
  });

  it('either return or throw a ShapeError, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: false }), (value) => {
        try {
          expect(message(value)).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(ShapeError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
