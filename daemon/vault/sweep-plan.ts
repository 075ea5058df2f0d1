import { parseTime } from '../base/clock.ts';
import { buried } from './buried.ts';
import type { Chain } from './chain.ts';
import { type ChainRecord, type DraftBody, MAX_BURIED } from './record.ts';
import { decideRetention, type KeepRules, type Verdicts } from './retention.ts';

/** What may expire, decided from the chain. Nothing here acts. */

export interface PlanInput {
  readonly chain: Chain;
  /** Undefined where nothing ever expires. */
  readonly rules: KeepRules | undefined;
  /** A trusted time, milliseconds since the epoch; undefined when there is none: then nothing expires. */
  readonly wall: number | undefined;
  /** Hashes of suspicious snapshots that a person has cleared. */
  readonly cleared: ReadonlySet<string>;
}

type SnapshotRecord = ChainRecord & { readonly snapshot: DraftBody };

export interface SweepPlan {
  /** Why nothing expires at all, for people. The rest is then what would be without it, or nothing where that cannot be told. */
  readonly paused: string | undefined;
  /** Why each stays, by hash, of those whose time has not come. */
  readonly verdicts: Verdicts;
  /** Hashes to be named by a new tombstone, at most MAX_BURIED of each. */
  readonly bury: readonly string[];
  /** Hashes that a tombstone names whose time has not come, and that stay after all. */
  readonly unbury: readonly string[];
  /** Those whose time has come. */
  readonly expired: readonly SnapshotRecord[];
  /** Those whose objects all have to be there: every other one. */
  readonly live: readonly SnapshotRecord[];
  /** From when on the objects of a snapshot may be gone, by hash. */
  readonly from: ReadonlyMap<string, number>;
}

/** Total. What is paused expires nothing: not even what a tombstone named long ago. */
export function planSweep({ chain, rules, wall, cleared }: PlanInput): SweepPlan {
  const snapshots = chain.records.filter((record): record is SnapshotRecord => record.snapshot !== undefined);
  const from = buried(chain.records);
  const due = (hash: string) => (from.get(hash) ?? Number.POSITIVE_INFINITY) <= (wall ?? Number.NEGATIVE_INFINITY);
  const live = snapshots.filter(({ hash }) => !due(hash));
  const expired = snapshots.filter(({ hash }) => due(hash));
  const doubted = live.filter(({ snapshot, hash }) => snapshot.status === 'suspicious' && !cleared.has(hash));
  const paused =
    rules === undefined
      ? 'no rule says what to keep (`vault.keep`), so everything is kept'
      : wall === undefined
        ? 'the clock is not trusted'
        : chain.refused[0] !== undefined
          ? `the chain is not whole: ${chain.refused[0].object} ${chain.refused[0].reason}`
          : doubted[0] !== undefined
            ? `snapshot ${doubted[0].seq} is suspicious; look at it, then clear it`
            : undefined;
  if (rules === undefined || wall === undefined) {
    return { paused, verdicts: new Map(), bury: [], unbury: [], expired, live, from };
  }
  const verdicts = decideRetention(
    live.map(({ seq, hash, time, snapshot: { source, status } }) => ({
      seq,
      hash,
      source,
      status,
      wall: parseTime(time) ?? Number.NaN,
    })),
    rules,
    wall,
    new Set(chain.records.flatMap(({ pass }) => (pass === undefined ? [] : [pass]))),
    cleared,
  );
  const goes = ({ hash }: SnapshotRecord) => verdicts.get(hash)?.length === 0;
  const named = ({ hash }: SnapshotRecord) => from.has(hash);
  const hashes = (some: readonly SnapshotRecord[]) => some.slice(0, MAX_BURIED).map(({ hash }) => hash);
  return {
    paused,
    verdicts,
    bury: hashes(live.filter((one) => goes(one) && !named(one))),
    unbury: hashes(live.filter((one) => !goes(one) && named(one))),
    expired,
    live,
    from,
  };
}
