import type { Deed, Recogniser } from './deed.ts';
import { aws } from './deed-aws.ts';
import { mark } from './deed-mark.ts';
import { texts } from './deed-text.ts';
import { EffortSpent } from './effort.ts';
import { isObject, type JsonObject } from './format.ts';

const RECOGNISERS: readonly Recogniser[] = [aws, texts, mark];

/** How much of one alert is looked at. Alerts of the systems in docs/integrations have some thousand values, ten deep. */
const MAX_VALUES = 50_000;
const MAX_DEPTH = 100;
/** JSON inside text inside JSON: an event of CloudTrail in one of EventBridge in one of SNS is at 1. */
const MAX_NESTED = 4;
/** An object with more dotted keys than this is not taken apart. */
const MAX_DOTTED = 2_000;

export interface Seen {
  readonly deeds: readonly Deed[];
  /** Set when not all of the alert was looked at: a sentence that says why. */
  readonly unseen?: string;
}

interface Step {
  readonly value: unknown;
  readonly depth: number;
  readonly nested: number;
}

/**
 * What was done according to `alert`, wherever in it that stands: the systems of this world wrap each other's events in
 * ever new ways, so the event is looked for, not the way to it. Text that is JSON is read as such, and keys with dots
 * (`requestParameters.bucketName` in Splunk, `proc.cmdline` in Falco) are read as the paths they stand for.
 */
export function deedsIn(alert: JsonObject): Seen {
  const deeds: Deed[] = [{ on: 'alert', root: alert }];
  const steps: Step[] = [{ value: alert, depth: 0, nested: 0 }];
  let looked = 0;
  let unseen: string | undefined;
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if (++looked > MAX_VALUES) return { deeds, unseen: `It has more than ${MAX_VALUES} values.` };
    const { value, depth, nested } = step;
    if (depth > MAX_DEPTH) {
      unseen = `It is more than ${MAX_DEPTH} levels deep.`;
      continue;
    }
    if (typeof value === 'string') {
      const inner = nested < MAX_NESTED ? parsed(value) : undefined;
      if (inner !== undefined) steps.push({ value: inner, depth, nested: nested + 1 });
    } else if (Array.isArray(value)) {
      for (const item of value) if (isWorthIt(item)) steps.push({ value: item, depth: depth + 1, nested });
    } else if (isObject(value)) {
      const whole = withoutDots(value);
      try {
        for (const recognise of RECOGNISERS) for (const deed of recognise(whole)) deeds.push(deed);
      } catch (error) {
        if (!(error instanceof EffortSpent)) throw error;
        unseen = 'It holds a command longer than anybody types.';
      }
      for (const item of Object.values(whole))
        if (isWorthIt(item)) steps.push({ value: item, depth: depth + 1, nested });
    }
  }
  return { deeds, ...(unseen !== undefined && { unseen }) };
}

function isWorthIt(value: unknown): boolean {
  return typeof value === 'string' ? /^\s*[[{]/.test(value) : typeof value === 'object' && value !== null;
}

function parsed(value: string): unknown {
  if (!isWorthIt(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** `value` with a path of objects for each key with dots, as far as nothing else stands in its way. */
function withoutDots(value: JsonObject): JsonObject {
  const keys = Object.keys(value);
  const dotted = keys.filter((key) => key.includes('.'));
  if (dotted.length === 0 || dotted.length > MAX_DOTTED) return value;
  const root: Tree = new Map(Object.entries(value).filter(([key]) => !key.includes('.')));
  for (const key of dotted) if (!plant(root, key.split('.'), value[key])) root.set(key, value[key]);
  return plain(root);
}

type Tree = Map<string, unknown>;

function plant(root: Tree, path: readonly string[], value: unknown): boolean {
  if (path.length > MAX_DEPTH) return false;
  let at = root;
  for (const part of path.slice(0, -1)) {
    const next = at.get(part);
    if (next !== undefined && !(next instanceof Map) && !isObject(next)) return false;
    const branch: Tree = next instanceof Map ? next : new Map(Object.entries(next ?? {}));
    at.set(part, branch);
    at = branch;
  }
  const last = path.at(-1) ?? '';
  if (at.has(last)) return false;
  at.set(last, value);
  return true;
}

/** By way of `fromEntries`, so that a key `__proto__` stays a key. */
function plain(tree: Tree): JsonObject {
  return Object.fromEntries([...tree].map(([key, item]) => [key, item instanceof Map ? plain(item) : item]));
}
