import { listIn, textOf } from './documents.ts';
import { type Collection, ForgeError, type JsonObject, type ReadContext, type Repository } from './forge.ts';
import type { GitlabApi } from './gitlab-api.ts';
import { listed, single, whole, without } from './gitlab-collection.ts';
import { issues, pulls, runs } from './gitlab-discussed.ts';
import { idOf, iidOf, nameOf, variableDocumentKey, withoutTokens } from './gitlab-json.ts';
import { all } from './gitlab-pages.ts';
import type { Part } from './gitlab-parts.ts';
import { releaseDocument } from './gitlab-release.ts';

const GUEST = 'the role Guest';
const REPORTER = 'the role Reporter';
const DEVELOPER = 'the role Developer';
const MAINTAINER = 'the role Maintainer';

/** What GitLab knows of a project, a collection each. */
export function repositoryCollections(api: GitlabApi): readonly Collection<Repository>[] {
  return [
    issues(api),
    pulls(api),
    whole('labels', (of, context) => [
      listed(
        api,
        {
          path: `projects/${of.id}/labels`,
          query: { include_ancestor_groups: false },
          what: `labels of ${of.path}`,
          role: GUEST,
          key: nameOf,
        },
        context,
      ),
    ]),
    whole('milestones', (of, context) => [
      listed(
        api,
        { path: `projects/${of.id}/milestones`, what: `milestones of ${of.path}`, role: GUEST, key: iidOf },
        context,
      ),
    ]),
    whole('releases', (of, context) => [
      switched(of, 'releases_access_level') ??
        listed(
          api,
          {
            path: `projects/${of.id}/releases`,
            what: `releases of ${of.path}`,
            role: REPORTER,
            key: (release) => textOf(release, 'tag_name'),
            complete: async (release, ask) => releaseDocument(api, release, ask),
          },
          context,
        ),
    ]),
    // Schedules carry values of variables, which can be secrets.
    whole('workflows', (of, context) => workflows(api, of, context), true),
    runs(api),
    whole('environments', (of, context) => [
      switched(of, 'environments_access_level') ??
        listed(
          api,
          { path: `projects/${of.id}/environments`, what: `environments of ${of.path}`, role: REPORTER, key: nameOf },
          context,
        ),
    ]),
    whole('variables', (of, context) => [variables(api, of, context)], true),
    whole('secrets', (of, context) => [secureFiles(api, of, context)], true),
    whole('protection', (of, context) => protection(api, of, context)),
    whole('rulesets', (of, context) => [
      single(
        api,
        {
          path: `projects/${of.id}/push_rule`,
          what: `push rules of ${of.path}`,
          role: MAINTAINER,
          key: () => 'push',
          optional: true,
        },
        context,
      ),
    ]),
    // Addresses of webhooks often carry a token of whom they call.
    whole(
      'webhooks',
      (of, context) => [
        listed(
          api,
          {
            path: `projects/${of.id}/hooks`,
            what: `webhooks of ${of.path}`,
            role: MAINTAINER,
            key: idOf,
            secret: true,
          },
          context,
        ),
      ],
      true,
    ),
    whole('keys', (of, context) => keys(api, of, context)),
    whole('members', (of, context) => [
      listed(
        api,
        {
          path: `projects/${of.id}/members`,
          what: `members of ${of.path}`,
          role: GUEST,
          key: (member) => textOf(member, 'username'),
        },
        context,
      ),
    ]),
    whole('teams', (of, context) => [
      detail(api, of, context, (project) =>
        listIn(project, 'shared_with_groups').map((group) => ({
          key: textOf(group, 'group_full_path'),
          object: group,
        })),
      ),
    ]),
    whole('projects', (of, context) => [
      switched(of, 'issues_access_level') ??
        listed(
          api,
          {
            path: `projects/${of.id}/boards`,
            what: `boards of ${of.path}`,
            role: GUEST,
            key: (board) => `board ${board['id']}`,
          },
          context,
        ),
    ]),
    whole('packages', (of, context) => packages(api, of, context)),
    whole('settings', (of, context) => settings(api, of, context)),
  ];
}

/** A part in place of one that the project has switched off, by its own `…_access_level`. */
function switched(of: Repository, level: string): Part | undefined {
  return of.object[level] === 'disabled' ? without(`switched off in ${of.path} (${level})`) : undefined;
}

/** Documents out of the project itself, asked for alone: lists leave some of it out. */
function detail(
  api: GitlabApi,
  of: Repository,
  context: ReadContext,
  take: (project: JsonObject) => readonly { readonly key: string; readonly object: JsonObject }[],
): Part {
  const part = single(
    api,
    {
      path: `projects/${of.id}`,
      query: { license: true },
      what: `settings of ${of.path}`,
      role: GUEST,
      key: () => 'project',
    },
    context,
  );
  return {
    async *read() {
      for await (const documents of part.read()) yield documents.flatMap(({ object }) => take(withoutTokens(object)));
    },
  };
}

function workflows(api: GitlabApi, of: Repository, context: ReadContext): readonly Part[] {
  const off = switched(of, 'builds_access_level');
  if (off !== undefined) return [off];
  const path = `projects/${of.id}/pipeline_schedules`;
  return [
    detail(api, of, context, (project) => [
      {
        key: 'ci',
        object: Object.fromEntries(
          Object.entries(project).filter(([name]) => /^(ci_|auto_devops|build_|keep_latest)/.test(name)),
        ),
      },
    ]),
    listed(
      api,
      {
        path,
        what: `pipeline schedules of ${of.path}`,
        role: DEVELOPER,
        key: (schedule) => `schedule ${schedule['id']}`,
        secret: true,
        complete: async (schedule, ask) => {
          // Only asked for alone it comes with its variables, and those only to its owner and to maintainers.
          const { json } = await api.get(api.url(`${path}/${schedule['id']}`), ask);
          return { key: `schedule ${schedule['id']}`, object: { ...schedule, ...(json as JsonObject) } };
        },
      },
      context,
    ),
  ];
}

function variables(api: GitlabApi, of: Repository, context: ReadContext): Part {
  const part = listed(
    api,
    {
      path: `projects/${of.id}/variables`,
      what: `variables of ${of.path}`,
      role: MAINTAINER,
      key: variableDocumentKey,
      secret: true,
    },
    context,
  );
  return {
    async *read() {
      try {
        yield* part.read();
      } catch (error) {
        // With CI/CD switched off some versions deny the variables to everybody.
        const off = of.object['builds_access_level'] === 'disabled';
        if (off && error instanceof ForgeError && error.refusal.kind === 'denied') {
          throw new ForgeError({ kind: 'disabled' }, `CI/CD is switched off in ${of.path}`, { cause: error });
        }
        throw error;
      }
    },
  };
}

/** The nearest GitLab has to secrets that only a job may read: files, with what is in them. */
function secureFiles(api: GitlabApi, of: Repository, context: ReadContext): Part {
  const path = `projects/${of.id}/secure_files`;
  const what = `secure files of ${of.path}`;
  return listed(
    api,
    {
      path,
      what,
      role: DEVELOPER,
      key: nameOf,
      optional: true,
      secret: true,
      complete: async (file, ask) => ({
        key: nameOf(file),
        object: file,
        assets: [
          {
            name: nameOf(file),
            version: `${file['id']} ${file['checksum']}`,
            open: (reading) => api.download(api.url(`${path}/${file['id']}/download`), { ...ask, context: reading }),
          },
        ],
      }),
    },
    context,
  );
}

function protection(api: GitlabApi, of: Repository, context: ReadContext): readonly Part[] {
  const part = (path: string, prefix: string, role: string, optional: boolean, key = nameOf): Part =>
    listed(
      api,
      {
        path: `projects/${of.id}/${path}`,
        what: `${path.replaceAll('_', ' ')} of ${of.path}`,
        role,
        key: (one) => `${prefix}/${key(one)}`,
        optional,
      },
      context,
    );
  return [
    part('protected_branches', 'branch', MAINTAINER, false),
    part('protected_tags', 'tag', MAINTAINER, false),
    // Premium and above.
    part('protected_environments', 'environment', MAINTAINER, true),
    part('approval_rules', 'approval rule', DEVELOPER, true, idOf),
    single(
      api,
      {
        path: `projects/${of.id}/approvals`,
        what: `approval settings of ${of.path}`,
        role: DEVELOPER,
        key: () => 'approvals',
        optional: true,
      },
      context,
    ),
  ];
}

/** Public keys, and what is told of tokens: their values are given to nobody after they were made. */
function keys(api: GitlabApi, of: Repository, context: ReadContext): readonly Part[] {
  const part = (path: string, prefix: string, optional = false): Part =>
    listed(
      api,
      {
        path: `projects/${of.id}/${path}`,
        what: `${path.replaceAll('_', ' ')} of ${of.path}`,
        role: MAINTAINER,
        key: (one) => `${prefix} ${one['id']}`,
        optional,
      },
      context,
    );
  return [
    part('deploy_keys', 'deploy key'),
    part('deploy_tokens', 'deploy token'),
    part('access_tokens', 'access token', true),
  ];
}

function packages(api: GitlabApi, of: Repository, context: ReadContext): readonly Part[] {
  const files = (one: JsonObject): string => `projects/${of.id}/packages/${one['id']}/package_files`;
  const tags = (one: JsonObject): string => `projects/${of.id}/registry/repositories/${one['id']}/tags`;
  return [
    switched(of, 'package_registry_access_level') ??
      listed(
        api,
        {
          path: `projects/${of.id}/packages`,
          query: { include_versionless: true },
          what: `packages of ${of.path}`,
          role: REPORTER,
          key: (one) => `package ${one['id']}`,
          optional: true,
          complete: async (one, ask) => ({
            key: `package ${one['id']}`,
            object: { ...one, package_files: await all(api, files(one), {}, ask) },
          }),
        },
        context,
      ),
    switched(of, 'container_registry_access_level') ??
      listed(
        api,
        {
          path: `projects/${of.id}/registry/repositories`,
          what: `container repositories of ${of.path}`,
          role: REPORTER,
          key: (one) => `container ${one['id']}`,
          optional: true,
          complete: async (one, ask) => ({
            key: `container ${one['id']}`,
            object: {
              ...one,
              tags: await all(api, tags(one), {}, ask),
            },
          }),
        },
        context,
      ),
  ];
}

function settings(api: GitlabApi, of: Repository, context: ReadContext): readonly Part[] {
  return [
    detail(api, of, context, (project) => [{ key: 'project', object: project }]),
    listed(
      api,
      {
        path: `projects/${of.id}/integrations`,
        what: `integrations of ${of.path}`,
        role: MAINTAINER,
        key: (one) => `integration ${one['slug']}`,
        optional: true,
      },
      context,
    ),
    listed(
      api,
      {
        path: `projects/${of.id}/badges`,
        what: `badges of ${of.path}`,
        role: GUEST,
        key: (one) => `badge ${one['id']}`,
      },
      context,
    ),
  ];
}
