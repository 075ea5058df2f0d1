import type { Condition, Matcher } from '../config/schema.ts';

/** Whether `condition` holds for the alert whose keys start at `root`. Total: whatever the alert holds, it answers. */
export function holds(condition: Condition, root: object): boolean {
  if ('all' in condition) return condition.all.every((part) => holds(part, root));
  if ('any' in condition) return condition.any.some((part) => holds(part, root));
  if ('none' in condition) return !condition.none.some((part) => holds(part, root));
  return matches(condition, valueAt(root, condition.path));
}

/**
 * `found` is undefined where the path leads nowhere: then `neq` holds and every other operator does not.
 * Comparison is by type: the label "1" does not equal the number 1, but it is ≥ 1, because labels are always text.
 */
function matches(matcher: Matcher, found: unknown): boolean {
  switch (matcher.op) {
    case 'eq':
      return found === matcher.value;
    case 'neq':
      return found !== matcher.value;
    case 'in':
      return (matcher.value as readonly unknown[]).includes(found);
    case 'exists':
      return found !== undefined;
    case 'prefix':
      return typeof found === 'string' && found.startsWith(matcher.value);
    case 'suffix':
      return typeof found === 'string' && found.endsWith(matcher.value);
    case 'contains':
      if (Array.isArray(found)) return found.includes(matcher.value);
      return typeof found === 'string' && typeof matcher.value === 'string' && found.includes(matcher.value);
    case 'gte':
      return numberOf(found) >= matcher.value;
    case 'lte':
      return numberOf(found) <= matcher.value;
    default:
      return matcher satisfies never;
  }
}

/** Follows own properties only, so that no `__proto__` or `constructor` in a path finds what was not sent. */
function valueAt(root: object, path: readonly (string | number)[]): unknown {
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
