import type { Condition } from '../config/schema.ts';
import { deedsIn } from './deeds.ts';
import { Effort } from './effort.ts';
import type { Brought, Judge, JudgedSource, Judgement } from './judge.ts';
import { read } from './reading.ts';
import type { ReadyRule } from './rule-set.ts';
import { compile, valueAt } from './rules.ts';

/** Why a body is judged as it is, for the person who writes rules. */
export interface Explanation {
  readonly judgement: Judgement;
  /** Set when the body, or part of it, was not understood. */
  readonly unknown?: string;
  readonly alerts: readonly ExplainedAlert[];
}

export interface ExplainedAlert {
  /** What was recognised in it. */
  readonly deeds: readonly { readonly on: string; readonly by?: string; readonly refused?: boolean }[];
  /** Every rule that may be asked about one of the deeds, with what speaks for or against it. */
  readonly rules: readonly ExplainedRule[];
}

export interface ExplainedRule {
  readonly id: string;
  readonly origin: ReadyRule['origin'];
  readonly on: string;
  readonly act: 'trip' | 'rate' | 'context';
  readonly matches: boolean;
  /** The fields that decided, each a sentence. */
  readonly because: readonly string[];
}

/** Judges as intake would, the first time it saw this, and says why. */
export function explain(judge: Judge, source: JudgedSource, brought: Brought): Explanation {
  const judgement = judge.judge(source, brought);
  if (brought.body.kind !== 'whole') return { judgement, alerts: [] };
  const reading = read(source.format, brought.body.bytes, brought.header);
  const seen = reading.alerts.map(deedsIn);
  const unknown = reading.unknown ?? seen.find(({ unseen }) => unseen !== undefined)?.unseen;
  const alerts = seen.map(({ deeds }): ExplainedAlert => {
    const rules = judge.rulesFor(source).flatMap(({ rule, origin }): ExplainedRule[] => {
      const asked = deeds
        .filter(({ on }) => on === rule.on)
        .map(({ root }) => {
          const when = reasons(rule.when, root);
          const except = rule.except && reasons(rule.except, root);
          if (when.holds && except?.holds === true)
            return { holds: false, because: except.because.map((why) => `except: ${why}`) };
          return when;
        });
      const best = asked.find(({ holds }) => holds) ?? asked[0];
      if (best === undefined) return [];
      return [{ id: rule.id, origin, on: rule.on, act: rule.act, matches: best.holds, because: best.because }];
    });
    return {
      deeds: deeds.map(({ on, by, refused }) => ({
        on,
        ...(by !== undefined && { by }),
        ...(refused !== undefined && { refused }),
      })),
      rules,
    };
  });
  return { judgement, alerts, ...(unknown !== undefined && { unknown }) };
}

interface Reasons {
  readonly holds: boolean;
  readonly because: readonly string[];
}

/** What decides: of `all` the first part that does not hold, of `any` the first that does, else all of them. */
function reasons(condition: Condition, root: unknown): Reasons {
  if ('all' in condition) {
    const parts = condition.all.map((part) => reasons(part, root));
    const failed = parts.find(({ holds }) => !holds);
    return failed ?? { holds: true, because: parts.flatMap(({ because }) => because) };
  }
  if ('any' in condition) {
    const parts = condition.any.map((part) => reasons(part, root));
    return parts.find(({ holds }) => holds) ?? { holds: false, because: parts.flatMap(({ because }) => because) };
  }
  if ('none' in condition) {
    const parts = condition.none.map((part) => reasons(part, root));
    const found = parts.find(({ holds }) => holds);
    if (found !== undefined) return { holds: false, because: found.because.map((why) => `none of: ${why}`) };
    return { holds: true, because: parts.flatMap(({ because }) => because) };
  }
  if ('each' in condition) {
    const found = valueAt(root, condition.each);
    const place = pathOf(condition.each);
    if (found === undefined) return { holds: false, because: [`${place} is not there`] };
    const items: readonly unknown[] = Array.isArray(found) ? found : [found];
    const parts = items.map((item) => reasons(condition.when, item));
    const best = parts.find(({ holds }) => holds) ?? parts[0];
    if (best === undefined) return { holds: false, because: [`${place} is empty`] };
    return { holds: best.holds, because: best.because.map((why) => `in ${place}: ${why}`) };
  }
  const holds = compile(condition)(root, new Effort());
  const value = 'value' in condition ? ` ${JSON.stringify(condition.value)}` : '';
  const found = valueAt(root, condition.path);
  const is = found === undefined ? 'is not there' : `is ${shown(found)}`;
  return { holds, because: [`${pathOf(condition.path)} ${is}; ${holds ? '' : 'not '}${condition.op}${value}`] };
}

function pathOf(path: readonly (string | number)[]): string {
  return path.length === 0
    ? 'it'
    : path.map((key) => (/^[\w-]+$/.test(String(key)) ? key : JSON.stringify(key))).join('.');
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 117)}…`;
}
