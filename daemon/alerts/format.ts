/**
 * Reads one kind of body: the parsed JSON and the request's headers in, alerts out. Keys like `__proto__` are plain own
 * properties in it; a format may throw on what it does not expect, which counts as not understood.
 */
export type Format = (body: unknown, header: Header) => Reading;

/** The value of the header of that lower-case name, if it was sent exactly once. */
export type Header = (name: string) => string | undefined;

export interface Reading {
  /** What rules are asked about, each the root of their paths. Only what says that something is wrong now. */
  readonly alerts: readonly JsonObject[];
  /** Set when the body, or part of it, was not understood: a sentence that says what. */
  readonly unknown?: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON object: neither an array nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is not an object of the kind that `what` names. */
export function notUnderstood(what: string): Reading {
  return { alerts: [], unknown: `The body is not ${what}.` };
}
