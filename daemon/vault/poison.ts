/**
 * Whether a source looks as if something had gone through it and destroyed it: decided from figures of this sealing and of those before,
 * before anything is committed. Nothing here acts. The thresholds lie between the cases of `test/vault/poison.test.ts`, which are measured there.
 */

/** What a sealing knows of its source. */
export interface SourceFigures {
  readonly files: number;
  readonly bytes: number;
  /** Bytes of content that no earlier snapshot had. */
  readonly freshBytes: number;
  /** Of these, bytes that do not compress: encrypted, or compressed already. */
  readonly denseBytes: number;
  /** Files whose names say how they begin, of those that were read; and those that begin otherwise. */
  readonly named: number;
  readonly misnamed: number;
  /** Canary files (`canaries.ts`) that were seen, by a keyed hash of their paths, with what tells one content from another. */
  readonly canaries?: Readonly<Record<string, string>> | undefined;
}

export interface EarlierFigures extends SourceFigures {
  /** It was doubted itself. */
  readonly doubted: boolean;
}

/** A source needs so many sealings behind it before it is compared with them: a first backup is all fresh. */
const LEAST_HISTORY = 3;
/** Smaller sources change by a large share every day. */
const LEAST_FILES = 50;
const LEAST_BYTES = 1 << 20;

/** Share of its files, or bytes, that has to be gone. */
const SHRINK = 0.4;
/** Share of its bytes that has to be fresh before it counts how dense they are, and how many times more than ever before. */
const CHURN = 0.2;
const BEYOND = 2;
/** So many files whose names say how they begin have to have been read, and this share of them, above what is usual, has to begin otherwise. */
const LEAST_NAMED = 20;
const MISNAMED = 0.3;
/** Share of the fresh bytes that has to be dense, and of what is not dense usually. */
const DENSE = 0.8;

/**
 * Why the source is to be doubted, in words for people; empty when it is not. `before` are the figures of earlier sealings of the source, oldest
 * first: take weeks of them, so that a slow attack does not become what is usual. What was doubted once is not doubted again for the same
 * change: it has raised its alarm. A source that is all new and dense each time (a compressed dump) gives no sign but its size.
 */
export function doubts(now: SourceFigures, before: readonly EarlierFigures[]): string[] {
  const baseline = before.filter(({ doubted }) => !doubted);
  const last = before.at(-1);
  const touched = canaryDoubts(now, last);
  if (baseline.length < LEAST_HISTORY || last === undefined) return touched;
  const usualFiles = Math.min(last.files, median(baseline.map(({ files }) => files)));
  const usualBytes = Math.min(last.bytes, median(baseline.map(({ bytes }) => bytes)));
  if (usualFiles < LEAST_FILES && usualBytes < LEAST_BYTES) return touched;

  const found = touched;
  const lostFiles = 1 - share(now.files, usualFiles);
  const lostBytes = 1 - share(now.bytes, usualBytes);
  if (lostFiles >= SHRINK) found.push(`${percent(lostFiles)} of its files are gone`);
  if (lostBytes >= SHRINK) found.push(`${percent(lostBytes)} of its bytes are gone`);

  const churn = share(now.freshBytes, now.bytes);
  const dense = share(now.denseBytes, now.freshBytes);
  const usualChurn = Math.max(...baseline.slice(1).map((one) => share(one.freshBytes, one.bytes)));
  // The source as it was, all of it fresh: what it is made of.
  const usualDense = share(sum(baseline, 'denseBytes'), sum(baseline, 'freshBytes'));
  const looksEncrypted = dense >= DENSE && dense >= usualDense + (1 - usualDense) / 2;
  if (churn >= CHURN && churn >= BEYOND * usualChurn && looksEncrypted)
    found.push(`${percent(churn)} of its content is new, and looks encrypted`);
  found.push(...misnamedDoubts(now, baseline, last));
  return found;
}

/** Files of well-known kinds that had to be read again, and are what their names say no longer: encrypted where they lay. */
function misnamedDoubts(now: SourceFigures, baseline: readonly SourceFigures[], last: SourceFigures): string[] {
  const misnamed = share(now.misnamed, now.named);
  const usual = Math.max(share(sum(baseline, 'misnamed'), sum(baseline, 'named')), share(last.misnamed, last.named));
  if (now.named < LEAST_NAMED || misnamed < MISNAMED || misnamed < usual + MISNAMED) return [];
  return [`${percent(misnamed)} of ${now.named} changed files are not what their names say`];
}

/** A canary needs no history: nobody has a reason to touch it. */
function canaryDoubts(now: SourceFigures, last: SourceFigures | undefined): string[] {
  const before = Object.entries(last?.canaries ?? {});
  const gone = before.filter(([path]) => now.canaries?.[path] === undefined).length;
  const changed = before.filter(([path, mark]) => (now.canaries?.[path] ?? mark) !== mark).length;
  return [
    ...(gone > 0 ? [`${gone} of its ${before.length} canary files ${gone === 1 ? 'is' : 'are'} gone`] : []),
    ...(changed > 0
      ? [
          `${changed} of its ${before.length} canary files ${changed === 1 ? 'is' : 'are'} not what ${changed === 1 ? 'it was' : 'they were'}`,
        ]
      : []),
  ];
}

function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : part / whole;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

function sum(all: readonly SourceFigures[], what: 'denseBytes' | 'freshBytes' | 'named' | 'misnamed'): number {
  return all.reduce((total, one) => total + one[what], 0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
