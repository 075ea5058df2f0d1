import type { Shape } from '../base/shape.ts';

/** An object whose unknown members are ignored, as the format's version policy asks of readers. */
export { members as loose } from '../base/shape.ts';

/** Lower-case hex of `length` bytes. */
export function hex(length: number): Shape<string> {
  const pattern = new RegExp(`^[0-9a-f]{${length * 2}}$`);
  return (value, path = '') => {
    if (typeof value !== 'string' || !pattern.test(value)) {
      throw new Error(`${path || 'value'}: expected ${length} bytes in hex`);
    }
    return value;
  };
}

/** Exactly `expected`. */
export function exactly<const T extends string | number>(expected: T): Shape<T> {
  return (value, path = '') => {
    if (value !== expected) throw new Error(`${path || 'value'}: expected ${expected}, found ${String(value)}`);
    return expected;
  };
}
