import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, type Json } from '../../daemon/base/canonical.ts';

/** The number whose IEEE 754 bits these are. */
function fromBits(hex: string): number {
  return Buffer.from(hex, 'hex').readDoubleBE();
}

/** Any JSON that I-JSON allows: well-formed text, finite numbers. */
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('canonical', () => {
  // Bits and texts of RFC 8785, appendix B.
  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('writes the number %s as %s', (bits, text) => {
    expect(canonical(fromBits(bits))).toBe(text);
  });

  it('sorts keys by UTF-16 code units, which is not the order of code points', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const text = canonical(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(text).toBe('{"\\r":0,"1":0,"\u0080":0,"\u00f6":0,"\u20ac":0,"\u{1f600}":0,"\ufb33":0}');
  });

  it('sorts at every depth, numbers among keys as text', () => {
    expect(canonical({ b: [{ z: 1, a: 2 }], a: {}, 10: null, 9: true })).toBe(
      '{"10":null,"9":true,"a":{},"b":[{"a":2,"z":1}]}',
    );
  });

  it('escapes what JSON must and nothing else', () => {
    expect(canonical('\b\t\n\f\r"\\/\u0000\u001f\u007f\u2028ü')).toBe(
      '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\u007f\u2028ü"',
    );
  });

  it('carries a key called __proto__', () => {
    expect(canonical(JSON.parse('{"b":1,"__proto__":{"a":2}}') as Json)).toBe('{"__proto__":{"a":2},"b":1}');
  });

  it('leaves out members that are undefined', () => {
    expect(canonical({ a: 1, b: undefined } as unknown as Json)).toBe('{"a":1}');
  });

  it('is what a hash is over: one known digest', () => {
    const digest = createHash('sha256')
      .update(canonical({ b: 'é', a: 1e21 }))
      .digest('hex');
    // sha256 of the 20 bytes {"a":1e+21,"b":"é"} in UTF-8
    expect(digest).toBe(
      createHash('sha256').update(Buffer.from('7b2261223a31652b32312c2262223a22c3a9227d', 'hex')).digest('hex'),
    );
  });

  it.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['an infinity', [Number.POSITIVE_INFINITY]],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['undefined in a list', [undefined]],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a buffer', Buffer.from('x')],
  ])('throws on %s', (_title, value) => {
    expect(() => canonical(value as Json)).toThrow(TypeError);
  });

  it('reads back as what was written', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonical(value))).toEqual(value);
      }),
    );
  });

  it('does not depend on the order of keys, and is its own fixed point', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonical(value);
        expect(canonical(reversed(value))).toBe(text);
        expect(canonical(JSON.parse(text) as Json)).toBe(text);
      }),
    );
  });
});
