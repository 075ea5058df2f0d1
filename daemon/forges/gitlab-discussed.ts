import { isObject } from './documents.ts';
import type { Collection, JsonObject, ReadContext, Repository } from './forge.ts';
import { ForgeError } from './forge.ts';
import type { Ask, GitlabApi } from './gitlab-api.ts';
import { changing } from './gitlab-changes.ts';
import { needsOf } from './gitlab-collection.ts';
import { all } from './gitlab-pages.ts';
import { optional } from './gitlab-refusal.ts';

/** Pages of what belongs to one issue, merge request or pipeline: one hundred thousand comments. */
const MOST = 1000;

/** Issues, with their discussions (comments and what GitLab itself notes) and links to other issues. */
export function issues(api: GitlabApi): Collection<Repository> {
  const role = 'the role Guest, for confidential issues Planner or Reporter';
  return changing(api, {
    name: 'issues',
    role,
    level: 'issues_access_level',
    lists: [{ path: 'issues', query: { scope: 'all' } }],
    as: 'issue',
    one: (issue) => `issue ${issue['iid']}`,
    key: (issue) => String(issue['iid']),
    complete: async (repository, issue, context) => {
      const path = `projects/${repository.id}/issues/${issue['iid']}`;
      const ask = asked(context, `issue ${issue['iid']} of ${repository.path}`, role);
      return {
        discussions: await all(api, `${path}/discussions`, {}, ask, MOST),
        links: await all(api, `${path}/links`, {}, ask, MOST),
      };
    },
  });
}

/** Merge requests, with their discussions (comments on lines within), approvals and the state of each reviewer. */
export function pulls(api: GitlabApi): Collection<Repository> {
  const role = 'the role Reporter';
  return changing(api, {
    name: 'pulls',
    role,
    level: 'merge_requests_access_level',
    lists: [{ path: 'merge_requests', query: { scope: 'all', state: 'all' } }],
    as: 'merge_request',
    one: (request) => `merge request ${request['iid']}`,
    key: (request) => String(request['iid']),
    complete: async (repository, request, context) => {
      const path = `projects/${repository.id}/merge_requests/${request['iid']}`;
      const ask = asked(context, `merge request ${request['iid']} of ${repository.path}`, role);
      return {
        merge_request: await one(api, path, ask),
        discussions: await all(api, `${path}/discussions`, {}, ask, MOST),
        approvals: await unless(one(api, `${path}/approvals`, ask)),
        reviewers: await unless(all(api, `${path}/reviewers`, {}, ask, MOST)),
      };
    },
  });
}

/** Pipelines, and those that pipelines started in their own project, with their jobs; logs stay behind. */
export function runs(api: GitlabApi): Collection<Repository> {
  const role = 'the role Reporter';
  return changing(api, {
    name: 'runs',
    role,
    level: 'builds_access_level',
    // GitLab leaves child pipelines out of the list unless asked for them alone.
    lists: [
      { path: 'pipelines', query: {} },
      { path: 'pipelines', query: { source: 'parent_pipeline' } },
    ],
    as: 'pipeline',
    one: (pipeline) => `pipeline ${pipeline['id']}`,
    key: (pipeline) => String(pipeline['id']),
    complete: async (repository, pipeline, context) => {
      const path = `projects/${repository.id}/pipelines/${pipeline['id']}`;
      const ask = asked(context, `pipeline ${pipeline['id']} of ${repository.path}`, role);
      return {
        pipeline: await one(api, path, ask),
        jobs: await all(api, `${path}/jobs`, { include_retried: true }, ask, MOST),
        bridges: await all(api, `${path}/bridges`, {}, ask, MOST),
      };
    },
  });
}

function asked(context: ReadContext, what: string, role: string): Ask {
  return { context, what, needs: needsOf(role) };
}

async function one(api: GitlabApi, path: string, ask: Ask): Promise<JsonObject> {
  const { json } = await api.get(api.url(path), ask);
  if (isObject(json)) return json;
  throw new ForgeError({ kind: 'failed' }, `asked for ${ask.what}, the server answered with something else`);
}

/** Null where this version or edition of GitLab has no such thing. */
async function unless<T>(value: Promise<T>): Promise<T | null> {
  try {
    return await value;
  } catch (error) {
    const told = optional(error);
    if (told instanceof ForgeError && told.refusal.kind === 'disabled') return null;
    throw error;
  }
}
