import { durationMs } from '../base/duration.ts';
import type { Rule, SharedRule } from '../config/schema.ts';
import type { Deed } from './deed.ts';
import type { Effort } from './effort.ts';
import { PACK } from './pack.ts';
import type { PackRule } from './pack-words.ts';
import type { Rate } from './rates.ts';
import { compile } from './rules.ts';

/** A rule ready to be asked. */
export interface ReadyRule {
  readonly rule: Rule;
  /** Where it comes from, as `alerts test` says. */
  readonly origin: 'shipped' | 'changed' | 'yours';
  readonly rate: (Rate & { readonly per: readonly (string | number)[] | undefined }) | undefined;
  holds(deed: Deed, effort: Effort): boolean;
}

/** What is wrong with the rules for all sources, each with its place in the list. */
export interface SharedRuleFault {
  readonly index: number;
  readonly found: string;
  readonly accepted: string;
}

const SHIPPED: ReadonlyMap<string, PackRule> = new Map(PACK.map((rule) => [rule.id, rule]));

/** A rule of `shared` that names no shipped one must say all that a rule says. */
export function sharedRuleFaults(shared: readonly SharedRule[]): readonly SharedRuleFault[] {
  return shared.flatMap(({ id, reason, when, act }, index) => {
    if (SHIPPED.has(id) || (reason !== undefined && when !== undefined && act !== 'off')) return [];
    const missing = [reason === undefined && 'reason', when === undefined && 'when'].filter((key) => key !== false);
    const lack = missing.length > 0 ? `without ${missing.join(' and ')}` : 'that is off';
    return [{ index, found: `a rule ${id} ${lack}`, accepted: 'the name of a shipped rule, or reason and when' }];
  });
}

/** The shipped rules, changed and added to by those for all sources, which must be without fault. */
export function rulesOfAll(shared: readonly SharedRule[]): readonly ReadyRule[] {
  const changes = new Map(shared.map((rule) => [rule.id, rule]));
  const shipped = PACK.flatMap((rule) => {
    const change = changes.get(rule.id);
    if (change === undefined) return [ready(rule, 'shipped')];
    const { on = rule.on, reason = rule.reason, when = rule.when, act = rule.act, ...rest } = change;
    return act === 'off' ? [] : [ready({ ...rule, ...rest, on, reason, when, act }, 'changed')];
  });
  const added = shared.flatMap(({ reason, when, act = 'trip', on = 'alert', ...rest }) =>
    SHIPPED.has(rest.id) || reason === undefined || when === undefined || act === 'off'
      ? []
      : [ready({ ...rest, reason, when, act, on }, 'yours')],
  );
  return [...added, ...shipped];
}

export function rulesOf(source: { readonly rules: readonly Rule[] }): readonly ReadyRule[] {
  return source.rules.map((rule) => ready(rule, 'yours'));
}

function ready(rule: Rule, origin: ReadyRule['origin']): ReadyRule {
  const when = compile(rule.when);
  const except = rule.except === undefined ? () => false : compile(rule.except);
  return {
    rule,
    origin,
    rate: rule.rate && {
      count: rule.rate.count,
      withinMs: durationMs(rule.rate.within) ?? 0,
      per: rule.rate.per,
    },
    holds: ({ on, root }, effort) => on === rule.on && when(root, effort) && !except(root, effort),
  };
}
