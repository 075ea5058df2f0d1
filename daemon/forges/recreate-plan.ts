import type { CollectionName, ForgeKind } from './forge.ts';
import { commentMark } from './recreate-text.ts';
import type { Issue, Label, Milestone, Release, RepositoryView, Variable } from './view.ts';
import { type Existing, type Handle, type Made, type NewAsset, variableKey } from './writer.ts';

/** One repository out of a snapshot, whatever forge it came from. */
export interface RecreateInput {
  readonly repository: RepositoryView;
  /** Names of all refs the snapshot has: `refs/heads/main`. */
  readonly refs: readonly string[];
  readonly labels: readonly Label[];
  readonly milestones: readonly Milestone[];
  readonly issues: readonly Issue[];
  readonly releases: readonly { readonly release: Release; readonly assets: readonly NewAsset[] }[];
  /** Secrets among them, which have no value. */
  readonly variables: readonly Variable[];
  /** How many documents of what cannot be made again the snapshot has. */
  readonly others: Readonly<Partial<Record<CollectionName, number>>>;
}

/** What is where it is to be made. */
export interface Survey {
  readonly made: Made | undefined;
  readonly existing: Existing;
}

/** One thing to be made. None holds a value of a variable: a plan may be printed. */
export type Step =
  | { readonly kind: 'repository' }
  /** What is there and the same is left as it is; nothing is overwritten. */
  | { readonly kind: 'push'; readonly refs: readonly string[] }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'milestone'; readonly title: string }
  | {
      readonly kind: 'issue';
      readonly number: number;
      readonly title: string;
      /** What was made of it before. */
      readonly handle?: Handle;
      /** Ids of the comments that are missing. */
      readonly comments: readonly string[];
      readonly close: boolean;
    }
  | { readonly kind: 'release'; readonly tag: string; readonly files: number }
  /** `variableKey` of it. */
  | { readonly kind: 'variable'; readonly key: string };

export interface Impossible {
  readonly what: string;
  readonly reason: string;
}

export interface Plan {
  readonly target: string;
  /** In this order. */
  readonly steps: readonly Step[];
  /** What is there already, in words. */
  readonly there: readonly string[];
  readonly impossible: readonly Impossible[];
}

/** The colour of a label that issues have and the snapshot has not, as one of an organisation's. */
export const PLAIN_COLOR = 'ededed';

/**
 * What is missing in `target`, and what cannot be made there. Pure. Labels and milestones that only issues name are made too;
 * issues come in the order of their numbers, so that they keep them where the forge counts from one and none is missing.
 */
export function planRecreation(input: RecreateInput, target: string, kind: ForgeKind, survey: Survey): Plan {
  const { existing } = survey;
  const steps: Step[] = [];
  const there: string[] = [];
  const impossible: Impossible[] = [];
  const add = (is: boolean, what: string, step: Step) => {
    if (is) there.push(what);
    else steps.push(step);
  };

  add(survey.made !== undefined, `repository ${target}`, { kind: 'repository' });
  const { pushes, left } = pushesOf(input);
  for (const refs of pushes) steps.push({ kind: 'push', refs });
  if (left > 0)
    impossible.push({
      what: `${left} other refs, such as those of pull requests`,
      reason: 'a forge takes branches, tags and notes only; the snapshot has them all',
    });

  const fold = kind === 'github' ? (name: string) => name.toLowerCase() : (name: string) => name;
  const labels = new Set([...existing.labels].map(fold));
  for (const { name } of wantedLabels(input, fold))
    add(labels.has(fold(name)), `label ${name}`, { kind: 'label', name });
  for (const { title } of wantedMilestones(input))
    add(existing.milestones.has(title), `milestone ${title}`, { kind: 'milestone', title });

  if (input.issues.length > 0 && !input.repository.hasIssues && survey.made === undefined)
    impossible.push({ what: 'that issues are switched off', reason: 'the snapshot has issues, which need them' });
  for (const issue of [...input.issues].sort((a, b) => a.number - b.number)) {
    const held = existing.issues.get(issue.number);
    const comments = saidIn(issue)
      .filter((one) => held?.comments.has(commentMark(input.repository.path, issue, one)) !== true)
      .map(({ id }) => id);
    const close = issue.state === 'closed' && held?.open !== false;
    const { number, title } = issue;
    add(held !== undefined && comments.length === 0 && !close, `issue ${number}`, {
      kind: 'issue',
      number,
      title,
      ...(held === undefined ? {} : { handle: held.handle }),
      comments,
      close,
    });
  }

  const tags = new Set(input.refs);
  for (const { release, assets } of input.releases) {
    const { tag } = release;
    const has = existing.releases.has(tag);
    // A forge would make a tag of its own, at whatever is newest.
    if (!has && !release.draft && !tags.has(`refs/tags/${tag}`))
      impossible.push({ what: `release ${tag}`, reason: 'the snapshot does not have its tag' });
    else add(has, `release ${tag}`, { kind: 'release', tag, files: assets.length });
  }

  // GitHub and Gitea write names of variables in capitals.
  const capital = kind === 'gitlab' ? (key: string) => key : (key: string) => key.toUpperCase();
  const variables = new Set([...existing.variables].map(capital));
  for (const variable of input.variables) {
    const key = variableKey(variable);
    if (variable.value === undefined)
      impossible.push({ what: `secret ${key}`, reason: 'no forge gives its value: set it by hand' });
    else add(variables.has(capital(key)), `variable ${key}`, { kind: 'variable', key });
  }

  for (const [name, count] of Object.entries(input.others) as [CollectionName, number][])
    if (count > 0) impossible.push({ what: `${name} (${count})`, reason: NOT_AGAIN[name] ?? 'this is not made again' });
  if (input.repository.hasWiki)
    impossible.push({ what: 'wiki', reason: 'a forge makes it with its first page: then push wiki.git there' });
  if (input.repository.archived)
    impossible.push({
      what: 'that it is archived',
      reason: 'nothing could be made in it: archive it when all is there',
    });
  return { target, steps, there, impossible };
}

const BY_HAND = 'set it up by hand from the snapshot';
const NOT_AGAIN: Readonly<Partial<Record<CollectionName, string>>> = {
  pulls:
    'no forge lets anybody set who wrote, reviewed and merged; their branches are pushed, and the snapshot has their texts',
  workflows: 'they come with the code',
  runs: 'what has run is history',
  environments: BY_HAND,
  protection: 'it would refuse what is pushed: protect branches and tags when all is there',
  rulesets: 'they would refuse what is pushed: set them up when all is there',
  webhooks: 'they would call out at once, and their secrets are known to nobody: add them by hand',
  keys: 'they give access: add them by hand',
  members: 'they give access: invite people by hand',
  teams: 'they give access: set them up by hand',
  projects: BY_HAND,
  packages: 'only what is known about them is in the snapshot: publish them again',
  settings: BY_HAND,
};

/** The default branch alone and first: a forge takes the first for the default. */
function pushesOf({ refs, repository }: RecreateInput): { pushes: readonly (readonly string[])[]; left: number } {
  const taken = refs.filter((ref) => /^refs\/(heads|tags|notes)\//.test(ref)).sort();
  const first = taken.filter((ref) => ref === `refs/heads/${repository.defaultBranch}`);
  const rest = taken.filter((ref) => !first.includes(ref));
  return { pushes: [first, rest].filter((one) => one.length > 0), left: refs.length - taken.length };
}

export function wantedLabels(
  input: Pick<RecreateInput, 'labels' | 'issues'>,
  fold: (name: string) => string = (name) => name,
): readonly Label[] {
  const found = new Map<string, Label>();
  for (const label of input.labels) {
    const color = /^[0-9a-f]{6}$/i.test(label.color) ? label.color : PLAIN_COLOR;
    if (!found.has(fold(label.name))) found.set(fold(label.name), { ...label, color });
  }
  for (const name of input.issues.flatMap(({ labels }) => labels))
    if (!found.has(fold(name))) found.set(fold(name), { name, color: PLAIN_COLOR, description: '' });
  return [...found.values()];
}

export function wantedMilestones(input: Pick<RecreateInput, 'milestones' | 'issues'>): readonly Milestone[] {
  const found = new Map<string, Milestone>();
  for (const milestone of input.milestones) if (!found.has(milestone.title)) found.set(milestone.title, milestone);
  for (const { milestone: title } of input.issues)
    if (title !== undefined && !found.has(title)) found.set(title, { title, description: '', state: 'open' });
  return [...found.values()];
}

/** Comments that say something, in the order of time. */
export function saidIn({ comments }: Issue): Issue['comments'] {
  return comments.filter(({ body, review }) => body.trim() !== '' || review !== undefined);
}
