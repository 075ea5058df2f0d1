import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { keepRules } from '../config/keep.ts';
import type { Config } from '../config/schema.ts';
import { statePaths } from '../config/state.ts';
import { exportLedger } from '../ledger/export.ts';
import type { Chain } from '../vault/chain.ts';
import { planSweep } from '../vault/sweep-plan.ts';
import type { Context } from './command.ts';

/** What becomes of a snapshot. */
export type Fate =
  | { readonly fate: 'stays'; readonly because: readonly string[] }
  /** No tombstone names it yet; the next sweep does. */
  | { readonly fate: 'goes'; readonly earliest: string }
  /** A tombstone names it. `because`, when not empty, is why it stays after all. */
  | { readonly fate: 'expires'; readonly at: string; readonly because: readonly string[] }
  | { readonly fate: 'expired'; readonly at: string };

export interface Fates {
  /** Why nothing expires for now. */
  readonly paused?: string;
  /** By the hash of the snapshot's record. */
  readonly of: ReadonlyMap<string, Fate>;
}

/** What the next sweep would do, by the rules in the configuration and what persons have cleared. Changes nothing. */
export async function foretell(chain: Chain, config: Config, context: Context): Promise<Fates> {
  const trusted = config.appliance.clock === 'system' || (await context.clockSynchronised());
  const wall = context.clock.wall();
  const keep = config.vault.keep === undefined ? undefined : keepRules(config.vault.keep);
  const cleared = await clearedIn(statePaths(config).ledger);
  const plan = planSweep({ chain, rules: keep?.rules, wall: trusted ? wall : undefined, cleared });
  const of = new Map<string, Fate>();
  for (const { hash } of plan.expired) of.set(hash, { fate: 'expired', at: isoTime(plan.from.get(hash) ?? 0) });
  for (const { hash } of plan.live) {
    const from = plan.from.get(hash);
    const because = plan.verdicts.get(hash) ?? [plan.paused ?? ''];
    if (from !== undefined) of.set(hash, { fate: 'expires', at: isoTime(from), because });
    else if (because.length > 0) of.set(hash, { fate: 'stays', because });
    else of.set(hash, { fate: 'goes', earliest: isoTime(wall + (keep?.graceMs ?? 0)) });
  }
  return { ...(plan.paused === undefined ? {} : { paused: plan.paused }), of };
}

export function fateText(fate: Fate): string {
  switch (fate.fate) {
    case 'stays':
      return `stays: ${fate.because.join(', ')}`;
    case 'goes':
      return `goes, not before ${fate.earliest}`;
    case 'expires':
      return `expires ${fate.at}${fate.because.length === 0 ? '' : `, but stays: ${fate.because.join(', ')}`}`;
    case 'expired':
      return `expired ${fate.at}`;
    default:
      return fate satisfies never;
  }
}

/** Hashes of the suspicious snapshots that somebody has cleared. */
async function clearedIn(ledger: string): Promise<Set<string>> {
  const cleared = new Set<string>();
  if (!existsSync(ledger)) return cleared;
  await exportLedger(ledger, (line) => {
    const { type, data } = JSON.parse(line) as { type: string; data: Record<string, unknown> };
    if (type === 'snapshot.cleared') cleared.add(String(data['hash']));
  });
  return cleared;
}
