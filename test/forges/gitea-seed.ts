import type { IncomingMessage } from 'node:http';
import { ApiMock, descriptionAt, type Thing } from './api-mock.ts';

export const GITEA_TOKEN = 'gitea0recognisable0123456789abcdef012345';

/** Gitea with an organisation of three repositories: one with everything, one empty, one archived. Its code is at `origins`. */
export async function seededGitea(origins: Readonly<Record<string, string>> = {}): Promise<ApiMock> {
  const mock = new ApiMock({
    description: descriptionAt('./gitea/api.json'),
    prefix: '/api/v1',
    perPage: 'limit',
    token: GITEA_TOKEN,
    tokenOf: ({ headers }: IncomingMessage) => /^token (.+)$/.exec(headers.authorization ?? '')?.[1],
  });
  await mock.start();
  mock.put('/user', { ...mock.example('GET /user'), login: 'reader' });
  mock.put('/orgs/acme', { ...mock.example('GET /orgs/{org}'), name: 'acme' });
  const repository = (id: number, name: string, more: Thing = {}): Thing => ({
    ...mock.example('GET /orgs/{org}/repos'),
    id,
    name,
    full_name: `acme/${name}`,
    clone_url: origins[name] ?? `${mock.url}/acme/${name}.git`,
    private: true,
    has_wiki: false,
    ...more,
  });
  mock.put('/orgs/acme/repos', [
    repository(1, 'app'),
    repository(2, 'empty'),
    repository(3, 'old', { archived: true }),
  ]);
  const list = (path: string, operation: string, ...more: Thing[]) =>
    mock.put(
      path,
      more.map((one) => ({ ...mock.example(`GET ${operation}`), ...one })),
    );
  list('/orgs/acme/actions/variables', '/orgs/{org}/actions/variables', { name: 'ORG_WIDE', data: 'org-wide-value' });
  list('/orgs/acme/actions/secrets', '/orgs/{org}/actions/secrets', { name: 'ORG_SECRET' });
  list('/orgs/acme/labels', '/orgs/{org}/labels', { id: 9, name: 'everywhere' });
  list('/orgs/acme/hooks', '/orgs/{org}/hooks', { id: 8 });
  list('/orgs/acme/members', '/orgs/{org}/members', { login: 'ada' }, { login: 'grace' });
  list('/orgs/acme/teams', '/orgs/{org}/teams', { id: 4, name: 'core' });
  list('/teams/4/members', '/teams/{id}/members', { login: 'ada' });
  list('/teams/4/repos', '/teams/{id}/repos', { full_name: 'acme/app' });
  list('/packages/acme', '/packages/{owner}', { type: 'npm', name: '@acme/app', version: '1.0.0' });
  list('/packages/acme/npm/%40acme%2Fapp/1.0.0/files', '/packages/{owner}/{type}/{name}/{version}/files', { id: 1 });
  const app = '/repos/acme/app';
  const of = (path: string, ...more: Thing[]) => list(`${app}${path}`, `/repos/{owner}/{repo}${path}`, ...more);
  const issue = (number: number, more: Thing = {}): Thing => ({
    id: 5000 + number,
    number,
    title: `Issue ${number}`,
    body: `Body of ${number}`,
    comments: 0,
    assets: [],
    pull_request: null,
    created_at: '2026-05-01T00:00:00Z',
    updated_at: mock.tick(),
    ...more,
  });
  const file = { id: 21, name: 'screen.png', size: 4, uuid: 'u-21' };
  of(
    '/issues',
    issue(3, { comments: 1, title: 'A change', pull_request: { merged: false } }),
    issue(2),
    issue(1, {
      comments: 2,
      assets: [{ ...file, browser_download_url: 'https://root.example/acme/app/attachments/u-21' }],
    }),
  );
  // As the forge does: one list of both, and a parameter that tells them apart.
  mock.intercept((request, response) => {
    const url = new URL(request.url ?? '', mock.url);
    const type = url.searchParams.get('type');
    if (url.pathname !== `/api/v1${app}/issues` || type === null) return false;
    const since = url.searchParams.get('since') ?? '';
    const wanted = (mock.at(`${app}/issues`) as Thing[]).filter(
      (one) => (one['pull_request'] !== null) === (type === 'pulls') && String(one['updated_at']) >= since,
    );
    const [page, size] = [Number(url.searchParams.get('page')), Number(url.searchParams.get('limit'))];
    const next = page * size < wanted.length;
    url.searchParams.set('page', String(page + 1));
    response
      .writeHead(200, {
        'content-type': 'application/json;charset=utf-8',
        ...(next ? { link: `<https://root.example${url.pathname}${url.search}>; rel="next"` } : {}),
      })
      .end(JSON.stringify(wanted.slice((page - 1) * size, page * size)));
    return true;
  });
  const comments = '/repos/{owner}/{repo}/issues/{index}/comments';
  list(
    `${app}/issues/1/comments`,
    comments,
    { id: 11, body: 'First', assets: [] },
    { id: 12, body: 'Second', assets: [] },
  );
  list(`${app}/issues/3/comments`, comments, { id: 13, body: 'On the change', assets: [] });
  mock.put(`${app}/pulls/3`, {
    ...mock.example('GET /repos/{owner}/{repo}/pulls/{index}'),
    number: 3,
    title: 'A change',
    state: 'open',
  });
  list(`${app}/pulls/3/reviews`, '/repos/{owner}/{repo}/pulls/{index}/reviews', { id: 31, state: 'APPROVED' });
  list(`${app}/pulls/3/reviews/31/comments`, '/repos/{owner}/{repo}/pulls/{index}/reviews/{id}/comments', {
    id: 32,
    path: 'src/main.ts',
    position: 7,
  });
  of('/labels', { id: 1, name: 'bug' }, { id: 2, name: 'later' });
  of('/milestones', { id: 1, title: '1.0', state: 'open' });
  of('/releases', {
    id: 61,
    tag_name: 'v1.0.0',
    assets: [
      {
        id: 62,
        name: 'app.tar.gz',
        size: 5,
        uuid: 'u-62',
        created_at: '2026-05-01T00:00:00Z',
        browser_download_url: 'https://root.example/acme/app/releases/download/v1.0.0/app.tar.gz',
      },
      { id: 63, name: 'elsewhere', type: 'external', browser_download_url: 'https://elsewhere.example/x' },
    ],
  });
  of('/actions/variables', { name: 'REGION', data: 'eu-central-recognisable' });
  of('/actions/secrets', { name: 'DEPLOY_KEY' });
  mock.put(`${app}/actions/workflows`, {
    total_count: 1,
    workflows: [mock.example('GET /repos/{owner}/{repo}/actions/workflows')],
  });
  const run = mock.example('GET /repos/{owner}/{repo}/actions/runs');
  mock.put(`${app}/actions/runs`, {
    total_count: 2,
    workflow_runs: [
      { ...run, id: 78, status: 'in_progress' },
      { ...run, id: 77 },
    ],
  });
  for (const id of [77, 78])
    mock.put(`${app}/actions/runs/${id}/jobs`, {
      total_count: 1,
      jobs: [mock.example('GET /repos/{owner}/{repo}/actions/runs/{run}/jobs')],
    });
  of('/branch_protections', { rule_name: 'main' });
  of('/tag_protections', { id: 5 });
  of('/hooks', { id: 7, authorization_header: 'Bearer hook-secret' });
  of('/keys', { id: 6 });
  of('/collaborators', { login: 'ada' });
  of('/teams', { id: 4 });
  return mock;
}
