import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { githubWriter } from '../../daemon/forges/github-writer.ts';
import type { Release, RepositoryView } from '../../daemon/forges/view.ts';
import type { NewAsset } from '../../daemon/forges/writer.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITHUB_TOKEN, seededGithub } from './github-seed.ts';
import { ImpatientClock } from './impatient-clock.ts';
import { writerContract } from './writer-contract.ts';

/** GitHub as it is for whoever makes things in it: what is made in one place shows in others. */
async function writable() {
  const mock = await seededGithub();
  const repositories = new Set(['/repos/acme/app', '/repos/acme/empty', '/repos/acme/old']);
  mock.put('/repos/acme/again/assignees/octocat', {});
  mock.intercept((request, response) => {
    const [, at = '', rest = ''] = /^(\/repos\/[^/]+\/[^/?]+)([^?]*)/.exec(request.url ?? '') ?? [];
    const there = rest.startsWith('/git/ref/') ? mock.at(`${at}${rest}`) !== undefined : repositories.has(at);
    if (at === '' || there) return false;
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end(JSON.stringify({ message: `Not Found${rest}` }));
    return true;
  });
  mock.made = (path, thing) => {
    if (path === '/orgs/acme/repos') {
      const at = `/repos/acme/${String(thing['name'])}`;
      repositories.add(at);
      thing['full_name'] = `acme/${String(thing['name'])}`;
      thing['clone_url'] = `${mock.url}/acme/${String(thing['name'])}.git`;
      mock.put(at, thing);
      for (const tag of ['v1', 'v2']) mock.put(`${at}/git/ref/${encodeURIComponent(`tags/${tag}`)}`, { ref: tag });
    }
    if (/\/issues$/.test(path)) Object.assign(thing, { pull_request: null, state: 'open', comments: 0 });
    if (/\/releases$/.test(path))
      Object.assign(thing, { upload_url: `${mock.url}${path}/${String(thing['id'])}/assets{?name,label}`, assets: [] });
    const [, releases, id] = /^(.*\/releases)\/(\d+)\/assets$/.exec(path) ?? [];
    if (releases !== undefined) {
      const release = (mock.at(releases) as Thing[]).find((one) => String(one['id']) === id);
      (release?.['assets'] as Thing[] | undefined)?.push(thing);
    }
  };
  return mock;
}

writerContract('github', {
  seed: writable,
  token: GITHUB_TOKEN,
  owner: 'acme',
  make: githubWriter,
  denied: {
    status: 403,
    headers: { 'x-accepted-github-permissions': 'issues=write; pull_requests=write' },
    body: { message: 'Resource not accessible by personal access token' },
    needs: 'issues: write',
  },
});

describe('making things in GitHub', () => {
  let mock: ApiMock;
  beforeEach(async () => {
    mock = await writable();
  });
  afterEach(() => mock.stop());

  const context = { signal: new AbortController().signal };
  const clock = new ImpatientClock();
  const writer = () => githubWriter({ url: mock.url, token: Secret.fromText(GITHUB_TOKEN), clock });
  const view: RepositoryView = {
    path: 'elsewhere/app',
    description: 'What it is',
    visibility: 'internal',
    archived: true,
    topics: ['Backup', 'no topic!'],
    hasIssues: true,
    hasWiki: false,
  };
  const release: Release = {
    tag: 'v1',
    name: 'One',
    body: 'The first',
    draft: false,
    prerelease: false,
    createdAt: '2026-05-01T00:00:00Z',
    assets: ['a.bin', 'b c.bin'],
  };
  const file = (name: string, text: string): NewAsset => ({
    name,
    size: text.length,
    async *open() {
      yield Buffer.from(text);
    },
  });
  const releases = () => mock.at('/repos/acme/again/releases') as Thing[];

  it('shows nobody what nobody saw: what was internal becomes private', async () => {
    const sent: unknown[] = [];
    mock.made = ((before) => (path: string, thing: Thing) => {
      sent.push(thing['private']);
      before(path, thing);
    })(mock.made);
    await writer().create('acme/again', view, context);
    expect(sent[0]).toBe(true);
  });

  it('goes on with a release of which half was sent, and shows it only whole', async () => {
    await writer().create('acme/again', view, context);
    const undo = mock.intercept((request, response) => {
      if (!request.url?.includes('b+c.bin') && !request.url?.includes('b%20c.bin')) return false;
      response.socket?.destroy();
      return true;
    });
    const assets = [file('a.bin', 'first'), file('b c.bin', 'second')];
    await expect(writer().createRelease('acme/again', release, assets, context)).rejects.toMatchObject({
      refusal: { kind: 'failed' },
    });
    expect(releases()).toMatchObject([{ draft: true }]);
    expect((await writer().existing('acme/again', context)).releases.has('v1')).toBe(false);
    undo();
    // What an upload that broke off leaves at GitHub.
    (releases()[0]?.['assets'] as Thing[] | undefined)?.push({ id: 999, name: 'b.c.bin', state: 'starter', size: 0 });
    await writer().createRelease('acme/again', release, assets, context);
    expect(releases()).toMatchObject([{ draft: false, body: 'The first' }]);
    expect([...mock.uploads.values()].map(String)).toEqual(['first', 'second']);
    expect(mock.requests).toContain('DELETE /repos/acme/again/releases/assets/999');
    expect(mock.faults).toEqual([]);
  });

  it('makes no release of a tag that is not there: GitHub would make one on whatever is newest', async () => {
    await writer().create('acme/again', view, context);
    await expect(writer().createRelease('acme/again', { ...release, tag: 'v9' }, [], context)).rejects.toThrow(
      'push it first',
    );
    expect(mock.requests.some((one) => one.startsWith('POST') && one.includes('/releases'))).toBe(false);
  });

  it('sends a file of a release only to GitHub', async () => {
    await writer().create('acme/again', view, context);
    const before = mock.made;
    mock.made = (path, thing) => {
      before(path, thing);
      if (path.endsWith('/releases')) thing['upload_url'] = 'https://elsewhere.example/assets{?name}';
    };
    await expect(writer().createRelease('acme/again', release, [file('a.bin', 'x')], context)).rejects.toThrow(
      'token must not go',
    );
  });

  it('leaves the rules of an environment that is there alone', async () => {
    const variable = { name: 'NEW', value: 'x', environment: 'production' };
    await writer().createVariable('acme/app', variable, context);
    expect(mock.requests.some((one) => one.startsWith('PUT'))).toBe(false);
    expect((await writer().existing('acme/app', context)).variables.has('production/NEW')).toBe(true);
  });

  it('refuses a variable of a pattern of environments, which GitHub does not have', async () => {
    const variable = { name: 'NEW', value: 'x', environment: 'review/*' };
    await expect(writer().createVariable('acme/app', variable, context)).rejects.toThrow('pattern');
  });

  it('takes what is there already for made', async () => {
    mock.intercept((request, response) => {
      if (request.method !== 'POST' || request.url !== '/repos/acme/app/labels') return false;
      response.writeHead(422, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          message: 'Validation Failed',
          errors: [{ resource: 'Label', code: 'already_exists', field: 'name' }],
        }),
      );
      return true;
    });
    await writer().createLabel('acme/app', { name: 'Bug', color: '#ff0000', description: '' }, context);
  });

  it('assigns only those who may be assigned, and asks once for each', async () => {
    await writer().create('acme/again', view, context);
    const issue = {
      number: 1,
      title: 'One',
      body: '',
      state: 'open' as const,
      author: 'somebody',
      createdAt: '2026-05-01T00:00:00Z',
      labels: [],
      assignees: ['octocat', 'nobody'],
    };
    const one = writer();
    await one.createIssue('acme/again', issue, context);
    await one.createIssue('acme/again', issue, context);
    const made = mock.at('/repos/acme/again/issues') as Thing[];
    expect(made.map(({ assignees }) => assignees)).toEqual([['octocat'], ['octocat']]);
    expect(mock.requests.filter((request) => request.includes('/assignees/'))).toHaveLength(2);
  });

  it('writes once a second', async () => {
    clock.waited.length = 0;
    const one = writer();
    for (const body of ['a', 'b', 'c']) await one.createComment('acme/app', 1, body, context);
    expect(clock.waited).toHaveLength(2);
    for (const ms of clock.waited) expect(ms).toBeGreaterThan(500);
  });

  it('makes a repository of a user only with the token of that user', async () => {
    mock.put('/users/somebody', { login: 'somebody', type: 'User' });
    await expect(writer().create('somebody/app', view, context)).rejects.toMatchObject({
      refusal: { kind: 'denied', needs: 'to be a token of somebody' },
    });
  });
});
