import type { IncomingMessage } from 'node:http';
import { ApiMock, descriptionAt, type Thing } from './api-mock.ts';

export const GITHUB_TOKEN = 'github_pat_recognisable0123456789';

/** GitHub with an organisation of three repositories: one with everything, one empty, one archived. Its code is at `origins`. */
export async function seededGithub(origins: Readonly<Record<string, string>> = {}): Promise<ApiMock> {
  const mock = new ApiMock({
    description: descriptionAt('./github/api.json'),
    perPage: 'per_page',
    token: GITHUB_TOKEN,
    tokenOf: ({ headers }: IncomingMessage) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
  });
  await mock.start();
  mock.put('/users/acme', { ...mock.example('GET /users/{username}'), login: 'acme', type: 'Organization' });
  mock.put('/user', { ...mock.example('GET /user'), login: 'reader' });
  const repository = (id: number, name: string, more: Thing = {}): Thing => ({
    ...mock.example('GET /orgs/{org}/repos'),
    id,
    name,
    full_name: `acme/${name}`,
    clone_url: origins[name] ?? `${mock.url}/acme/${name}.git`,
    has_wiki: false,
    visibility: 'private',
    ...more,
  });
  mock.put('/orgs/acme/repos', [
    repository(1, 'app'),
    repository(2, 'empty'),
    repository(3, 'old', { archived: true }),
  ]);
  const app = '/repos/acme/app';
  const issue = (number: number, more: Thing = {}): Thing => ({
    ...mock.example('GET /repos/{owner}/{repo}/issues'),
    id: 5000 + number,
    number,
    title: `Issue ${number}`,
    body: `Body of ${number}`,
    comments: 0,
    pull_request: null,
    created_at: '2026-05-01T00:00:00Z',
    updated_at: mock.tick(),
    ...more,
  });
  const pull = { url: `${mock.url}${app}/pulls/3` };
  mock.put(`${app}/issues`, [
    issue(1, { comments: 2 }),
    issue(2),
    issue(3, { pull_request: pull, title: 'A change', comments: 1 }),
  ]);
  const comment = (id: number, body: string): Thing => ({
    ...mock.example('GET /repos/{owner}/{repo}/issues/{issue_number}/comments'),
    id,
    body,
  });
  mock.put(`${app}/issues/1/comments`, [comment(11, 'First'), comment(12, 'Second')]);
  mock.put(`${app}/issues/3/comments`, [comment(13, 'On the change')]);
  mock.put(`${app}/pulls/3`, {
    ...mock.example('GET /repos/{owner}/{repo}/pulls/{pull_number}'),
    number: 3,
    title: 'A change',
    review_comments: 1,
  });
  mock.put(`${app}/pulls/3/reviews`, [mock.example('GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews')]);
  mock.put(`${app}/pulls/3/comments`, [mock.example('GET /repos/{owner}/{repo}/pulls/{pull_number}/comments')]);
  for (const [path, operation] of LISTS)
    mock.put(`${app}${path}`, [mock.example(`GET /repos/{owner}/{repo}${operation}`)]);
  const under = (name: string, operation: string, more: Thing) => ({
    total_count: 1,
    [name]: [{ ...mock.example(`GET ${operation}`), ...more }],
  });
  mock.put(
    `${app}/actions/variables`,
    under('variables', '/repos/{owner}/{repo}/actions/variables', { name: 'REGION', value: 'eu-central-1' }),
  );
  mock.put(`${app}/environments`, under('environments', '/repos/{owner}/{repo}/environments', { name: 'production' }));
  mock.put(
    `${app}/environments/production/variables`,
    under('variables', '/repos/{owner}/{repo}/environments/{environment_name}/variables', {
      name: 'URL',
      value: 'https://prod',
    }),
  );
  mock.put(
    `${app}/environments/production/secrets`,
    under('secrets', '/repos/{owner}/{repo}/environments/{environment_name}/secrets', { name: 'KEY' }),
  );
  mock.put(`${app}/actions/secrets`, under('secrets', '/repos/{owner}/{repo}/actions/secrets', { name: 'DEPLOY_KEY' }));
  mock.put(`${app}/actions/workflows`, under('workflows', '/repos/{owner}/{repo}/actions/workflows', {}));
  mock.put(
    `${app}/actions/runs`,
    under('workflow_runs', '/repos/{owner}/{repo}/actions/runs', { id: 77, created_at: '2026-05-20T00:00:00Z' }),
  );
  mock.put(`${app}/actions/runs/77/jobs`, under('jobs', '/repos/{owner}/{repo}/actions/runs/{run_id}/jobs', {}));
  mock.put(`${app}/branches`, [{ ...mock.example('GET /repos/{owner}/{repo}/branches'), name: 'main' }]);
  const ruleset = { ...mock.example('GET /repos/{owner}/{repo}/rulesets'), id: 42 };
  mock.put(`${app}/rulesets`, [ruleset]);
  mock.put('/orgs/acme/rulesets', [ruleset]);
  mock.put(
    '/orgs/acme/actions/variables',
    under('variables', '/orgs/{org}/actions/variables', { name: 'ORG_WIDE', value: 'yes' }),
  );
  mock.put('/orgs/acme/actions/secrets', under('secrets', '/orgs/{org}/actions/secrets', { name: 'ORG_SECRET' }));
  mock.put('/orgs/acme/hooks', [mock.example('GET /orgs/{org}/hooks')]);
  mock.put('/orgs/acme/members', [mock.example('GET /orgs/{org}/members')]);
  mock.put('/orgs/acme/teams', [{ ...mock.example('GET /orgs/{org}/teams'), slug: 'core' }]);
  mock.put('/orgs/acme/teams/core/members', [mock.example('GET /orgs/{org}/teams/{team_slug}/members')]);
  mock.put('/orgs/acme/teams/core/repos', [mock.example('GET /orgs/{org}/teams/{team_slug}/repos')]);
  mock.put('/orgs/acme/projectsV2', [{ ...mock.example('GET /orgs/{org}/projectsV2'), number: 4 }]);
  mock.put('/orgs/acme/projectsV2/4/fields', [mock.example('GET /orgs/{org}/projectsV2/{project_number}/fields')]);
  mock.put('/orgs/acme/projectsV2/4/items', [mock.example('GET /orgs/{org}/projectsV2/{project_number}/items')]);
  return mock;
}

const LISTS = [
  ['/labels', '/labels'],
  ['/milestones', '/milestones'],
  ['/hooks', '/hooks'],
  ['/keys', '/keys'],
  ['/collaborators', '/collaborators'],
  ['/teams', '/teams'],
  ['/autolinks', '/autolinks'],
] as const;
