import { ifThere, isObject, optionalText, textOf } from './documents.ts';
import { ForgeError, type JsonObject, type ReadContext } from './forge.ts';
import { identify } from './github.ts';
import { GithubApi, type GithubOptions, PER_PAGE } from './github-api.ts';
import { environments } from './github-environments.ts';
import { isUnfinished, makeRelease } from './github-release.ts';
import { path } from './rest.ts';
import type { Label, Milestone, RepositoryView, Variable } from './view.ts';
import { wait } from './wait.ts';
import type { Existing, ForgeWriter, Handle, Made, NewIssue } from './writer.ts';
import { readMark, variableKey } from './writer.ts';

/** GitHub's "Best practices for using the REST API": a second between requests that write. */
const BETWEEN_WRITES_MS = 1000;
/** What GitHub takes, in characters; longer descriptions end there. */
const MAX_DESCRIPTION = 350;
const MAX_LABEL_DESCRIPTION = 100;

/**
 * Makes things again in GitHub. Its token needs, fine-grained: administration, contents, environments, issues and variables, each to
 * write; classic: `repo`, and `admin:org` where repositories are made in an organisation.
 */
export function githubWriter(options: Omit<GithubOptions, 'cache'>): ForgeWriter {
  const { clock } = options;
  const at = repositoryAt;
  const reading = (context: ReadContext) => new GithubApi(options, context);
  /** Numbers of milestones by title, by repository: GitHub takes only the number. */
  const milestones = new Map<string, Map<string, number>>();
  const assignable = new Map<string, boolean>();
  let last = Number.NEGATIVE_INFINITY;

  /** Ready to write, as soon as GitHub wants the next request of that kind. */
  async function writing(context: ReadContext): Promise<GithubApi> {
    const ms = last + BETWEEN_WRITES_MS - clock.monotonic();
    if (ms > 0) await wait(clock, ms, context.signal);
    last = clock.monotonic();
    return reading(context);
  }

  async function numberOf(repository: string, title: string, context: ReadContext): Promise<number | undefined> {
    let known = milestones.get(repository);
    if (known === undefined) {
      known = new Map();
      const query = { state: 'all', per_page: PER_PAGE };
      for await (const page of reading(context).pages(`${at(repository)}/milestones`, query))
        for (const one of page) known.set(textOf(one, 'title'), Number(textOf(one, 'number')));
      milestones.set(repository, known);
    }
    return known.get(title);
  }

  async function canBeAssigned(repository: string, login: string, context: ReadContext): Promise<boolean> {
    const key = `${repository} ${login}`;
    const can = assignable.get(key) ?? (await reading(context).has(`${at(repository)}${path`/assignees/${login}`}`));
    assignable.set(key, can);
    return can;
  }

  return {
    kind: 'github',
    limits: [
      'numbers of issues: GitHub counts them itself, together with pull requests',
      'authors and dates of issues and comments: all are made by the owner of the token, now',
      'reactions, and assignees who may not be assigned there',
      'pull requests: their branches and texts only',
      'the visibility internal: such a repository is made private',
      'the default branch: it is the first that is pushed, until somebody says otherwise',
      'that a repository is archived: archive it when all is there',
      'whether a variable is masked, protected or a file',
      'values of secrets: nobody is given them',
    ],

    identify: (context) => identify(reading(context)),

    async find(repository, context): Promise<Made | undefined> {
      const found = await reading(context).find(at(repository));
      // GitHub leads from an old path to the repository that has moved away from it: that is another one.
      return found === undefined || !isCalled(found, repository) ? undefined : made(found);
    },

    async create(repository, as: RepositoryView, context): Promise<Made> {
      const [owner = '', name = ''] = repository.split('/');
      const { type } = await reading(context).get(path`/users/${owner}`);
      if (type !== 'Organization') {
        const { login } = await identify(reading(context));
        if (login.toLowerCase() !== owner.toLowerCase())
          throw new ForgeError(
            { kind: 'denied', needs: `to be a token of ${owner}` },
            `${repository} cannot be made by ${login}`,
          );
      }
      const description = oneLine(as.description, MAX_DESCRIPTION);
      const api = await writing(context);
      const created = await api.send('POST', type === 'Organization' ? path`/orgs/${owner}/repos` : '/user/repos', {
        name,
        ...(description === '' ? {} : { description }),
        ...(as.homepage === undefined ? {} : { homepage: as.homepage }),
        private: as.visibility !== 'public',
        has_issues: as.hasIssues,
        has_wiki: as.hasWiki,
      });
      const topics = as.topics
        .map((topic) => topic.toLowerCase())
        .filter((topic) => /^[a-z0-9][a-z0-9-]{0,49}$/.test(topic));
      if (topics.length > 0)
        await (await writing(context)).send('PUT', `${at(repository)}/topics`, { names: topics.slice(0, 20) });
      return made(created);
    },

    async existing(repository, context): Promise<Existing> {
      const api = reading(context);
      const base = at(repository);
      const list = async (name: string, query = {}): Promise<JsonObject[]> => {
        const all: JsonObject[] = [];
        for await (const page of ifThere(api.pages(`${base}/${name}`, { ...query, per_page: PER_PAGE })))
          all.push(...page);
        return all;
      };
      const labels = await list('labels');
      const titles = await list('milestones', { state: 'all' });
      // One whose files are not all there is gone on with.
      const releases = (await list('releases')).filter((one) => !isUnfinished(one));
      return {
        labels: new Set(labels.map((one) => textOf(one, 'name'))),
        milestones: new Set(titles.map((one) => textOf(one, 'title'))),
        releases: new Set(releases.map((one) => textOf(one, 'tag_name'))),
        variables: await variableKeys(api, base),
        issues: await madeIssues(api, base),
      };
    },

    async createLabel(repository, label: Label, context): Promise<void> {
      await unlessThere(
        (await writing(context)).send('POST', `${at(repository)}/labels`, {
          name: label.name,
          color: label.color.replace(/^#/, ''),
          description: oneLine(label.description, MAX_LABEL_DESCRIPTION),
        }),
      );
    },

    async createMilestone(repository, milestone: Milestone, context): Promise<void> {
      const { title, description, state, dueAt } = milestone;
      milestones.delete(repository);
      await unlessThere(
        (await writing(context)).send('POST', `${at(repository)}/milestones`, {
          title,
          description,
          state,
          // Of a day without an hour, noon: the same day nearly everywhere.
          ...(dueAt === undefined ? {} : { due_on: dueAt.length === 10 ? `${dueAt}T12:00:00Z` : dueAt }),
        }),
      );
    },

    async createIssue(repository, issue: NewIssue, context): Promise<Handle> {
      const milestone =
        issue.milestone === undefined ? undefined : await numberOf(repository, issue.milestone, context);
      const assignees: string[] = [];
      for (const login of issue.assignees) if (await canBeAssigned(repository, login, context)) assignees.push(login);
      const created = await (await writing(context)).send('POST', `${at(repository)}/issues`, {
        title: issue.title,
        body: issue.body,
        labels: issue.labels,
        assignees,
        ...(milestone === undefined ? {} : { milestone }),
      });
      const handle = Number(textOf(created, 'number'));
      if (issue.state === 'closed') await this.closeIssue(repository, handle, context);
      return handle;
    },

    async createComment(repository, issue, body, context): Promise<void> {
      await (await writing(context)).send('POST', `${at(repository)}/issues/${issue}/comments`, { body });
    },

    async closeIssue(repository, issue, context): Promise<void> {
      await (await writing(context)).send('PATCH', `${at(repository)}/issues/${issue}`, { state: 'closed' });
    },

    createRelease: (repository, release, assets, context) =>
      makeRelease({ base: at(repository), url: options.url, release, assets, api: () => writing(context) }),

    async createVariable(repository, variable: Variable, context): Promise<void> {
      const { name, value, environment } = variable;
      const what = `variable ${variableKey(variable)} of ${repository}`;
      if (value === undefined) throw new ForgeError({ kind: 'failed' }, `${what} has no value that could be set`);
      if (environment?.includes('*') === true)
        throw new ForgeError(
          { kind: 'failed' },
          `${what} is for a pattern of environments, which GitHub does not have`,
        );
      const base = at(repository);
      if (environment !== undefined) {
        const there: string[] = [];
        for await (const one of environments(reading(context), base)) there.push(one);
        // Asked for again, GitHub would take its rules away.
        if (!there.includes(environment))
          await (await writing(context)).send('PUT', `${base}${path`/environments/${environment}`}`, {});
      }
      const list = environment === undefined ? '/actions/variables' : path`/environments/${environment}/variables`;
      await unlessThere(hiding(value, (await writing(context)).send('POST', `${base}${list}`, { name, value })));
    },
  };
}

function repositoryAt(repository: string): string {
  const [owner = '', name = '', ...more] = repository.split('/');
  if (owner === '' || name === '' || more.length > 0)
    throw new ForgeError({ kind: 'failed' }, `${repository} is no repository of GitHub, which has OWNER/NAME`);
  return path`/repos/${owner}/${name}`;
}

function isCalled(found: JsonObject, repository: string): boolean {
  return textOf(found, 'full_name').toLowerCase() === repository.toLowerCase();
}

function made(repository: JsonObject): Made {
  return { cloneUrl: textOf(repository, 'clone_url'), webUrl: textOf(repository, 'html_url') };
}

async function variableKeys(api: GithubApi, base: string): Promise<Set<string>> {
  const keys = new Set<string>();
  const read = async (list: string, environment?: string) => {
    for await (const page of ifThere(api.pages(`${base}${list}`, { per_page: 30 }, 'variables')))
      for (const one of page)
        keys.add(variableKey({ name: textOf(one, 'name'), ...(environment === undefined ? {} : { environment }) }));
  };
  await read('/actions/variables');
  for await (const environment of environments(api, base))
    await read(path`/environments/${environment}/variables`, environment);
  return keys;
}

/** Issues that carry a mark, the first of each, with the marks of their comments. */
async function madeIssues(api: GithubApi, base: string): Promise<Existing['issues']> {
  const found = new Map<number, { handle: Handle; open: boolean; comments: Set<string> }>();
  const query = { state: 'all', sort: 'created', direction: 'asc', per_page: PER_PAGE };
  for await (const page of ifThere(api.pages(`${base}/issues`, query)))
    for (const issue of page) {
      const mark = readMark(optionalText(issue, 'body') ?? '');
      if (mark === undefined || mark.comment !== undefined || found.has(mark.issue)) continue;
      if (isObject(issue['pull_request'])) continue;
      const handle = Number(textOf(issue, 'number'));
      const comments = await api.all(`${base}/issues/${handle}/comments`, { per_page: PER_PAGE });
      const marks = comments.flatMap((one) => {
        const said = readMark(optionalText(one, 'body') ?? '');
        return said?.comment === undefined ? [] : [said.text];
      });
      found.set(mark.issue, { handle, open: issue['state'] !== 'closed', comments: new Set(marks) });
    }
  return found;
}

/** GitHub says `already_exists` of labels whose names differ in case alone, and of what a lost answer had told of. */
async function unlessThere(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof ForgeError) || !/already[_ ]exists/i.test(error.message)) throw error;
  }
}

/** GitHub may say what it does not like about a value, and with it the value. */
async function hiding<T>(value: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof ForgeError) || value === '' || !error.message.includes(value)) throw error;
    throw new ForgeError(error.refusal, error.message.replaceAll(value, '***'));
  }
}

function oneLine(text: string, max: number): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, max)
    .toWellFormed();
}
