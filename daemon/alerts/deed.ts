import type { RULE_SUBJECTS } from '../config/schema.ts';
import type { JsonObject } from './format.ts';

export type Subject = (typeof RULE_SUBJECTS)[number];

/** Something that somebody did, as recognised in an alert; rules are asked about it. */
export interface Deed {
  readonly on: Subject;
  /**
   * What the paths of rules start at: what was sent, as it was sent. What had to be worked out of it stands under the key
   * `portcullis`, so that nobody takes it for the sender's.
   */
  readonly root: JsonObject;
  /** Who did it, in the platform's own words. */
  readonly by?: string;
  /** The program it was done with: a user agent. */
  readonly through?: string;
  /** True when the alert itself says that an agent did it. */
  readonly agent?: boolean;
  /** True when the platform did not let it happen. */
  readonly refused?: boolean;
  /** What was recognised, where that can give several deeds: they count as one where matches are counted. Default: `root`. */
  readonly origin?: object;
}

/**
 * Looks at one JSON object, wherever in an alert it stands, and says what was done according to it; usually nothing.
 * Total: whatever types the values have, it answers. It looks at this object only, not at what lies deeper, which it will
 * be shown too.
 */
export type Recogniser = (value: JsonObject) => readonly Deed[];

export const NOTHING: readonly Deed[] = [];

/** `value` when it is text that is not empty. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

interface Facts {
  /** Of these the first that is text. */
  readonly by?: readonly unknown[];
  readonly through?: readonly unknown[];
  readonly agent?: boolean;
  readonly refused?: boolean;
  readonly origin?: object;
}

/** A deed with what is known of it. */
export function deed(on: Subject, root: JsonObject, { by, through, agent, refused, origin }: Facts = {}): Deed {
  const who = firstText(by);
  const program = firstText(through);
  return {
    on,
    root,
    ...(who !== undefined && { by: who }),
    ...(program !== undefined && { through: program }),
    ...(agent === true && { agent }),
    ...(refused === true && { refused }),
    ...(origin !== undefined && { origin }),
  };
}

export function firstText(values: readonly unknown[] = []): string | undefined {
  return values.map(text).find((value) => value !== undefined);
}
