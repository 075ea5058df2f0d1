import type { Place } from './place.ts';

/** Something wrong with the value at `place`. `found` and `accepted` end the sentences "found …" and "accepted is …". */
export interface Finding {
  readonly place: Place;
  readonly found: string;
  readonly accepted: string;
}

/** A finding as it is told: with the place as text, `sources[2].url`, and its line, counted from 1. */
export interface Fault {
  /** Empty when the fault is the whole file's. */
  readonly path: string;
  readonly line: number;
  readonly found: string;
  readonly accepted: string;
}

/** One fault a line, each starting with FILE:LINE as compilers write it, so that editors and terminals jump there. */
export function formatFaults(file: string, faults: readonly Fault[]): string {
  return faults
    .map(
      ({ path, line, found, accepted }) =>
        `${file}:${line}: ${path}${path && ': '}found ${found}; accepted is ${accepted}`,
    )
    .join('\n');
}

const LONGEST = 60;

/** `value` in a few words. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    return keys.length === 0 ? 'an empty mapping' : cut(`a mapping with ${keys.join(', ')}`);
  }
  return typeof value === 'string' ? cut(JSON.stringify(value)) : String(value);
}

/**
 * The same where a secret may stand by mistake, in spite of everything: a message ends in logs and bug reports, so
 * nothing of it is quoted.
 */
export function describeHidden(value: unknown): string {
  return typeof value === 'string' ? 'text that is not repeated here' : describe(value);
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
