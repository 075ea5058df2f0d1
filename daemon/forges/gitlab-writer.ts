import { createHash } from 'node:crypto';
import type { Json } from '../base/canonical.ts';
import { isObject, optionalText } from './documents.ts';
import { ForgeError, type JsonObject, type ReadContext } from './forge.ts';
import { identify } from './gitlab.ts';
import { type Ask, GitlabApi } from './gitlab-api.ts';
import { idOf, mustNumber, mustText, variableDocumentKey } from './gitlab-json.ts';
import { all, pages } from './gitlab-pages.ts';
import type { ForgeOptions } from './options.ts';
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

/** The package of a project in whose versions the files of its releases are kept. */
const PACKAGE = 'release-files';

const MAINTAINER = 'a token with the scope api and the role Maintainer';

/** Makes things again in GitLab. Its token needs the scope `api`. */
export function gitlabWriter(options: Pick<ForgeOptions, 'url' | 'token' | 'clock'>): ForgeWriter {
  const api = new GitlabApi(options);
  const project = (path: string, rest = ''): string => `projects/${encodeURIComponent(path)}${rest}`;
  const asked = (context: ReadContext, what: string, hide: readonly string[] = []): Ask => ({
    context,
    what,
    needs: MAINTAINER,
    hide,
  });
  const post = async (path: string, body: Json, ask: Ask): Promise<JsonObject> =>
    objectOf((await api.send('POST', api.url(path), body, ask)).json, ask);

  return {
    kind: 'gitlab',
    limits: [
      'authors of issues and comments: all are made by the owner of the token',
      'numbers and dates of issues, unless the token is that of an owner of the project or an administrator',
      'dates of comments',
      'merge requests: their branches and texts only',
      'more than one assignee of an issue in the edition Free',
      'drafts of releases: GitLab has none',
      'the home page of a repository: GitLab has none',
      'that a repository is archived: archive it when all is there',
    ],

    identify: (context) => identify(api, context),

    async find(path, context): Promise<Made | undefined> {
      const ask = asked(context, `project ${path}`);
      try {
        const found = objectOf((await api.get(api.url(project(path)), ask)).json, ask);
        // GitLab leads from an old path to the project that has moved away from it: that is another one.
        if (mustText(found, 'path_with_namespace').toLowerCase() !== path.toLowerCase()) return undefined;
        return made(found);
      } catch (error) {
        if (error instanceof ForgeError && error.refusal.kind === 'absent') return undefined;
        throw error;
      }
    },

    async create(path, as: RepositoryView, context): Promise<Made> {
      const names = path.split('/');
      const name = names.pop() ?? path;
      const ask = asked(context, `project ${path}`);
      const space = asked(context, `the group or user ${names.join('/')}, which must be there first`);
      const namespace = objectOf(
        (await api.get(api.url(`namespaces/${encodeURIComponent(names.join('/'))}`), space)).json,
        space,
      );
      const body = {
        name,
        path: name,
        namespace_id: mustNumber(namespace, 'id'),
        description: as.description,
        visibility: as.visibility,
        topics: as.topics,
        issues_access_level: as.hasIssues ? 'enabled' : 'disabled',
        wiki_access_level: as.hasWiki ? 'enabled' : 'disabled',
        initialize_with_readme: false,
        ...(as.defaultBranch === undefined ? {} : { default_branch: as.defaultBranch }),
      };
      return made(await post('projects', body, ask));
    },

    async existing(path, context): Promise<Existing> {
      const names = async (rest: string, name: (one: JsonObject) => string, query = {}): Promise<Set<string>> => {
        const found = new Set<string>();
        const ask = asked(context, `${rest} of ${path}`);
        for await (const page of pages(api, project(path, `/${rest}`), query, ask)) {
          for (const one of page) found.add(name(one));
        }
        return found;
      };
      return {
        // With those of the groups above: no other of the same name can be made.
        labels: await names('labels', (one) => mustText(one, 'name'), { include_ancestor_groups: true }),
        milestones: await names('milestones', (one) => mustText(one, 'title'), { include_ancestors: true }),
        releases: await names('releases', (one) => mustText(one, 'tag_name')),
        variables: await names('variables', variableDocumentKey),
        issues: await madeIssues(api, project(path), asked(context, `issues of ${path}`)),
      };
    },

    async createLabel(path, label: Label, context): Promise<void> {
      const body = { name: label.name, color: `#${label.color}`, description: label.description };
      await post(project(path, '/labels'), body, asked(context, `label ${label.name} of ${path}`));
    },

    async createMilestone(path, milestone: Milestone, context): Promise<void> {
      const ask = asked(context, `milestone ${milestone.title} of ${path}`);
      const due = milestone.dueAt?.slice(0, 'yyyy-mm-dd'.length);
      const body = {
        title: milestone.title,
        description: milestone.description,
        ...(due === undefined ? {} : { due_date: due }),
      };
      const created = await post(project(path, '/milestones'), body, ask);
      if (milestone.state === 'open') return;
      await api.send('PUT', api.url(project(path, `/milestones/${idOf(created)}`)), { state_event: 'close' }, ask);
    },

    async createIssue(path, issue: NewIssue, context): Promise<Handle> {
      const ask = asked(context, `issue ${issue.number} of ${path}`);
      const body = {
        title: issue.title,
        description: issue.body,
        labels: issue.labels.join(','),
        assignee_ids: await userIds(api, issue.assignees, ask),
        ...(await milestoneId(api, project(path), issue.milestone, ask)),
        // Both are left aside without a word where the token is not that of an owner.
        created_at: issue.createdAt,
      };
      const created = await numbered(issue.number, (number) =>
        post(project(path, '/issues'), { ...body, ...number }, ask),
      );
      const handle = mustNumber(created, 'iid');
      if (issue.state === 'closed') await this.closeIssue(path, handle, context);
      return handle;
    },

    async createComment(path, issue, body, context): Promise<void> {
      await post(
        project(path, `/issues/${issue}/notes`),
        { body },
        asked(context, `comment on issue ${issue} of ${path}`),
      );
    },

    async closeIssue(path, issue, context): Promise<void> {
      const url = api.url(project(path, `/issues/${issue}`));
      await api.send('PUT', url, { state_event: 'close' }, asked(context, `issue ${issue} of ${path}`));
    },

    async createRelease(path, release: Release, assets: readonly NewAsset[], context): Promise<void> {
      const ask = asked(context, `release ${release.tag} of ${path}`);
      const links: Json[] = [];
      for (const [index, asset] of assets.entries()) {
        const file = asked(context, `file ${asset.name} of release ${release.tag} of ${path}`);
        const rest = `/packages/generic/${PACKAGE}/${version(release.tag)}/${index}-${fileName(asset.name)}`;
        const url = api.url(project(path, rest));
        if (!(await isThere(api, project(path), version(release.tag), `${index}-${fileName(asset.name)}`, asset, file)))
          await api.upload(url, asset.size, asset.open(), file);
        links.push({ name: asset.name, url: url.href, link_type: 'package' });
      }
      // The release comes last, with all its files: what is there is whole.
      const body = {
        tag_name: release.tag,
        name: release.name,
        description: release.body,
        released_at: release.createdAt,
        assets: { links },
      };
      await post(project(path, '/releases'), body, ask);
    },

    async createVariable(path, variable: Variable, context): Promise<void> {
      const what = `variable ${variable.name} of ${path}`;
      const { value } = variable;
      if (value === undefined) throw new ForgeError({ kind: 'failed' }, `${what} has no value that could be set`);
      const body = {
        key: variable.name,
        value,
        variable_type: variable.file === true ? 'file' : 'env_var',
        protected: variable.protected === true,
        masked: variable.masked === true,
        ...(variable.environment === undefined ? {} : { environment_scope: variable.environment }),
      };
      await post(project(path, '/variables'), body, asked(context, what, [value]));
    },
  };
}

function objectOf(json: Json, ask: Ask): JsonObject {
  if (isObject(json)) return json;
  throw new ForgeError({ kind: 'failed' }, `asked for ${ask.what}, the server answered with something else`);
}

function made(project: JsonObject): Made {
  return { cloneUrl: mustText(project, 'http_url_to_repo'), webUrl: mustText(project, 'web_url') };
}

/** Issues that carry a mark, with the marks of their comments. */
async function madeIssues(api: GitlabApi, project: string, ask: Ask): Promise<Existing['issues']> {
  const found = new Map<number, { handle: Handle; open: boolean; comments: Set<string> }>();
  const query = { scope: 'all', order_by: 'created_at', sort: 'asc' };
  for await (const page of pages(api, `${project}/issues`, query, ask)) {
    for (const issue of page) {
      const marked = readMark(optionalText(issue, 'description') ?? '');
      // The first that was made is what was made of it.
      if (marked === undefined || marked.comment !== undefined || found.has(marked.issue)) continue;
      const handle = mustNumber(issue, 'iid');
      const notes = await all(api, `${project}/issues/${handle}/notes`, {}, ask);
      const comments = notes.flatMap((note) => {
        const { text, comment } = readMark(optionalText(note, 'body') ?? '') ?? {};
        return text !== undefined && comment !== undefined ? [text] : [];
      });
      found.set(marked.issue, { handle, open: issue['state'] === 'opened', comments: new Set(comments) });
    }
  }
  return found;
}

/** With the number it had, or with the next one where that is taken. */
async function numbered(
  number: number,
  create: (number: { readonly iid?: number }) => Promise<JsonObject>,
): Promise<JsonObject> {
  try {
    return await create({ iid: number });
  } catch (error) {
    if (!(error instanceof ForgeError) || !/\(status 409/.test(error.message)) throw error;
    return create({});
  }
}

async function userIds(api: GitlabApi, logins: readonly string[], ask: Ask): Promise<number[]> {
  const ids: number[] = [];
  for (const username of logins) {
    const [user] = await all(api, 'users', { username }, ask);
    if (user !== undefined) ids.push(mustNumber(user, 'id'));
  }
  return ids;
}

async function milestoneId(
  api: GitlabApi,
  project: string,
  title: string | undefined,
  ask: Ask,
): Promise<{ readonly milestone_id?: number }> {
  if (title === undefined) return {};
  const found = await all(api, `${project}/milestones`, { title, include_ancestors: true }, ask);
  const exact = found.find((one) => one['title'] === title);
  return exact === undefined ? {} : { milestone_id: mustNumber(exact, 'id') };
}

/** Whether a file has been sent before, by a run that was stopped: its size and its SHA-256 tell. */
async function isThere(
  api: GitlabApi,
  project: string,
  of: string,
  name: string,
  asset: NewAsset,
  ask: Ask,
): Promise<boolean> {
  const query = { package_type: 'generic', package_name: PACKAGE };
  const kept = (await all(api, `${project}/packages`, query, ask)).find(
    (one) => one['name'] === PACKAGE && one['version'] === of,
  );
  if (kept === undefined) return false;
  const files = await all(api, `${project}/packages/${idOf(kept)}/package_files`, {}, ask);
  // Where a name is there more than once, the last one counts.
  const last = files.findLast((one) => one['file_name'] === name);
  if (last?.['size'] !== asset.size || typeof last['file_sha256'] !== 'string') return false;
  const hash = createHash('sha256');
  for await (const chunk of asset.open()) hash.update(chunk);
  return hash.digest('hex') === last['file_sha256'];
}

/** What GitLab takes for the version of a package: letters, digits, `.`, `_`, `+`, `-`, no dot beside a dot. */
function version(tag: string): string {
  return tag.replace(/[^\w.+-]/g, '-').replace(/\.{2,}/g, '.') || '0';
}

/** What GitLab takes for the name of a package's file; the link says the true one. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '-').slice(-200);
}
