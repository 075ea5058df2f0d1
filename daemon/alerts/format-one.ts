import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';

interface Shape {
  /** The body in words: "The body is not …". */
  readonly what: string;
  is(body: JsonObject): boolean;
  /** True for what is over: resolved, closed, recovered. */
  isOver?(body: JsonObject): boolean;
}

/** A body that is one alert. */
export function one({ what, is, isOver = () => false }: Shape): Format {
  return (body) => {
    if (!isObject(body) || !is(body)) return notUnderstood(what);
    return { alerts: isOver(body) ? [] : [body] };
  };
}

/**
 * A body that the operator writes by a template of his own. Rules are asked about any object, because he may have named its
 * keys as he liked; but whether it is over can only be told where the keys are those that the documentation shows.
 */
export function template(shape: Shape): Format {
  const read = one(shape);
  return (body, header) => {
    const reading = read(body, header);
    return reading.unknown !== undefined && isObject(body) ? { ...reading, alerts: [body] } : reading;
  };
}

/** Whether `value` is one of `words`, which are in small letters, whatever case it is in. */
export function says(value: unknown, ...words: readonly string[]): boolean {
  return typeof value === 'string' && words.includes(value.trim().toLowerCase());
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** The object at `key`, or one without keys. */
export function within(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return isObject(found) ? found : {};
}
