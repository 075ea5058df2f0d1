import { reasonOf } from '../base/errors.ts';
import { ForgeError, type ReadContext } from './forge.ts';
import {
  type Impossible,
  type Plan,
  type RecreateInput,
  type Step,
  type Survey,
  saidIn,
  wantedLabels,
  wantedMilestones,
} from './recreate-plan.ts';
import { commentBody, harmless, issueBody } from './recreate-text.ts';
import { type ForgeWriter, type Made, variableKey } from './writer.ts';

/**
 * Pushes refs out of the snapshot, under their own names, and overwrites none. Rejects when it could not at all: with `ForgeError`, or
 * as the signal does.
 */
export type Push = (refs: readonly string[], to: Made, context: ReadContext) => Promise<readonly PushedRef[]>;

export type PushedRef =
  | { readonly ref: string; readonly outcome: 'made' | 'there' }
  | { readonly ref: string; readonly outcome: 'refused'; readonly reason: string };

export interface RecreateOptions {
  readonly writer: ForgeWriter;
  readonly input: RecreateInput;
  readonly push: Push;
  readonly context: ReadContext;
  readonly progress?: (progress: { readonly what: string; readonly done: number; readonly total: number }) => void;
}

export interface RecreateReport {
  readonly target: string;
  readonly webUrl?: string;
  /** In words: `label bug`, `issue 12 as 7`. */
  readonly made: readonly string[];
  readonly there: readonly string[];
  readonly failed: readonly Impossible[];
  /** What nothing of it has any more, in words. */
  readonly limits: readonly string[];
}

/** What no forge lets anybody set, or what is left aside so that nobody is called. */
const LIMITS = [
  'reactions, and who follows what',
  'assignees: their names stand in the text, so that nobody is notified',
  'names after an @ call nobody: an invisible character (U+200B) stands behind it, in code too; the snapshot has the text as it was',
  'numbers in texts, such as #12, which may mean another issue here',
];

/** Looks at what is in `target`. Makes nothing. Rejects with `ForgeError`. */
export async function survey(writer: ForgeWriter, target: string, context: ReadContext): Promise<Survey> {
  const made = await writer.find(target, context);
  const nothing = new Set<string>();
  return {
    made,
    existing:
      made === undefined
        ? { labels: nothing, milestones: nothing, releases: nothing, variables: nothing, issues: new Map() }
        : await writer.existing(target, context),
  };
}

/**
 * Makes what a plan says, one thing after another. What the forge refuses is told and the rest goes on, unless nothing more can be
 * made: the token is refused, or there is no repository. Killed or aborted anywhere, a new survey, plan and run make exactly what
 * is missing. Rejects as the signal does, and with what is no `ForgeError`.
 */
export async function recreate(plan: Plan, options: RecreateOptions): Promise<RecreateReport> {
  const { writer, context } = options;
  const run = new Run(plan, options);
  let stopped: string | undefined;
  for (const [done, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    const what = nameOf(step);
    if (stopped !== undefined) {
      run.failed.push({ what, reason: stopped });
      continue;
    }
    options.progress?.({ what, done, total: plan.steps.length });
    try {
      await run.make(step);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof ForgeError)) throw error;
      run.failed.push({ what, reason: run.reasonOf(error) });
      if (error.refusal.kind === 'unauthenticated') stopped = 'the token was refused';
      else if (step.kind === 'repository') stopped = 'there is no repository';
    }
  }
  options.progress?.({ what: 'done', done: plan.steps.length, total: plan.steps.length });
  return {
    target: plan.target,
    ...(run.repository === undefined ? {} : { webUrl: run.repository.webUrl }),
    made: run.made,
    there: [...plan.there, ...run.there],
    failed: [...run.failed, ...plan.impossible],
    limits: [...writer.limits, ...LIMITS],
  };
}

class Run {
  readonly made: string[] = [];
  readonly there: string[] = [];
  readonly failed: Impossible[] = [];
  repository: Made | undefined;
  readonly #plan: Plan;
  readonly #options: RecreateOptions;

  constructor(plan: Plan, options: RecreateOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  async make(step: Step): Promise<void> {
    const { input, writer, context } = this.#options;
    const { target } = this.#plan;
    switch (step.kind) {
      case 'repository': {
        // Issues cannot be made where they are switched off.
        const hasIssues = input.repository.hasIssues || input.issues.length > 0;
        this.repository = await writer.create(target, { ...input.repository, hasIssues }, context);
        break;
      }
      case 'push':
        return this.#push(step.refs);
      case 'label':
        await writer.createLabel(
          target,
          must(wantedLabels(input), (one) => one.name === step.name),
          context,
        );
        break;
      case 'milestone':
        await writer.createMilestone(
          target,
          must(wantedMilestones(input), (one) => one.title === step.title),
          context,
        );
        break;
      case 'issue':
        return this.#issue(step);
      case 'release': {
        const { release, assets } = must(input.releases, (one) => one.release.tag === step.tag);
        await writer.createRelease(target, { ...release, body: harmless(release.body) }, assets, context);
        break;
      }
      case 'variable':
        await writer.createVariable(
          target,
          must(input.variables, (one) => variableKey(one) === step.key),
          context,
        );
        break;
      default:
        step satisfies never;
    }
    this.made.push(nameOf(step));
  }

  async #push(refs: readonly string[]): Promise<void> {
    const { writer, push, context } = this.#options;
    const to = this.repository ?? (await writer.find(this.#plan.target, context));
    if (to === undefined) throw new ForgeError({ kind: 'absent' }, `${this.#plan.target} has gone meanwhile`);
    this.repository = to;
    for (const pushed of await push(refs, to, context)) {
      const what = shortRef(pushed.ref);
      if (pushed.outcome === 'refused') this.failed.push({ what, reason: pushed.reason });
      else (pushed.outcome === 'made' ? this.made : this.there).push(what);
    }
  }

  /** The issue, then its comments, and only then is it closed: whatever ends this leaves marks by which the rest is found. */
  async #issue(step: Extract<Step, { kind: 'issue' }>): Promise<void> {
    const { input, writer, context } = this.#options;
    const { target } = this.#plan;
    const { path } = input.repository;
    const issue = must(input.issues, (one) => one.number === step.number);
    const handle =
      step.handle ??
      (await writer.createIssue(
        target,
        { ...issue, title: harmless(issue.title), body: issueBody(path, issue), state: 'open', assignees: [] },
        context,
      ));
    for (const comment of saidIn(issue)) {
      if (!step.comments.includes(comment.id)) continue;
      context.signal.throwIfAborted();
      await writer.createComment(target, handle, commentBody(path, issue, comment), context);
    }
    context.signal.throwIfAborted();
    if (step.close) await writer.closeIssue(target, handle, context);
    const done = handle === step.number ? '' : ` as ${handle}`;
    this.made.push(
      step.handle === undefined ? `issue ${step.number}${done}` : `the rest of issue ${step.number}${done}`,
    );
  }

  /** What a forge says may repeat what it was sent: no value of a variable is told. */
  reasonOf(error: ForgeError): string {
    let text = reasonOf(error);
    for (const { value } of this.#options.input.variables)
      if (value !== undefined && value !== '') text = text.replaceAll(value, '**redacted**');
    return error.refusal.kind === 'denied' ? `${text}; the token needs ${error.refusal.needs}` : text;
  }
}

function must<T>(all: readonly T[], is: (one: T) => boolean): T {
  const found = all.find(is);
  if (found === undefined) throw new TypeError('the plan is of another repository');
  return found;
}

/** A step in a few words. */
export function nameOf(step: Step): string {
  switch (step.kind) {
    case 'repository':
      return 'repository';
    case 'push':
      return step.refs.length === 1 ? shortRef(step.refs[0] ?? '') : `${step.refs.length} branches, tags and notes`;
    case 'label':
      return `label ${step.name}`;
    case 'milestone':
      return `milestone ${step.title}`;
    case 'issue':
      return `issue ${step.number}`;
    case 'release':
      return `release ${step.tag}`;
    case 'variable':
      return `variable ${step.key}`;
    default:
      return step satisfies never;
  }
}

function shortRef(ref: string): string {
  return ref
    .replace(/^refs\/heads\//, 'branch ')
    .replace(/^refs\/tags\//, 'tag ')
    .replace(/^refs\/notes\//, 'notes ');
}
