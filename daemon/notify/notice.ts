/**
 * What a person is told. `alarm`: the vault is locked out or faulty, or nobody watches it; told at any hour. `warning`: a
 * backup is late or doubted; may wait for the morning. `info`: something is as it should be again, or a window is over.
 */
export type Severity = 'alarm' | 'warning' | 'info';

export interface Notice {
  /** Unique, for receivers that see it twice. */
  readonly id: string;
  /** The condition it is about; the notice that it is over has the same. */
  readonly key: string;
  readonly severity: Severity;
  /** The condition has ended. */
  readonly over: boolean;
  /** One line. */
  readonly title: string;
  readonly text: string;
  /** When it was noticed, milliseconds since the epoch. */
  readonly wall: number;
}

/** Something that is the case now. */
export interface Condition {
  readonly severity: 'alarm' | 'warning';
  readonly title: string;
  readonly text: string;
}

export type Conditions = Readonly<Record<string, Condition>>;

/**
 * What changed from `before` to `now`, alarms first. `newId` gives each notice its own id. What ended is told as info, as it began.
 */
export function noticesOf(before: Conditions, now: Conditions, wall: number, newId: () => string): Notice[] {
  const begun = Object.entries(now)
    .filter(([key]) => before[key] === undefined)
    .map(([key, condition]): Notice => ({ id: newId(), key, over: false, wall, ...condition }));
  const ended = Object.entries(before)
    .filter(([key]) => now[key] === undefined)
    .map(
      ([key, { title, text }]): Notice => ({
        id: newId(),
        key,
        severity: 'info',
        over: true,
        title: `Over: ${title}`,
        text,
        wall,
      }),
    );
  const order: readonly Severity[] = ['alarm', 'warning', 'info'];
  return [...begun, ...ended].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}
