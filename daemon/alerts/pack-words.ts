import type { Condition, Rule } from '../config/schema.ts';

/** A shipped rule. */
export type PackRule = Rule & {
  /** Where the rule, or the knowledge behind it, comes from. */
  readonly source: string;
};

type Make = (
  id: string,
  reason: string,
  source: string,
  when: Condition,
  more?: Pick<PackRule, 'rate' | 'except'>,
) => PackRule;

/** Makers of rules about `subject`, one for each act. */
export function rulesOn(subject: PackRule['on']): { readonly [A in PackRule['act']]: Make } {
  const make =
    (act: PackRule['act']): Make =>
    (id, reason, source, when, more = {}) => ({ id, on: subject, reason, source, when, act, ...more });
  return { trip: make('trip'), rate: make('rate'), context: make('context') };
}

/** Source of a rule that no public rule set has: from the vendor's own reference of events and programs. */
export const OURS = "ours, after the vendor's reference";

/** Short words for the conditions of shipped rules. A path is written with dots; no key in it has one. */

type Scalar = string | number | boolean | null;

export const is = (path: string, ...values: readonly Scalar[]): Condition => ({
  path: at(path),
  op: 'in',
  value: [...values],
});
export const there = (path: string): Condition => ({ path: at(path), op: 'exists' });
/** True as JSON has it, and as systems write it that send everything as text. */
export const yes = (path: string): Condition => is(path, true, 'true');
export const no = (path: string): Condition => is(path, false, 'false');
export const like = (path: string, re2: string): Condition => ({ path: at(path), op: 're2', value: re2 });
export const has = (path: string, value: string): Condition => ({ path: at(path), op: 'contains', value });
export const atMost = (path: string, value: number): Condition => ({ path: at(path), op: 'lte', value });
export const all = (...conditions: readonly Condition[]): Condition => ({ all: conditions });
export const any = (...conditions: readonly Condition[]): Condition => ({ any: conditions });
export const none = (...conditions: readonly Condition[]): Condition => ({ none: conditions });
export const each = (path: string, when: Condition): Condition => ({ each: at(path), when });

function at(path: string): string[] {
  return path === '' ? [] : path.split('.');
}
