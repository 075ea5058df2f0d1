import { ForgeError, type ForgeKind, type ReadContext } from '../../daemon/forges/forge.ts';
import type { Push, PushedRef } from '../../daemon/forges/recreate.ts';
import type { Label, Milestone, RepositoryView } from '../../daemon/forges/view.ts';
import {
  type Existing,
  type ForgeWriter,
  type Handle,
  type Made,
  readMark,
  variableKey,
} from '../../daemon/forges/writer.ts';

export interface FakeIssue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
  readonly milestone: string | undefined;
  readonly assignees: readonly string[];
  readonly comments: string[];
  state: 'open' | 'closed';
}

export interface FakeRepository {
  readonly view: RepositoryView;
  readonly refs: Map<string, string>;
  readonly labels: Map<string, Label>;
  readonly milestones: Map<string, Milestone>;
  readonly issues: FakeIssue[];
  readonly releases: Map<string, { readonly body: string; readonly files: Map<string, string> }>;
  readonly variables: Map<string, string>;
}

/** Thrown where the process is to die. */
export class Killed extends Error {}

/** A forge in memory that things are made in, which can die at each call that makes something. */
export class FakeWriter implements ForgeWriter {
  readonly kind: ForgeKind;
  readonly limits = ['dates of releases'];
  readonly repositories = new Map<string, FakeRepository>();
  /** What was called, without values: `createLabel bug`. */
  readonly calls: string[] = [];
  /** Dies at this call, counted from 1, before or after it took effect. */
  dies: { readonly at: number; readonly when: 'before' | 'after' } | undefined;
  /** What is refused, by the call as it stands in `calls`. */
  readonly refusals = new Map<string, ForgeError>();

  constructor(kind: ForgeKind = 'gitea') {
    this.kind = kind;
  }

  async identify(): Promise<{ login: string }> {
    return { login: 'restorer' };
  }

  async find(path: string, { signal }: ReadContext): Promise<Made | undefined> {
    signal.throwIfAborted();
    return this.repositories.has(path) ? madeOf(path) : undefined;
  }

  async existing(path: string, { signal }: ReadContext): Promise<Existing> {
    signal.throwIfAborted();
    const { labels, milestones, releases, variables, issues } = this.#at(path);
    const found = new Map<number, { handle: Handle; open: boolean; comments: Set<string> }>();
    for (const issue of issues) {
      const mark = readMark(issue.body);
      if (mark === undefined || mark.comment !== undefined || found.has(mark.issue)) continue;
      const comments = new Set(issue.comments.flatMap((body) => readMark(body)?.text ?? []));
      found.set(mark.issue, { handle: issue.number, open: issue.state === 'open', comments });
    }
    return {
      labels: new Set(labels.keys()),
      milestones: new Set(milestones.keys()),
      releases: new Set(releases.keys()),
      variables: new Set(variables.keys()),
      issues: found,
    };
  }

  create: ForgeWriter['create'] = (path, view, context) =>
    this.#make(`create ${path}`, context, () => {
      if (this.repositories.has(path)) throw new ForgeError({ kind: 'failed' }, `${path} is there already`);
      this.repositories.set(path, {
        view,
        refs: new Map(),
        labels: new Map(),
        milestones: new Map(),
        issues: [],
        releases: new Map(),
        variables: new Map(),
      });
      return madeOf(path);
    });

  createLabel: ForgeWriter['createLabel'] = (path, label, context) =>
    this.#make(`createLabel ${label.name}`, context, () => insert(this.#at(path).labels, label.name, label));

  createMilestone: ForgeWriter['createMilestone'] = (path, milestone, context) =>
    this.#make(`createMilestone ${milestone.title}`, context, () =>
      insert(this.#at(path).milestones, milestone.title, milestone),
    );

  createIssue: ForgeWriter['createIssue'] = (path, issue, context) =>
    this.#make(`createIssue ${issue.title}`, context, () => {
      const { issues, labels, milestones } = this.#at(path);
      const { title, body, state, assignees, milestone } = issue;
      const number = issues.length + 1;
      issues.push({
        number,
        title,
        body,
        state,
        assignees,
        labels: issue.labels.filter((name) => labels.has(name)),
        milestone: milestone !== undefined && milestones.has(milestone) ? milestone : undefined,
        comments: [],
      });
      return number;
    });

  createComment: ForgeWriter['createComment'] = (path, handle, body, context) =>
    this.#make(`createComment ${handle}`, context, () => {
      this.#issue(path, handle).comments.push(body);
    });

  closeIssue: ForgeWriter['closeIssue'] = (path, handle, context) =>
    this.#make(`closeIssue ${handle}`, context, () => {
      this.#issue(path, handle).state = 'closed';
    });

  createRelease: ForgeWriter['createRelease'] = async (path, release, assets, context) => {
    const files = new Map<string, string>();
    for (const asset of assets) {
      const chunks: Buffer[] = [];
      for await (const chunk of asset.open()) chunks.push(chunk);
      files.set(asset.name, Buffer.concat(chunks).toString('utf8'));
    }
    return this.#make(`createRelease ${release.tag}`, context, () =>
      insert(this.#at(path).releases, release.tag, { body: release.body, files }),
    );
  };

  createVariable: ForgeWriter['createVariable'] = (path, variable, context) =>
    this.#make(`createVariable ${variableKey(variable)}`, context, () =>
      insert(this.#at(path).variables, variableKey(variable), variable.value ?? ''),
    );

  /** Commits by ref: what is another one here is refused, as git does without force. */
  pushOf(commits: ReadonlyMap<string, string>): Push {
    return async (refs, to, context) => {
      const results: PushedRef[] = [];
      const path = to.cloneUrl.replace('https://fake.example/', '').replace(/\.git$/, '');
      for (const ref of refs) {
        const held = this.#at(path).refs.get(ref);
        const commit = commits.get(ref) ?? '';
        if (held === commit) results.push({ ref, outcome: 'there' });
        else if (held !== undefined) results.push({ ref, outcome: 'refused', reason: 'it holds something else' });
        else {
          await this.#make(`push ${ref}`, context, () => insert(this.#at(path).refs, ref, commit));
          results.push({ ref, outcome: 'made' });
        }
      }
      return results;
    };
  }

  async #make<T>(call: string, { signal }: ReadContext, effect: () => T): Promise<T> {
    signal.throwIfAborted();
    const refusal = this.refusals.get(call);
    if (refusal !== undefined) throw refusal;
    this.calls.push(call);
    const dying = this.dies?.at === this.calls.length ? this.dies.when : undefined;
    if (dying === 'before') throw new Killed(call);
    const result = effect();
    if (dying === 'after') throw new Killed(call);
    return result;
  }

  #at(path: string): FakeRepository {
    const found = this.repositories.get(path);
    if (found === undefined) throw new ForgeError({ kind: 'absent' }, `there is no ${path}`);
    return found;
  }

  #issue(path: string, handle: Handle): FakeIssue {
    const found = this.#at(path).issues[handle - 1];
    if (found === undefined) throw new ForgeError({ kind: 'absent' }, `there is no issue ${handle}`);
    return found;
  }
}

function madeOf(path: string): Made {
  return { cloneUrl: `https://fake.example/${path}.git`, webUrl: `https://fake.example/${path}` };
}

function insert<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.has(key)) throw new ForgeError({ kind: 'failed' }, `${key} is there already`);
  map.set(key, value);
}
