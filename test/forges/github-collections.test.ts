import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Collection, Document, Page, ReadContext, Repository } from '../../daemon/forges/forge.ts';
import { githubForge } from '../../daemon/forges/github.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITHUB_TOKEN, seededGithub } from './github-seed.ts';

const APP: Repository = {
  id: '1',
  path: 'acme/app',
  cloneUrl: 'https://github.example/acme/app.git',
  visibility: 'private',
  archived: false,
  object: {},
};

describe('what GitHub has', () => {
  let mock: ApiMock;
  let cache: string;
  beforeEach(async () => {
    mock = await seededGithub();
    cache = mkdtempSync(join(tmpdir(), 'pc-github-'));
  });
  afterEach(async () => {
    await mock.stop();
    rmSync(cache, { recursive: true, force: true });
  });

  const forge = () =>
    githubForge({ url: mock.url, owner: 'acme', token: Secret.fromText(GITHUB_TOKEN), cache, clock: systemClock });
  const context: ReadContext = { signal: new AbortController().signal };

  async function pagesOf<Of>(collections: readonly Collection<Of>[], name: string, of: Of, cursor?: string) {
    const pages: Page[] = [];
    const found = collections.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    for await (const page of found.read(of, cursor, context)) pages.push(page);
    const documents: Document[] = pages.flatMap((page) => page.documents);
    return { pages, documents, keys: documents.map(({ key }) => key), cursor: pages.at(-1)?.cursor };
  }
  const ofApp = (name: string, cursor?: string) => pagesOf(forge().ofRepository, name, APP, cursor);
  const ofOwner = (name: string) => pagesOf(forge().ofOwner, name, undefined);

  /** Refuses what has `part` in its address. */
  function refuse(part: string, status: number, message: string, headers: Record<string, string> = {}) {
    return mock.intercept((request, response) => {
      if (!request.url?.includes(part)) return false;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ message }));
      return true;
    });
  }

  describe('refusals', () => {
    it.each([
      ['webhooks', '/hooks', 'Webhooks: read', 'read:repo_hook'],
      ['keys', '/keys', 'Administration: read', 'repo'],
      ['members', '/collaborators', 'Metadata: read', 'read:org'],
    ])('takes what is hidden for what it is: 404 of %s', async (name, at, permission, scope) => {
      refuse(at, 404, 'Not Found');
      await expect(ofApp(name)).rejects.toMatchObject({
        refusal: { kind: 'denied', needs: expect.stringMatching(new RegExp(`${permission}.*${scope}`)) },
      });
    });

    it('names the scopes of a classic token that has none of them', async () => {
      refuse('/hooks', 404, 'Not Found', {
        'x-oauth-scopes': 'repo:status, user',
        'x-accepted-oauth-scopes': 'admin:repo_hook, read:repo_hook',
      });
      await expect(ofApp('webhooks')).rejects.toMatchObject({
        refusal: { kind: 'denied', needs: 'the scope admin:repo_hook or read:repo_hook' },
      });
    });

    it('names the permissions of a fine-grained token', async () => {
      refuse('/actions/runs', 403, 'Resource not accessible by personal access token', {
        'x-accepted-github-permissions': 'actions=read; administration=read,contents=read',
      });
      await expect(ofApp('runs')).rejects.toMatchObject({
        refusal: { kind: 'denied', needs: 'actions: read, or administration: read and contents: read' },
      });
    });

    it.each([
      ['environments', '/environments', 404, 'Not Found'],
      ['rulesets', '/rulesets', 403, 'Upgrade to GitHub Pro or make this repository public to enable this feature.'],
      ['issues', '/issues', 410, 'Issues has been disabled in this repository.'],
      ['protection', '/branches', 409, 'Git Repository is empty.'],
    ])('loses nothing where %s are switched off or not in the plan', async (name, at, status, message) => {
      refuse(at, status, message);
      const read = await ofApp(name).catch((error: unknown) => error);
      const refused = read instanceof Error ? (read as unknown as { refusal: { kind: string } }).refusal.kind : 'none';
      expect(['none', 'disabled']).toContain(refused);
    });

    it('takes a repository that has gone meanwhile for that', async () => {
      refuse('/repos/acme/app/', 404, 'Not Found');
      await expect(ofApp('labels')).rejects.toMatchObject({ refusal: { kind: 'absent' } });
    });

    it('reads the other parts of a collection of which one is refused, and tells that one', async () => {
      refuse('/codespaces/secrets', 403, 'Resource not accessible by personal access token', {
        'x-accepted-github-permissions': 'codespaces_secrets=write',
      });
      const { keys, pages } = await ofApp('secrets');
      expect(keys).toEqual(['actions/DEPLOY_KEY', 'environment/production/KEY']);
      const problems = pages.flatMap((page) => page.problems ?? []);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toContain('codespaces_secrets: write');
    });

    it('is not led to another host by its list', async () => {
      mock.intercept((request, response) => {
        if (!request.url?.includes('/labels')) return false;
        response
          .writeHead(200, { 'content-type': 'application/json', link: '<https://elsewhere.example/x>; rel="next"' })
          .end('[]');
        return true;
      });
      await expect(ofApp('labels')).rejects.toMatchObject({
        refusal: { kind: 'failed' },
        message: expect.stringContaining('another host'),
      });
    });
  });

  it('knows of protection by a ruleset alone, which stands among those', async () => {
    refuse('/branches/main/protection', 404, 'Branch not protected');
    expect((await ofApp('protection')).keys).toEqual([]);
  });

  it('keeps secrets of every kind, by name alone, each under a key of its own', async () => {
    const { documents, keys } = await ofApp('secrets');
    expect(keys).toEqual(['actions/DEPLOY_KEY', 'environment/production/KEY']);
    for (const { object } of documents) expect(Object.keys(object)).not.toContain('value');
  });

  it('keeps variables of the repository and of its environments', async () => {
    const { documents } = await ofApp('variables');
    expect(documents.map(({ key, object }) => [key, object['value']])).toEqual([
      ['REGION', 'eu-central-1'],
      ['production/URL', 'https://prod'],
    ]);
  });

  it('keeps with a variable of the organisation for which repositories it is', async () => {
    const variables = mock.at('/orgs/acme/actions/variables') as { variables: Thing[] };
    Object.assign(variables.variables[0] ?? {}, { visibility: 'selected' });
    const repository = mock.example('GET /orgs/{org}/actions/variables/{name}/repositories');
    mock.put('/orgs/acme/actions/variables/ORG_WIDE/repositories', {
      total_count: 1,
      repositories: [{ ...repository, full_name: 'acme/app' }],
    });
    const { documents } = await ofOwner('variables');
    expect(documents).toEqual([
      { key: 'ORG_WIDE', object: expect.objectContaining({ value: 'yes', selected_repositories: ['acme/app'] }) },
    ]);
    expect(mock.faults).toEqual([]);
  });

  it('keeps with an environment the branches it takes', async () => {
    const held = mock.at('/repos/acme/app/environments') as { environments: Thing[] };
    Object.assign(held.environments[0] ?? {}, {
      deployment_branch_policy: { protected_branches: false, custom_branch_policies: true },
    });
    mock.put('/repos/acme/app/environments/production/deployment-branch-policies', {
      total_count: 1,
      branch_policies: [{ id: 1, name: 'release/*' }],
    });
    const { documents } = await ofApp('environments');
    expect(documents[0]?.object['branch_policies']).toEqual([{ id: 1, name: 'release/*' }]);
    expect(mock.faults).toEqual([]);
  });

  it('has issues and pull requests apart, each with what was said about it', async () => {
    const issues = await ofApp('issues');
    expect(issues.keys).toEqual(['1', '2']);
    expect(issues.documents[0]?.object['comments']).toHaveLength(2);
    const pulls = await ofApp('pulls');
    expect(pulls.keys).toEqual(['3']);
    const [pull] = pulls.documents;
    for (const said of ['comments', 'reviews', 'review_comments']) expect(pull?.object[said], said).toHaveLength(1);
  });

  it('reads every one of many issues that changed in the same second, from any cursor', async () => {
    const many = Array.from({ length: 250 }, (_, at) => ({
      ...mock.example('GET /repos/{owner}/{repo}/issues'),
      number: at + 1,
      comments: 0,
      pull_request: null,
      updated_at: at < 20 ? '2026-06-01T00:00:00Z' : '2026-06-02T00:00:00Z',
    }));
    mock.put('/repos/acme/app/issues', many);
    const first = await ofApp('issues');
    expect(new Set(first.keys).size).toBe(250);
    for (const { cursor } of first.pages) {
      const rest = new Set((await ofApp('issues', cursor)).keys);
      const read = new Set<string>();
      for (const page of first.pages) {
        for (const { key } of page.documents) read.add(key);
        if (page.cursor === cursor) break;
      }
      expect(new Set([...rest, ...read]).size).toBe(250);
    }
  });

  describe('runs', () => {
    const runsOf = (count: number) =>
      Array.from({ length: count }, (_, at) => ({
        id: count - at,
        created_at: new Date(Date.parse('2026-06-01T00:00:00Z') - at * 3_600_000).toISOString().replace('.000', ''),
      }));

    beforeEach(() => {
      const runs = runsOf(250);
      mock.put('/repos/acme/app/actions/runs', { total_count: 250, workflow_runs: runs });
      for (const { id } of runs) mock.put(`/repos/acme/app/actions/runs/${id}/jobs`, { total_count: 0, jobs: [] });
    });

    it('are read from the newest back, and go on where that was stopped, whatever a search gives', async () => {
      mock.searchMost = 70;
      const whole = await ofApp('runs');
      expect(new Set(whole.keys).size).toBe(250);
      for (const stopped of whole.pages.slice(0, 2)) {
        mock.requests.length = 0;
        const rest = await ofApp('runs', stopped.cursor);
        const before = whole.pages.slice(0, whole.pages.indexOf(stopped) + 1).flatMap((page) => page.documents);
        expect(new Set([...before.map(({ key }) => key), ...rest.keys]).size).toBe(250);
        expect(rest.keys.length).toBeLessThanOrEqual(250 - before.length + 4);
        expect(rest.cursor).toBe(whole.cursor);
      }
      expect(mock.faults).toEqual([]);
    });

    it('are read again only where they may still change', async () => {
      const { cursor } = await ofApp('runs');
      // 65 days before the newest.
      expect(cursor).toBe('2026-03-28T00:00:00.000Z');
      const { keys } = await ofApp('runs', '2026-05-31T20:00:00.000Z');
      expect(keys).toEqual(['250', '249', '248', '247', '246']);
    });
  });
});
