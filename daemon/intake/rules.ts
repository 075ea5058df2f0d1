import { RE2JS } from 're2js';
import type { Condition, Matcher } from '../config/schema.ts';
import type { Effort } from './effort.ts';

/**
 * Whether a condition holds for what starts at `root`. Total but for `effort`, which throws when the regular expressions
 * of one delivery have looked at more text than they may.
 */
export type Test = (root: unknown, effort: Effort) => boolean;

/** Makes a test of `condition`, whose regular expressions must be those the configuration accepts. */
export function compile(condition: Condition): Test {
  if ('all' in condition) {
    const parts = condition.all.map(compile);
    return (root, effort) => parts.every((part) => part(root, effort));
  }
  if ('any' in condition) {
    const parts = condition.any.map(compile);
    return (root, effort) => parts.some((part) => part(root, effort));
  }
  if ('none' in condition) {
    const parts = condition.none.map(compile);
    return (root, effort) => !parts.some((part) => part(root, effort));
  }
  if ('each' in condition) {
    const { each: path } = condition;
    const test = compile(condition.when);
    return (root, effort) => {
      const found = valueAt(root, path);
      if (found === undefined) return false;
      return Array.isArray(found) ? found.some((item) => test(item, effort)) : test(found, effort);
    };
  }
  const matches = compileMatcher(condition);
  const { path } = condition;
  return (root, effort) => matches(valueAt(root, path), effort);
}

/**
 * `found` is undefined where the path leads nowhere: then `neq` holds and every other operator does not.
 * Comparison is by type: the label "1" does not equal the number 1, but it is ≥ 1, because labels are always text.
 */
function compileMatcher(matcher: Matcher): (found: unknown, effort: Effort) => boolean {
  switch (matcher.op) {
    case 'eq':
      return (found) => found === matcher.value;
    case 'neq':
      return (found) => found !== matcher.value;
    case 'in': {
      const values: ReadonlySet<unknown> = new Set(matcher.value);
      return (found) => values.has(found);
    }
    case 'exists':
      return (found) => found !== undefined;
    case 'prefix':
      return (found) => typeof found === 'string' && found.startsWith(matcher.value);
    case 'suffix':
      return (found) => typeof found === 'string' && found.endsWith(matcher.value);
    case 'contains': {
      const { value } = matcher;
      return (found) => {
        if (Array.isArray(found)) return found.includes(value);
        return typeof found === 'string' && typeof value === 'string' && found.includes(value);
      };
    }
    case 'gte':
      return (found) => numberOf(found) >= matcher.value;
    case 'lte':
      return (found) => numberOf(found) <= matcher.value;
    case 're2': {
      const pattern = RE2JS.compile(matcher.value);
      return (found, effort) => {
        if (typeof found !== 'string') return false;
        effort.spend(found.length);
        return pattern.test(found);
      };
    }
    default:
      return matcher satisfies never;
  }
}

/** Follows own properties only, so that no `__proto__` or `constructor` in a path finds what was not sent. */
export function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let at: unknown = root;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) !== (typeof key === 'number')) return undefined;
    if (!Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return at;
}

/** NaN, which compares false with everything, for what is not a number or a number in text. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
}
