import { RE2JS } from 're2js';
import type { AlertSource, Config } from '../config/schema.ts';
import type { Deed } from './deed.ts';
import { deedsIn } from './deeds.ts';
import { Effort, EffortSpent } from './effort.ts';
import type { Header, Reading } from './format.ts';
import { Rates } from './rates.ts';
import { read } from './reading.ts';
import { type ReadyRule, rulesOf, rulesOfAll } from './rule-set.ts';
import { valueAt } from './rules.ts';

export type Judgement =
  | { readonly trip: true; readonly reason: string; readonly rule?: string }
  | { readonly trip: false; readonly why: string };

/** What became of its body; `oversize` and `cut` are not read. */
export type BroughtBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'oversize' }
  | { readonly kind: 'cut' };

/** What an authenticated request brought. */
export interface Brought {
  readonly body: BroughtBody;
  readonly header: Header;
  /** When it came, in monotonic milliseconds. */
  readonly now: number;
  /** Whether this very body came before: it trips all the same, but is not counted again. Asked only where something is counted. */
  repeated(): boolean;
}

export type JudgedSource = Pick<AlertSource, 'name' | 'format' | 'rules' | 'unknown'>;
export type JudgeSettings = Pick<Config['intake'], 'rules' | 'agents'>;

const CUT: Reading = { alerts: [], unknown: 'The sender went away in the middle of it.' };

/** What the platforms call programs that are agents, or that agents use. */
const AGENTS = RE2JS.compile(
  '(?i)(\\bmcp\\b|mcp-server|claude|cursor|codex|copilot|gemini-cli|windsurf|\\baider\\b|\\bcline\\b|openclaw|moltbot|clawdbot|system:serviceaccount:agents:)',
);

/** Decides what authenticated requests ask for. Remembers only how often what trips by its rate has matched. */
export class Judge {
  readonly #rulesOfAll: readonly ReadyRule[];
  readonly #rulesOf = new Map<string, readonly ReadyRule[]>();
  readonly #agents: readonly RE2JS[];
  readonly #rates = new Rates();

  constructor({ rules, agents }: JudgeSettings, sources: readonly JudgedSource[]) {
    this.#rulesOfAll = rulesOfAll(rules);
    this.#agents = [AGENTS, ...agents.map((pattern) => RE2JS.compile(pattern))];
    for (const source of sources) this.#rulesOf.set(source.name, [...rulesOf(source), ...this.#rulesOfAll]);
  }

  /** The rules `source` is judged by, in the order they are asked. */
  rulesFor(source: Pick<JudgedSource, 'name'>): readonly ReadyRule[] {
    return this.#rulesOf.get(source.name) ?? this.#rulesOfAll;
  }

  /** Answers for every request. */
  judge(source: JudgedSource, brought: Brought): Judgement {
    const { body, header } = brought;
    // No rule can be asked about what is not read, and whoever pads a field must not be able to hide an alert.
    if (body.kind === 'oversize')
      return { trip: true, reason: 'An authenticated alert is larger than intake.maxBody.' };
    const reading = body.kind === 'whole' ? read(source.format, body.bytes, header) : CUT;
    const effort = new Effort();
    let unknown = reading.unknown;
    let near: string | undefined;
    try {
      for (const alert of reading.alerts) {
        const { deeds, unseen } = deedsIn(alert);
        unknown ??= unseen;
        const found = this.#match(this.rulesFor(source), deeds, effort, brought);
        if (found?.trip === true) return found;
        near ??= found?.why;
      }
    } catch (error) {
      if (!(error instanceof EffortSpent)) throw error;
      unknown = 'It holds more text than the rules may look through.';
    }
    if (unknown !== undefined && source.unknown === 'trip')
      return { trip: true, reason: `An authenticated alert was not understood: ${unknown}` };
    if (unknown !== undefined) return { trip: false, why: `Not understood, and ignored as configured: ${unknown}` };
    return { trip: false, why: near ?? 'No rule matched.' };
  }

  #match(
    rules: readonly ReadyRule[],
    deeds: readonly Deed[],
    effort: Effort,
    { now, repeated }: Pick<Brought, 'now' | 'repeated'>,
  ): Judgement | undefined {
    let near: Judgement | undefined;
    const about = bySubject(deeds);
    // One act may be known to several rules, as a request and as the call of a tool; where they share a limit it counts once.
    const rated = new Set<object>();
    for (const ready of rules) {
      const counted = new Set<object>();
      for (const deed of about.get(ready.rule.on) ?? []) {
        const origin = deed.origin ?? deed.root;
        if (counted.has(origin) || !ready.holds(deed, effort)) continue;
        const { id, act, reason } = ready.rule;
        const isAgent = deed.refused === true && this.#isAgent(deed, effort);
        if (deed.refused === true && !isAgent) {
          near ??= { trip: false, why: `${id}: ${reason} But it was refused, and not an agent's.` };
          continue;
        }
        counted.add(origin);
        const tried = isAgent ? ' It was refused, but an agent tried.' : '';
        if (act === 'trip') return { trip: true, rule: id, reason: `${reason}${tried}` };
        if (repeated()) continue;
        if (act === 'context') this.#rates.context(now);
        else if (ready.rate !== undefined || !rated.has(origin)) {
          if (ready.rate === undefined) rated.add(origin);
          const reached = this.#rates.count(id, deed.by ?? '', now, ownRate(ready, deed));
          if (reached !== undefined) return { trip: true, rule: id, reason: `${reason} Too many: ${reached}.` };
        }
        near ??= { trip: false, why: `${id}: ${reason} Not yet too many.` };
      }
    }
    return near;
  }

  #isAgent({ agent, by, through }: Deed, effort: Effort): boolean {
    if (agent === true) return true;
    return [by, through].some((name) => {
      if (name === undefined) return false;
      effort.spend(name.length);
      return this.#agents.some((pattern) => pattern.test(name));
    });
  }
}

function bySubject(deeds: readonly Deed[]): ReadonlyMap<Deed['on'], readonly Deed[]> {
  const sorted = new Map<Deed['on'], Deed[]>();
  for (const deed of deeds) {
    const same = sorted.get(deed.on);
    if (same === undefined) sorted.set(deed.on, [deed]);
    else same.push(deed);
  }
  return sorted;
}

function ownRate({ rate }: ReadyRule, deed: Deed) {
  if (rate === undefined) return undefined;
  const key = rate.per === undefined ? (deed.by ?? '') : JSON.stringify(valueAt(deed.root, rate.per) ?? null);
  return { ...rate, key };
}
