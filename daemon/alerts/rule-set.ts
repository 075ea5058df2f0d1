import { durationMs } from '../base/duration.ts';
import { PortcullisError } from '../base/errors.ts';
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

const SHIPPED: ReadonlyMap<string, PackRule> = new Map(PACK.map((rule) => [rule.id, rule]));

/** What a rule for all sources lacks, as the end of a sentence that begins with its name, or undefined. */
export function alertRuleFault({ id, reason, when, act }: SharedRule): string | undefined {
  if (SHIPPED.has(id)) return undefined;
  if (act === 'off') return 'is off, and that no shipped rule is called';
  if (reason === undefined) return 'is not shipped and gives no reason';
  return when === undefined ? 'is not shipped and does not say when' : undefined;
}

/** The shipped rules, changed and added to by those for all sources. Throws `intake.rule`. */
export function rulesOfAll(shared: readonly SharedRule[]): readonly ReadyRule[] {
  for (const rule of shared) {
    const fault = alertRuleFault(rule);
    if (fault !== undefined) throw new PortcullisError('intake.rule', `Rule ${rule.id} in intake.rules ${fault}.`);
  }
  const changes = new Map(shared.map((rule) => [rule.id, rule]));
  const shipped = PACK.flatMap((rule) => {
    const change = changes.get(rule.id);
    if (change === undefined) return [ready(rule, 'shipped')];
    const { on = rule.on, reason = rule.reason, when = rule.when, act = rule.act, ...rest } = change;
    // Added to the shipped exceptions, which nobody means to lose by one of his own.
    const excepts = [rule.except, rest.except].filter((except) => except !== undefined);
    const except = excepts.length > 0 ? { except: { any: excepts } } : {};
    return act === 'off' ? [] : [ready({ ...rule, ...rest, on, reason, when, act, ...except }, 'changed')];
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
