import { object, type Shape } from '../base/shape.ts';

/** An object whose unknown members are ignored, as the format's version policy asks of readers. */
export function loose<F extends Parameters<typeof object>[0]>(fields: F): ReturnType<typeof object<F>> {
  const strict = object(fields);
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return strict(value, path);
    return strict(Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(fields, key))), path);
  };
}

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
