/**
 * Reads one kind of body: the parsed JSON in, alerts out. Keys like `__proto__` are plain own properties in it; a format
 * may throw on what it does not expect, which counts as not understood.
 */
export type Format = (body: unknown) => Reading;

export interface Reading {
  /** What rules are asked about, each the root of their paths. Only what says that something is wrong now. */
  readonly alerts: readonly object[];
  /** Set when the body, or part of it, was not understood: a sentence that says what. */
  readonly unknown?: string;
}

/** A JSON object: neither an array nor null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
