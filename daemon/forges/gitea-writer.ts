import { optionalText, textOf } from './documents.ts';
import { ForgeError, type JsonObject, type ReadContext } from './forge.ts';
import { GITEA_PAGE, giteaApi } from './gitea.ts';
import { giteaDialect } from './gitea-dialect.ts';
import type { ForgeOptions } from './options.ts';
import { path, Rest } from './rest.ts';
import type { Label, Milestone, Release, RepositoryView, Variable } from './view.ts';
import {
  type Existing,
  type ForgeWriter,
  type Handle,
  type Made,
  type NewAsset,
  type NewIssue,
  readMark,
} from './writer.ts';

/** Names of topics as Gitea takes them, and how many (modules/validation and models/repo/topic.go). */
const TOPIC = /^[a-z0-9][-.a-z0-9]{0,34}$/;
const MOST_TOPICS = 25;
/** In the text of a release whose files are not all there yet. */
const UNFINISHED = '<!-- portcullis: unfinished -->';

/**
 * Makes things again in Gitea or Forgejo. Its token needs the scopes write:repository and write:issue; write:organization too where
 * a repository is made in an organisation, write:user where it is made for the token's user.
 */
export function giteaWriter(options: Pick<ForgeOptions, 'url' | 'token' | 'clock'>): ForgeWriter {
  const rest = (context: ReadContext) =>
    new Rest({ url: giteaApi(options.url), token: options.token, clock: options.clock }, giteaDialect, context);
  const limit = GITEA_PAGE;
  /** Numbers by name: what was asked once is asked again only when something was made. */
  const numbers = new Map<string, Promise<ReadonlyMap<string, number>>>();

  function numbersOf(
    at: string,
    nameOf: (one: JsonObject) => string,
    context: ReadContext,
  ): Promise<ReadonlyMap<string, number>> {
    const known = numbers.get(at);
    if (known !== undefined) return known;
    const asked = rest(context)
      .all(at, { limit, ...(at.endsWith('/milestones') ? { state: 'all' } : {}) })
      .then((all) => new Map(all.map((one) => [nameOf(one), Number(textOf(one, 'id'))])));
    numbers.set(at, asked);
    asked.catch(() => numbers.delete(at));
    return asked;
  }

  /** Of the organisation, where the owner is one and the token may see it. */
  async function sharedLabels(of: string, context: ReadContext): Promise<ReadonlyMap<string, number>> {
    try {
      return await numbersOf(path`/orgs/${ownerIn(of)}/labels`, nameOf, context);
    } catch (error) {
      if (error instanceof ForgeError && ['disabled', 'denied'].includes(error.refusal.kind)) return new Map();
      throw error;
    }
  }

  return {
    kind: 'gitea',
    limits: [
      'authors and dates of issues and comments: all are made by the user of the token, now',
      'numbers of issues: they are counted up from the next one that is free',
      'dates of releases',
      'environments, and variables that belong to one: Gitea has none',
      'that a variable is masked, protected or a file',
    ],

    async identify(context) {
      return { login: textOf(await rest(context).get('/user'), 'login') };
    },

    async find(of, context): Promise<Made | undefined> {
      try {
        const found = await rest(context).get(repository(of));
        // It leads from an old name to what was renamed: that is another one.
        return textOf(found, 'full_name').toLowerCase() === of.toLowerCase() ? madeOf(found) : undefined;
      } catch (error) {
        if (error instanceof ForgeError && error.refusal.kind === 'disabled') return undefined;
        throw error;
      }
    },

    async create(of, as: RepositoryView, context): Promise<Made> {
      const api = rest(context);
      const owner = ownerIn(of);
      const { login } = await this.identify(context);
      const own = login.toLowerCase() === owner.toLowerCase();
      const made = await api.send('POST', own ? '/user/repos' : path`/orgs/${owner}/repos`, {
        name: of.split('/')[1] ?? of,
        description: as.description,
        private: as.visibility !== 'public',
        auto_init: false,
        ...(as.defaultBranch === undefined ? {} : { default_branch: as.defaultBranch }),
      });
      await api.send('PATCH', repository(of), {
        has_issues: as.hasIssues,
        has_wiki: as.hasWiki,
        ...(as.homepage === undefined ? {} : { website: as.homepage }),
      });
      const topics = as.topics.map((topic) => topic.toLowerCase()).filter((topic) => TOPIC.test(topic));
      if (topics.length > 0)
        await api.send('PUT', `${repository(of)}/topics`, { topics: topics.slice(0, MOST_TOPICS) });
      return madeOf(made);
    },

    async existing(of, context): Promise<Existing> {
      const api = rest(context);
      const base = repository(of);
      const names = async (at: string, name: string, query = {}): Promise<Set<string>> =>
        new Set((await api.all(`${base}${at}`, { limit, ...query })).map((one) => textOf(one, name)));
      const issues = new Map<number, { handle: Handle; open: boolean; comments: Set<string> }>();
      for await (const page of api.pages(`${base}/issues`, { state: 'all', type: 'issues', limit }))
        for (const issue of page) {
          const mark = readMark(optionalText(issue, 'body') ?? '');
          // The first that was made is what it was made of; the newest come first.
          if (mark !== undefined && mark.comment === undefined)
            issues.set(mark.issue, {
              handle: Number(textOf(issue, 'number')),
              open: issue['state'] !== 'closed',
              comments: issues.get(mark.issue)?.comments ?? new Set(),
            });
        }
      if (issues.size > 0)
        for await (const page of api.pages(`${base}/issues/comments`, { limit }))
          for (const comment of page) {
            const mark = readMark(optionalText(comment, 'body') ?? '');
            if (mark?.comment !== undefined) issues.get(mark.issue)?.comments.add(mark.text);
          }
      const labels = await names('/labels', 'name');
      for (const name of (await sharedLabels(of, context)).keys()) labels.add(name);
      const releases = await api.all(`${base}/releases`, { limit });
      return {
        labels,
        milestones: await names('/milestones', 'title', { state: 'all' }),
        releases: new Set(releases.filter((one) => !isUnfinished(one)).map((one) => textOf(one, 'tag_name'))),
        variables: await names('/actions/variables', 'name').catch((error: unknown) => {
          if (error instanceof ForgeError && error.refusal.kind === 'disabled') return new Set<string>();
          throw error;
        }),
        issues,
      };
    },

    async createLabel(of, { name, color, description }: Label, context): Promise<void> {
      await rest(context).send('POST', `${repository(of)}/labels`, { name, color: `#${color}`, description });
      numbers.delete(`${repository(of)}/labels`);
    },

    async createMilestone(of, { title, description, state, dueAt }: Milestone, context): Promise<void> {
      await rest(context).send('POST', `${repository(of)}/milestones`, {
        title,
        description,
        state,
        ...(dueAt === undefined ? {} : { due_on: dueAt.includes('T') ? dueAt : `${dueAt}T00:00:00Z` }),
      });
      numbers.delete(`${repository(of)}/milestones`);
    },

    async createIssue(of, issue: NewIssue, context): Promise<Handle> {
      const own = await numbersOf(`${repository(of)}/labels`, nameOf, context);
      const missing = issue.labels.some((name) => !own.has(name));
      const shared = missing ? await sharedLabels(of, context) : new Map<string, number>();
      const milestones =
        issue.milestone === undefined
          ? new Map<string, number>()
          : await numbersOf(`${repository(of)}/milestones`, (one) => textOf(one, 'title'), context);
      const milestone = milestones.get(issue.milestone ?? '');
      const made = await rest(context).send('POST', `${repository(of)}/issues`, {
        title: issue.title,
        body: issue.body,
        labels: issue.labels.flatMap((name) => own.get(name) ?? shared.get(name) ?? []),
        assignees: issue.assignees,
        closed: issue.state === 'closed',
        ...(milestone === undefined ? {} : { milestone }),
      });
      return Number(textOf(made, 'number'));
    },

    async createComment(of, issue, body, context): Promise<void> {
      await rest(context).send('POST', `${repository(of)}/issues/${issue}/comments`, { body });
    },

    async closeIssue(of, issue, context): Promise<void> {
      await rest(context).send('PATCH', `${repository(of)}/issues/${issue}`, { state: 'closed' });
    },

    async createRelease(of, release: Release, assets: readonly NewAsset[], context): Promise<void> {
      const api = rest(context);
      const base = `${repository(of)}/releases`;
      const { tag, name, body, draft, prerelease } = release;
      // A draft until its last file is there; one that was begun before is gone on with.
      const begun = (await api.all(base, { limit })).find(
        (one) => optionalText(one, 'tag_name') === tag && isUnfinished(one),
      );
      const held =
        begun ?? (await api.send('POST', base, { tag_name: tag, name, body: UNFINISHED, draft: true, prerelease }));
      const id = textOf(held, 'id');
      const there = new Set(namesIn(held));
      for (const asset of assets)
        if (!there.has(asset.name))
          await api.upload(
            `${base}/${id}/assets?name=${encodeURIComponent(asset.name)}`,
            asset.open(),
            asset.size,
            'application/octet-stream',
          );
      await api.send('PATCH', `${base}/${id}`, { body, draft });
    },

    async createVariable(of, variable: Variable, context): Promise<void> {
      const { name, value, environment } = variable;
      if (value === undefined) throw new ForgeError({ kind: 'failed' }, `${name} has no value that could be set`);
      if (environment !== undefined)
        throw new ForgeError({ kind: 'disabled' }, `${name} belongs to ${environment}, and Gitea has no environments`);
      await rest(context)
        .send('POST', `${repository(of)}${path`/actions/variables/${name}`}`, { value })
        .catch((error: unknown) => {
          // The forge may repeat what it was sent. Nothing of it is kept as a cause.
          if (error instanceof ForgeError) throw new ForgeError(error.refusal, hide(error.message, value));
          throw error;
        });
    },
  };
}

function repository(of: string): string {
  const [owner = '', name = '', ...more] = of.split('/');
  if (owner === '' || name === '' || more.length > 0)
    throw new ForgeError({ kind: 'failed' }, `${of} is no OWNER/NAME, and Gitea has no groups within groups`);
  return path`/repos/${owner}/${name}`;
}

function ownerIn(of: string): string {
  return of.split('/')[0] ?? '';
}

function madeOf(object: JsonObject): Made {
  return { cloneUrl: textOf(object, 'clone_url'), webUrl: textOf(object, 'html_url') };
}

function hide(text: string, value: string): string {
  return value === '' ? text : text.replaceAll(value, '**redacted**');
}

function nameOf(object: JsonObject): string {
  return textOf(object, 'name');
}

function isUnfinished(release: JsonObject): boolean {
  return release['draft'] === true && (optionalText(release, 'body') ?? '').startsWith(UNFINISHED);
}

function namesIn(release: JsonObject): string[] {
  const assets = release['assets'];
  return Array.isArray(assets) ? assets.map((asset) => textOf(asset as JsonObject, 'name')) : [];
}
