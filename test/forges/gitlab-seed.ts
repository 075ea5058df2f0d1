import type { IncomingMessage } from 'node:http';
import { ApiMock, descriptionAt, type Thing } from './api-mock.ts';

export const GITLAB_TOKEN = 'glpat-recognisable0123456789';

const PROJECT = '/projects/9';
const OF_PROJECT = 'GET /projects/{id}';

/**
 * GitLab with a group of a group within, and three projects: one with everything, one empty in the group within, one
 * archived. The code of each is at `origins`.
 */
export async function seededGitlab(origins: Readonly<Record<string, string>> = {}): Promise<ApiMock> {
  const mock = new ApiMock({
    description: descriptionAt('./gitlab/api.json'),
    prefix: '/api/v4',
    perPage: 'per_page',
    token: GITLAB_TOKEN,
    tokenOf: ({ headers }: IncomingMessage) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
  });
  await mock.start();
  // Child pipelines come only when asked for, and there are none.
  mock.intercept(({ url = '' }, response) => {
    if (!url.includes('source=parent_pipeline')) return false;
    response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
    return true;
  });
  mock.put('/user', { id: 7, username: 'reader', name: 'Reader' });
  mock.put('/personal_access_tokens/self', {
    ...mock.example('GET /personal_access_tokens/self'),
    scopes: ['read_api', 'read_repository'],
  });
  seedGroups(mock);
  const project = (id: number, path: string, more: Thing = {}): Thing => ({
    ...mock.example('GET /groups/{id}/projects'),
    id,
    name: path,
    path: path.split('/').at(-1) ?? path,
    path_with_namespace: path,
    http_url_to_repo: origins[path] ?? `${mock.url}/${path}.git`,
    wiki_enabled: false,
    visibility: 'private',
    runners_token: 'GR13-recognisable-runner',
    ...more,
  });
  const projects = [
    project(9, 'acme/app'),
    project(10, 'acme/inner/empty'),
    project(11, 'acme/old', { archived: true }),
  ];
  mock.put('/groups/4/projects', projects);
  for (const one of projects) {
    mock.put(`/projects/${one['id']}`, {
      ...one,
      shared_with_groups: [{ group_id: 3, group_name: 'Friends', group_full_path: 'friends', group_access_level: 20 }],
      ci_config_path: 'ci/build.yml',
    });
  }
  for (const path of ['/badges', '/integrations', '/access_tokens']) mock.put(`${PROJECT}${path}`, []);
  for (const [path, operation = path] of LISTS)
    mock.put(`${PROJECT}${path}`, [mock.example(`${OF_PROJECT}${operation}`)]);
  const variable = mock.example(`${OF_PROJECT}/variables`);
  mock.put(`${PROJECT}/variables`, [
    { ...variable, key: 'REGION', value: 'eu-central-1-recognisable' },
    { ...variable, key: 'REGION', value: 'us-east-1-recognisable', environment_scope: 'review/*' },
    { ...variable, key: 'HIDDEN', value: null, hidden: true },
  ]);
  seedConversations(mock);
  mock.put(`${PROJECT}/pipelines/47`, { ...mock.example(`${OF_PROJECT}/pipelines/{pipeline_id}`), id: 47 });
  mock.put(`${PROJECT}/pipelines/47/jobs`, [mock.example(`${OF_PROJECT}/pipelines/{pipeline_id}/jobs`)]);
  return mock;
}

const LISTS: readonly (readonly [string, string?])[] = [
  ['/labels'],
  ['/milestones'],
  ['/releases'],
  ['/pipeline_schedules'],
  ['/pipelines'],
  ['/environments'],
  ['/secure_files'],
  ['/protected_branches'],
  ['/protected_tags'],
  ['/approval_rules'],
  ['/hooks'],
  ['/deploy_keys'],
  ['/deploy_tokens'],
  ['/members'],
  ['/boards'],
  ['/packages'],
  ['/packages/1/package_files', '/packages/{package_id}/package_files'],
  ['/registry/repositories'],
  ['/registry/repositories/2/tags', '/registry/repositories/{repository_id}/tags'],
];

function seedGroups(mock: ApiMock): void {
  const group = (id: number, path: string, more: Thing = {}): Thing => ({
    ...mock.example('GET /groups/{id}'),
    id,
    path: path.split('/').at(-1) ?? path,
    full_path: path,
    runners_token: 'GR13-recognisable-runner',
    ...more,
  });
  const acme = group(4, 'acme', {
    shared_with_groups: [{ group_id: 8, group_name: 'Audit', group_full_path: 'audit', group_access_level: 10 }],
  });
  const inner = group(5, 'acme/inner', { parent_id: 4, shared_with_groups: [] });
  mock.put('/groups/acme', acme);
  mock.put('/groups/4', acme);
  mock.put('/groups/5', inner);
  mock.put('/groups/4/descendant_groups', [inner]);
  const variable = mock.example('GET /groups/{id}/variables');
  for (const id of [4, 5]) {
    mock.put(`/groups/${id}/variables`, [{ ...variable, key: 'SHARED', value: `of-group-${id}` }]);
    mock.put(`/groups/${id}/members`, [mock.example('GET /groups/{id}/members')]);
    mock.put(`/groups/${id}/deploy_tokens`, [mock.example('GET /groups/{id}/deploy_tokens')]);
    mock.put(`/groups/${id}/labels`, [mock.example('GET /projects/{id}/labels')]);
  }
}

function seedConversations(mock: ApiMock): void {
  const issue = (iid: number, more: Thing = {}): Thing => ({
    ...mock.example(`${OF_PROJECT}/issues`),
    id: 4000 + iid,
    iid,
    title: `Issue ${iid}`,
    updated_at: mock.tick(),
    ...more,
  });
  mock.put(`${PROJECT}/issues`, [issue(1), issue(2, { state: 'opened', closed_at: null }), issue(3)]);
  const [thread] = [mock.example(`${OF_PROJECT}/issues/{issue_iid}/discussions`)];
  const single: Thing = {
    ...thread,
    id: 'single',
    individual_note: true,
    notes: [note(mock, 1128, 'a single comment')],
  };
  mock.put(`${PROJECT}/issues/1/discussions`, [thread, single]);
  mock.put(`${PROJECT}/issues/1/links`, [mock.example(`${OF_PROJECT}/issues/{issue_iid}/links`)]);
  const request: Thing = { ...mock.example(`${OF_PROJECT}/merge_requests`), updated_at: mock.tick() };
  const { author } = request;
  mock.put(`${PROJECT}/merge_requests`, [request]);
  mock.put(`${PROJECT}/merge_requests/1`, { ...request, diff_refs: { base_sha: '7'.repeat(40) } });
  mock.put(`${PROJECT}/merge_requests/1/discussions`, [
    {
      ...thread,
      notes: [
        note(mock, 2001, 'On a line', { position: { new_path: 'src/app.ts', new_line: 12, old_path: 'src/app.ts' } }),
        note(mock, 2002, 'approved this merge request', { system: true, author: author ?? null }),
      ],
    },
  ]);
  mock.put(`${PROJECT}/merge_requests/1/approvals`, { approved: true, approved_by: [{ user: author ?? null }] });
  mock.put(`${PROJECT}/merge_requests/1/reviewers`, [{ user: author ?? null, state: 'approved' }]);
}

function note(mock: ApiMock, id: number, body: string, more: Thing = {}): Thing {
  return { ...mock.example('POST /projects/{id}/issues/{issue_iid}/notes'), id, body, ...more };
}
