import { z } from 'zod';
import { describe, describeHidden, type Finding } from './fault.ts';
import { suggest } from './near.ts';
import { type Place, valueAt } from './place.ts';

type Issue = z.core.$ZodIssue;

/**
 * Says what is accepted where the schema does not say it itself. Only here is the schema at hand that found the issue:
 * for unknown keys the message is therefore the list of the known ones, for `findings` to pick from.
 */
export const accepts: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return choices(issue.values.map(String));
    case 'invalid_union':
      return choices((issue['options'] as unknown[] | undefined)?.flat().map(String) ?? []);
    case 'unrecognized_keys':
      return JSON.stringify(issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : []);
    case 'too_small':
      return sized(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return sized(issue.origin, 'at most', issue.maximum);
    default:
      return undefined;
  }
};

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
};

function sized(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'array') return `a list of ${bound} ${limit}`;
  return origin === 'string' ? `text of ${bound} ${limit} characters` : `a number of ${bound} ${limit}`;
}

/** What the schema's issues mean for the person who wrote `root`. */
export function findings(root: unknown, issues: readonly Issue[], base: Place = []): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const place = [...base, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
    const value = valueAt(root, place);
    if (issue.code === 'unrecognized_keys') {
      const known = JSON.parse(issue.message) as string[];
      return issue.keys.map((key) => ({
        place: [...place, key],
        found: 'an unknown key',
        accepted: suggest(key, known, choices(known)),
      }));
    }
    if (issue.code === 'invalid_union') {
      const branch = likeliest(issue.errors, root, place);
      if (branch !== undefined) return findings(root, branch, place);
    }
    return [{ place, found: foundAt(place, value, issue), accepted: acceptedAt(value, issue) }];
  });
}

function foundAt(place: Place, value: unknown, issue: Issue): string {
  if (issue.code === 'custom' && typeof issue.params?.['found'] === 'string') return issue.params['found'];
  const address = place.at(-1) === 'url' || place.at(-1) === 'endpoint';
  const credentials = address && typeof value === 'string' && value.includes('@');
  const secret = place.some((step) => SECRETS.includes(step));
  return secret || credentials ? describeHidden(value) : describe(value);
}

/** Keys where a secret stands when somebody did not read that none may. */
const SECRETS: readonly (string | number)[] = ['secrets', 'accessKeyId', 'secretAccessKey'];

function acceptedAt(value: unknown, issue: Issue): string {
  if (issue.code === 'invalid_value') return suggest(value, issue.values.map(String), issue.message);
  if (issue.code !== 'invalid_union') return issue.message;
  const options = (issue as { options?: readonly unknown[] }).options ?? [];
  return suggest(value, options.flat().map(String), issue.message);
}

/**
 * The alternative that was probably meant: the one with the fewest keys missing or too many. None when two are equally
 * likely, or when none is of the value's type.
 */
function likeliest(branches: readonly Issue[][], root: unknown, place: Place): readonly Issue[] | undefined {
  const rated = branches
    .map((branch) => ({ branch, misfit: misfit(branch, root, place) }))
    .sort((a, b) => a.misfit - b.misfit);
  const [best, second] = rated;
  if (best === undefined || best.misfit === Number.POSITIVE_INFINITY || best.misfit === second?.misfit)
    return undefined;
  return best.branch;
}

function misfit(branch: readonly Issue[], root: unknown, place: Place): number {
  let misfits = 0;
  for (const issue of branch) {
    if (issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value'))
      return Number.POSITIVE_INFINITY;
    if (issue.code === 'unrecognized_keys') misfits += issue.keys.length;
    // The key that tells the alternatives apart counts double: without it nothing speaks for this one.
    else if (issue.path.length === 1 && valueAt(root, [...place, ...(issue.path as Place)]) === undefined)
      misfits += issue.code === 'invalid_union' ? 2 : 1;
  }
  return misfits;
}

function choices(names: readonly string[]): string {
  return names.length === 1 ? `${names[0]}` : `one of ${names.join(', ')}`;
}
