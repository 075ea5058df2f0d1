import type { Conditions, Notice } from './notice.ts';

/** A notice on its way to one target. */
export interface Queued {
  readonly target: string;
  readonly notice: Notice;
  readonly tries: number;
  /** Not before this time, milliseconds since the epoch. */
  readonly notBefore: number;
}

/** All that must outlive a restart: what was the case when it was told last, and what is still to be delivered. */
export interface Outbox {
  readonly conditions: Conditions;
  readonly queue: readonly Queued[];
}

export const EMPTY_OUTBOX: Outbox = { conditions: {}, queue: [] };

/** So many notices wait at most; of those that are too many the oldest that is no alarm goes. */
const MOST = 500;
/** After the first failure, the second, and so on; then the last of them again and again. */
const PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000] as const;
/** A target that has been deaf for so long is not told any more what was then. */
const GIVE_UP_MS = 3 * 86_400_000;

/** Adds notices for each target that wants them. Returns what had to go to make room, too. */
export function enqueue(
  outbox: Outbox,
  conditions: Conditions,
  notices: readonly Notice[],
  targets: readonly { readonly name: string; wants(notice: Notice): boolean }[],
): { readonly outbox: Outbox; readonly dropped: readonly Queued[] } {
  const added = notices.flatMap((notice) =>
    targets
      .filter((target) => target.wants(notice))
      .map(({ name }): Queued => ({ target: name, notice, tries: 0, notBefore: notice.wall })),
  );
  const queue = [...outbox.queue, ...added];
  const dropped: Queued[] = [];
  while (queue.length > MOST) {
    const least = queue.findIndex(({ notice }) => notice.severity !== 'alarm');
    dropped.push(...queue.splice(Math.max(0, least), 1));
  }
  return { outbox: { conditions, queue }, dropped };
}

/** The first that is due for a target; `quiet` keeps all but alarms for later. */
export function due(outbox: Outbox, target: string, wall: number, quiet: boolean): Queued | undefined {
  return outbox.queue.find(
    (one) => one.target === target && one.notBefore <= wall && !(quiet && one.notice.severity !== 'alarm'),
  );
}

/** `item` was delivered, or is not to be tried any more. */
export function without(outbox: Outbox, item: Queued): Outbox {
  return { ...outbox, queue: outbox.queue.filter((one) => one !== item) };
}

/** `item` was not delivered: it waits, longer each time. Undefined when it has waited long enough. */
export function postponed(outbox: Outbox, item: Queued, wall: number): Outbox | undefined {
  if (wall - item.notice.wall > GIVE_UP_MS) return undefined;
  const pause = PAUSES_MS[Math.min(item.tries, PAUSES_MS.length - 1)] ?? 0;
  const later: Queued = { ...item, tries: item.tries + 1, notBefore: wall + pause };
  return { ...outbox, queue: outbox.queue.map((one) => (one === item ? later : one)) };
}
