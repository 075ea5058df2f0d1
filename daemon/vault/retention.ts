import { isoTime } from '../base/clock.ts';
import type { SnapshotStatus } from './record.ts';

/** Which snapshots are kept, decided from their records alone. Nothing here acts. */

/** How many of each are kept; an absent rule keeps none by itself. */
export interface KeepRules {
  /** The newest so many of a source. */
  readonly last?: number;
  /** The newest of each of so many hours, days, weeks (from Monday), months and years in which there is one, in UTC. */
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  /** So many newest complete snapshots of each source, that nobody doubts, are kept whatever else is said. At least 1. */
  readonly floor: number;
}

/** What the decision needs of a snapshot. */
export interface Candidate {
  readonly seq: number;
  /** SHA-256 of its record. */
  readonly hash: string;
  /** The same for each snapshot of a source. */
  readonly source: string;
  /** Milliseconds since the epoch; NaN when it could not be read. */
  readonly wall: number;
  readonly status: SnapshotStatus;
}

/** Why a snapshot stays, for people; empty when it may go. */
export type Verdicts = ReadonlyMap<string, readonly string[]>;

const DAY_MS = 86_400_000;

/**
 * The verdict on each snapshot, by the hash of its record. `passed` are hashes of snapshots that passed a drill, `cleared` those that a
 * person looked at after the appliance had doubted them. `wall` is a trusted time, milliseconds since the epoch.
 *
 * The order of the chain counts, not the times that records tell: a time in the future, or before that of an earlier snapshot of the source,
 * fills no place that another could have. Such a snapshot stays, for nobody knows where it belongs. So does one that is doubted.
 */
export function decideRetention(
  snapshots: readonly Candidate[],
  rules: KeepRules,
  wall: number,
  passed: ReadonlySet<string> = new Set(),
  cleared: ReadonlySet<string> = new Set(),
): Verdicts {
  const verdicts = new Map<string, string[]>(snapshots.map(({ hash }) => [hash, []]));
  const keep = (hash: string, reason: string) => verdicts.get(hash)?.push(reason);
  for (const ofSource of bySource(snapshots)) {
    const doubted = ({ status, hash }: Candidate) => status === 'suspicious' && !cleared.has(hash);
    for (const one of ofSource.filter(doubted)) keep(one.hash, 'it is suspicious, and nobody has cleared it');

    const timely = inOrder(ofSource, wall);
    const newest = ofSource.filter((one) => !doubted(one)).reverse();
    for (const { hash } of newest) if (!timely.has(hash)) keep(hash, 'its time cannot be right');
    const proven = newest.find(({ hash }) => passed.has(hash));
    if (proven !== undefined) keep(proven.hash, 'the last that passed a drill');

    const placed = newest.filter(({ hash }) => timely.has(hash));
    const whole = placed.filter(({ status }) => status === 'complete');
    for (const { hash } of whole.slice(0, Math.max(1, rules.floor))) keep(hash, 'floor');
    for (const { hash } of placed.slice(0, rules.last ?? 0)) keep(hash, 'last');
    for (const [rule, bucketOf] of BUCKETS) {
      for (const { hash } of firstOfEach(placed, bucketOf, rules[rule] ?? 0)) keep(hash, rule);
    }
  }
  return verdicts;
}

/** Oldest first within each source. */
function bySource(snapshots: readonly Candidate[]): Candidate[][] {
  const sources = new Map<string, Candidate[]>();
  for (const one of [...snapshots].sort((a, b) => a.seq - b.seq)) {
    const list = sources.get(one.source) ?? [];
    sources.set(one.source, list);
    list.push(one);
  }
  return [...sources.values()];
}

/** Hashes of those whose time is neither in the future nor before that of an earlier one. */
function inOrder(oldestFirst: readonly Candidate[], wall: number): Set<string> {
  const timely = new Set<string>();
  let latest = Number.NEGATIVE_INFINITY;
  for (const { hash, wall: at } of oldestFirst) {
    if (!(at >= latest && at <= wall)) continue;
    latest = at;
    timely.add(hash);
  }
  return timely;
}

type Bucketed = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly';
const BUCKETS: readonly (readonly [Bucketed, (wall: number) => number | string])[] = [
  ['hourly', (wall) => Math.floor(wall / 3_600_000)],
  ['daily', (wall) => Math.floor(wall / DAY_MS)],
  // The epoch was a Thursday.
  ['weekly', (wall) => Math.floor((wall / DAY_MS + 3) / 7)],
  ['monthly', (wall) => isoTime(wall).slice(0, 7)],
  ['yearly', (wall) => isoTime(wall).slice(0, 4)],
];

/** One of each of the newest `most` buckets: the newest complete one, or the newest where none is. */
function firstOfEach(
  newestFirst: readonly Candidate[],
  bucketOf: (wall: number) => number | string,
  most: number,
): Candidate[] {
  const chosen = new Map<number | string, Candidate>();
  for (const one of newestFirst) {
    const bucket = bucketOf(one.wall);
    const before = chosen.get(bucket);
    if (before === undefined ? chosen.size < most : before.status !== 'complete' && one.status === 'complete') {
      chosen.set(bucket, one);
    }
  }
  return [...chosen.values()];
}
