import type { Deed, Recogniser } from './deed.ts';
import { aws } from './deed-aws.ts';
import { awsRetold } from './deed-aws-retold.ts';
import { azure } from './deed-azure.ts';
import { ecs } from './deed-ecs.ts';
import { falco } from './deed-falco.ts';
import { finding } from './deed-finding.ts';
import { gcp } from './deed-gcp.ts';
import { github } from './deed-github.ts';
import { gitlab } from './deed-gitlab.ts';
import { http } from './deed-http.ts';
import { kubernetes } from './deed-kubernetes.ts';
import { mark } from './deed-mark.ts';
import { platform } from './deed-platform.ts';
import { texts } from './deed-text.ts';
import { textInput, tool } from './deed-tool.ts';
import { withoutDots } from './dotted.ts';
import { EffortSpent } from './effort.ts';
import { isObject, type JsonObject } from './format.ts';

const RECOGNISERS: readonly Recogniser[] = [
  aws,
  awsRetold,
  azure,
  ecs,
  falco,
  finding,
  gcp,
  github,
  gitlab,
  http,
  kubernetes,
  mark,
  platform,
  texts,
  tool,
];

/** How much of one alert is looked at. Alerts of the systems in docs/integrations have some thousand values, ten deep. */
const MAX_VALUES = 50_000;
const MAX_DEPTH = 100;
/** Every rule is asked about every deed. */
const MAX_DEEDS = 10_000;
/** JSON inside text inside JSON: an event of CloudTrail in one of EventBridge in one of SNS is at 1. */
const MAX_NESTED = 4;

export interface Seen {
  readonly deeds: readonly Deed[];
  /** Set when not all of the alert was looked at: a sentence that says why. */
  readonly unseen?: string;
}

interface Step {
  readonly value: unknown;
  readonly depth: number;
  readonly nested: number;
  /** What the deeds around say of who did them: a command in a tool's input does not say it again. */
  readonly doer: Doer;
}

/** The call of a tool is one act, with all that is in what the tool is given: `origin` comes from such a call. */
type Doer = Pick<Deed, 'by' | 'through' | 'agent' | 'origin'>;

/**
 * What was done according to `alert`, wherever in it that stands: the systems of this world wrap each other's events in
 * ever new ways, so the event is looked for, not the way to it. Text that is JSON is read as such, and keys with dots
 * (`requestParameters.bucketName` in Splunk, `proc.cmdline` in Falco) are read as the paths they stand for.
 */
export function deedsIn(alert: JsonObject): Seen {
  const deeds: Deed[] = [{ on: 'alert', root: alert }];
  const steps: Step[] = [{ value: alert, depth: 0, nested: 0, doer: {} }];
  let looked = 0;
  let unseen: string | undefined;
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if (++looked > MAX_VALUES) return { deeds, unseen: `It has more than ${MAX_VALUES} values.` };
    const { value, depth, nested, doer } = step;
    if (depth > MAX_DEPTH) {
      unseen = `It is more than ${MAX_DEPTH} levels deep.`;
      continue;
    }
    if (typeof value === 'string') {
      const inner = nested < MAX_NESTED ? parsed(value) : undefined;
      if (inner !== undefined) steps.push({ value: inner, depth, nested: nested + 1, doer });
    } else if (Array.isArray(value)) {
      for (const item of value) if (isWorthIt(item)) steps.push({ value: item, depth: depth + 1, nested, doer });
    } else if (isObject(value)) {
      const whole = withoutDots(value);
      const found: Deed[] = [];
      for (const recognise of RECOGNISERS) {
        try {
          for (const one of recognise(whole)) found.push(one);
        } catch (error) {
          if (!(error instanceof EffortSpent)) throw error;
          unseen = 'It holds a command longer than anybody types.';
        }
        if (deeds.length + found.length > MAX_DEEDS)
          return {
            deeds: [...deeds, ...found].slice(0, MAX_DEEDS),
            unseen: `It tells of more than ${MAX_DEEDS} deeds.`,
          };
      }
      let here = doer;
      for (const one of found) if (one.by !== undefined || one.agent === true) here = { ...here, ...doerOf(one) };
      for (const one of found)
        deeds.push({ ...here, ...one, ...(doer.origin !== undefined && { origin: doer.origin }) });
      const words = textInput(whole);
      for (const item of Object.values(whole))
        if (isWorthIt(item) && item !== words) steps.push({ value: item, depth: depth + 1, nested, doer: here });
    }
  }
  return { deeds, ...(unseen !== undefined && { unseen }) };
}

function doerOf({ on, by, through, agent, origin }: Deed): Doer {
  return {
    ...(by !== undefined && { by }),
    ...(through !== undefined && { through }),
    ...(agent === true && { agent }),
    ...(on === 'tool' && origin !== undefined && { origin }),
  };
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
