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
  if ('any' in condition) return compileAny(condition.any);
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
 * Parts that can hold for certain values at a path only are looked up by the value there: the shipped rules have hundreds,
 * nearly all for another program or another call.
 */
function compileAny(parts: readonly Condition[]): Test {
  const always: Test[] = [];
  const keyed = new Map<string, { readonly path: Key['path']; readonly tests: Map<unknown, Test[]> }>();
  for (const part of parts) {
    const test = compile(part);
    const key = keyOf(part);
    if (key === undefined) always.push(test);
    else {
      const { tests } = getOrSet(keyed, JSON.stringify(key.path), () => ({ path: key.path, tests: new Map() }));
      for (const value of key.values) getOrSet(tests, value, (): Test[] => []).push(test);
    }
  }
  const groups = [...keyed.values()];
  return (root, effort) =>
    groups.some(({ path, tests }) => tests.get(valueAt(root, path))?.some((test) => test(root, effort)) === true) ||
    always.some((test) => test(root, effort));
}

interface Key {
  readonly path: Matcher['path'];
  readonly values: readonly unknown[];
}

/** What must stand where for `condition` to hold, when that is known. */
function keyOf(condition: Condition): Key | undefined {
  if ('all' in condition) return condition.all.map(keyOf).find((key) => key !== undefined);
  if (!('op' in condition)) return undefined;
  if (condition.op === 'eq') return { path: condition.path, values: [condition.value] };
  return condition.op === 'in' ? { path: condition.path, values: condition.value } : undefined;
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
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
