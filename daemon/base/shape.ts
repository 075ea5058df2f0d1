/**
 * Small validators for what crosses a process border: socket messages, gate.json, the latch.
 * The gate may not import a package, so these are ours. Each shape reads `unknown` and returns the typed value or
 * throws ShapeError that names the place. Unknown keys are refused.
 */
export class ShapeError extends Error {
  constructor(path: string, expected: string, found: unknown) {
    super(`${path || 'value'}: expected ${expected}, found ${describe(found)}`);
    this.name = 'ShapeError';
  }
}

export type Shape<T> = (value: unknown, path?: string) => T;
export type Of<S> = S extends Shape<infer T> ? T : never;

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function text(maximum = 4096): Shape<string> {
  return (value, path = '') => {
    if (typeof value !== 'string' || value.length > maximum)
      throw new ShapeError(path, `text of at most ${maximum}`, value);
    return value;
  };
}

export function number(minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE): Shape<number> {
  return (value, path = '') => {
    if (typeof value !== 'number' || !(value >= minimum && value <= maximum))
      throw new ShapeError(path, `a number from ${minimum} to ${maximum}`, value);
    return value;
  };
}

export function integer(minimum = 0, maximum = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path = '') => {
    if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum)
      throw new ShapeError(path, `a whole number from ${minimum} to ${maximum}`, value);
    return value as number;
  };
}

export const flag: Shape<boolean> = (value, path = '') => {
  if (typeof value !== 'boolean') throw new ShapeError(path, 'true or false', value);
  return value;
};

/** Anything JSON can say, for free-form fields that are only recorded. */
export const anything: Shape<unknown> = (value) => value;

export function oneOf<const T extends string>(...choices: readonly T[]): Shape<T> {
  return (value, path = '') => {
    if (typeof value !== 'string' || !(choices as readonly string[]).includes(value))
      throw new ShapeError(path, `one of ${choices.join(', ')}`, value);
    return value as T;
  };
}

export function list<T>(item: Shape<T>, maximum = 1000): Shape<T[]> {
  return (value, path = '') => {
    if (!Array.isArray(value) || value.length > maximum)
      throw new ShapeError(path, `a list of at most ${maximum}`, value);
    return value.map((entry, index) => item(entry, `${path}[${index}]`));
  };
}

export function record<T>(item: Shape<T>, maximum = 1000): Shape<Record<string, T>> {
  return (value, path = '') => {
    if (!isPlain(value) || Object.keys(value).length > maximum)
      throw new ShapeError(path, `an object of at most ${maximum} keys`, value);
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, item(entry, `${path}.${key}`)]));
  };
}

const OPTIONAL = Symbol('optional');
type Optional<T> = Shape<T | undefined> & { [OPTIONAL]: true };

/** A key that may be absent. Only inside `object`. */
export function optional<T>(shape: Shape<T>): Optional<T> {
  const reads: Shape<T | undefined> = (value, path) => (value === undefined ? undefined : shape(value, path));
  return Object.assign(reads, { [OPTIONAL]: true as const });
}

type Fields = { [key: string]: Shape<unknown> };
type OptionalKeys<F> = { [K in keyof F]: F[K] extends { [OPTIONAL]: true } ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };
type ObjectOf<F extends Fields> = Flat<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: Of<F[K]> } & {
    [K in OptionalKeys<F>]?: Exclude<Of<F[K]>, undefined>;
  }
>;

export function object<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const read = members(fields);
  return (value, path = '') => {
    for (const key of isPlain(value) ? Object.keys(value) : []) {
      if (!Object.hasOwn(fields, key)) throw new ShapeError(join(path, key), 'no such key', (value as Fields)[key]);
    }
    return read(value, path);
  };
}

/** As `object`, ignoring keys it does not know. */
export function members<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const entries = Object.entries(fields);
  return (value, path = '') => {
    if (!isPlain(value)) throw new ShapeError(path, 'an object', value);
    const result: Record<string, unknown> = {};
    for (const [key, shape] of entries) {
      const read = shape(Object.hasOwn(value, key) ? value[key] : undefined, join(path, key));
      if (read !== undefined) result[key] = read;
    }
    return result as ObjectOf<F>;
  };
}

/** A union told apart by the text under `key`. */
export function variants<K extends string, V extends Record<string, Fields>>(
  key: K,
  cases: V,
): Shape<{ [N in keyof V & string]: Flat<{ [P in K]: N } & ObjectOf<V[N]>> }[keyof V & string]> {
  const shapes = Object.fromEntries(
    Object.entries(cases).map(([name, fields]) => [name, object({ [key]: oneOf(name), ...fields })]),
  );
  const pick = oneOf(...Object.keys(cases));
  return (value, path = '') => {
    if (!isPlain(value)) throw new ShapeError(path, 'an object', value);
    const name = pick(Object.hasOwn(value, key) ? value[key] : undefined, join(path, key));
    const shape = shapes[name];
    if (shape === undefined) throw new ShapeError(join(path, key), 'a known case', name);
    return shape(value, path) as never;
  };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
