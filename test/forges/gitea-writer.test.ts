import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { giteaWriter } from '../../daemon/forges/gitea-writer.ts';
import { recreate, survey } from '../../daemon/forges/recreate.ts';
import { planRecreation, type RecreateInput } from '../../daemon/forges/recreate-plan.ts';
import { markOf, type NewAsset, type NewIssue } from '../../daemon/forges/writer.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITEA_TOKEN, seededGitea } from './gitea-seed.ts';
import { writerContract } from './writer-contract.ts';

const PATH = 'acme/app';
const AT = '/repos/acme/app';
const issue: NewIssue = {
  number: 12,
  title: 'It fails',
  body: `${markOf('old/app', 'issues/12')}\nIt does.`,
  state: 'open',
  author: 'ada',
  createdAt: '2026-01-01T00:00:00Z',
  labels: ['bug', 'everywhere'],
  milestone: '1.0',
  assignees: [],
};

/** Gitea as it is for whoever makes things in it: what is made in one place shows in others. */
async function writable() {
  const mock = await seededGitea();
  const repositories = new Set(['/repos/acme/app']);
  mock.intercept((request, response) => {
    const at = /^\/api\/v1(\/repos\/[^/]+\/[^/?]+)/.exec(request.url ?? '')?.[1];
    if (at === undefined || repositories.has(at)) return false;
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not found"}');
    return true;
  });
  mock.made = (path, thing) => {
    const at = '/repos/acme/again';
    const listed = (list: string, one: Thing) => (mock.at(`${at}${list}`) as Thing[]).push(one);
    if (path === '/orgs/acme/repos') {
      repositories.add(at);
      Object.assign(thing, { full_name: 'acme/again', clone_url: `${mock.url}/acme/again.git` });
      mock.put(at, thing);
      for (const list of ['/issues', '/issues/comments', '/releases', '/actions/variables'])
        mock.put(`${at}${list}`, []);
    }
    if (/\/issues$/.test(path))
      Object.assign(thing, { pull_request: null, state: thing['closed'] ? 'closed' : 'open' });
    if (/\/issues\/\d+\/comments$/.test(path)) listed('/issues/comments', thing);
    const variable = /\/actions\/variables\/(\w+)$/.exec(path)?.[1];
    if (variable !== undefined) listed('/actions/variables', { name: variable, data: thing['value'] ?? '' });
    if (/\/releases$/.test(path)) thing['assets'] = [];
    const [, releases, id] = /^(.*\/releases)\/(\d+)\/assets$/.exec(path) ?? [];
    if (releases !== undefined) {
      const release = (mock.at(releases) as Thing[]).find((one) => String(one['id']) === id);
      (release?.['assets'] as Thing[] | undefined)?.push(thing);
    }
  };
  return mock;
}

writerContract('gitea', {
  seed: writable,
  token: GITEA_TOKEN,
  owner: 'acme',
  make: giteaWriter,
  withoutEnvironments: true,
  denied: {
    status: 403,
    body: { message: 'token does not have at least one of required scope(s): [write:issue]' },
    needs: 'write:issue',
  },
});

describe('writer of gitea', () => {
  const context = { signal: new AbortController().signal };
  let mock: ApiMock;
  let bodies: [string, Thing][];
  beforeEach(async () => {
    mock = await seededGitea();
    bodies = [];
    mock.made = (path, thing) => {
      bodies.push([path, structuredClone(thing)]);
      if (path === `${AT}/issues`) thing['pull_request'] = null;
    };
    mock.put(AT, { full_name: PATH, clone_url: `${mock.url}/acme/app.git`, html_url: `${mock.url}/acme/app` });
    mock.put(`${AT}/issues`, []);
    mock.put(`${AT}/issues/comments`, []);
  });
  afterEach(async () => {
    expect(mock.faults).toEqual([]);
    await mock.stop();
  });
  const make = () => giteaWriter({ url: mock.url, token: Secret.fromText(GITEA_TOKEN), clock: systemClock });
  const bodyOf = (path: string) => bodies.find(([at]) => at === path)?.[1];
  const requests = (part: string) => mock.requests.filter((one) => one.includes(part));

  it('finds what is there, and neither what is not nor what has moved away', async () => {
    expect(await make().find(PATH, context)).toEqual({
      cloneUrl: `${mock.url}/acme/app.git`,
      webUrl: `${mock.url}/acme/app`,
    });
    mock.put('/repos/acme/was', { full_name: 'acme/is', clone_url: 'x', html_url: 'x' });
    expect(await make().find('acme/was', context)).toBeUndefined();
    mock.intercept((_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not found"}');
      return true;
    });
    expect(await make().find('acme/none', context)).toBeUndefined();
  });

  it('makes a repository for an organisation, and for its own user', async () => {
    const view = {
      path: PATH,
      description: 'An app',
      visibility: 'internal' as const,
      archived: false,
      defaultBranch: 'trunk',
      topics: ['one'],
      homepage: 'https://app.example',
      hasIssues: true,
      hasWiki: false,
    };
    await make().create('acme/new', view, context);
    expect(bodyOf('/orgs/acme/repos')).toMatchObject({ name: 'new', private: true, default_branch: 'trunk' });
    expect(requests('PATCH')).toEqual(['PATCH /api/v1/repos/acme/new']);
    await make().create('reader/new', { ...view, topics: [] }, context);
    expect(bodyOf('/user/repos')).toMatchObject({ name: 'new' });
  });

  it('makes an issue with numbers of labels and milestone, its comment, and closes it; and finds them again by their marks', async () => {
    const writer = make();
    const handle = await writer.createIssue(PATH, issue, context);
    expect(bodyOf(`${AT}/issues`)).toMatchObject({ title: 'It fails', labels: [1, 9], milestone: 1, closed: false });
    const mark = markOf('old/app', 'issues/12/comments/5');
    await writer.createComment(PATH, handle, `${mark}\nSo it does.`, context);
    await writer.closeIssue(PATH, handle, context);
    // As the forge does: comments of all issues in one list.
    mock.put(`${AT}/issues/comments`, mock.at(`${AT}/issues/${handle}/comments`) ?? []);
    const { issues } = await make().existing(PATH, context);
    expect([...issues]).toEqual([[12, { handle, open: false, comments: new Set([mark]) }]]);
  });

  it('knows a mark only where a text begins with it or ends in it', async () => {
    await make().createIssue(PATH, { ...issue, body: `Look:\n${markOf('old/app', 'issues/12')}\nthere` }, context);
    expect((await make().existing(PATH, context)).issues.size).toBe(0);
  });

  it('says what is there: labels of the organisation too, tags, titles and names of variables', async () => {
    const existing = await make().existing(PATH, context);
    expect(existing).toMatchObject({
      labels: new Set(['bug', 'later', 'everywhere']),
      milestones: new Set(['1.0']),
      releases: new Set(['v1.0.0']),
      variables: new Set(['REGION']),
    });
    expect(JSON.stringify([...existing.variables])).not.toContain('recognisable');
  });

  it('asks for labels again when one was made', async () => {
    const writer = make();
    await writer.createIssue(PATH, { ...issue, labels: ['bug'] }, context);
    await writer.createLabel(PATH, { name: 'new', color: '00ff00', description: '' }, context);
    await writer.createIssue(PATH, { ...issue, labels: ['new'] }, context);
    const made = (mock.at(`${AT}/labels`) as Thing[]).find((one) => one['name'] === 'new');
    expect(made).toMatchObject({ color: '#00ff00' });
    expect(bodies.findLast(([at]) => at === `${AT}/issues`)?.[1]).toMatchObject({ labels: [made?.['id']] });
  });

  it('makes milestones with a date or a time, closed ones too', async () => {
    await make().createMilestone(
      PATH,
      { title: '2.0', description: '', state: 'closed', dueAt: '2026-12-01' },
      context,
    );
    expect(bodyOf(`${AT}/milestones`)).toMatchObject({ state: 'closed', due_on: '2026-12-01T00:00:00Z' });
  });

  describe('a release', () => {
    let uploads: string[];
    const asset = (name: string): NewAsset => ({
      name,
      size: 5,
      async *open() {
        yield Buffer.from('bytes');
      },
    });
    const release = {
      tag: 'v2',
      name: 'Two',
      body: 'New',
      draft: false,
      prerelease: false,
      createdAt: '2026-01-01T00:00:00Z',
      assets: ['a', 'b'],
    };
    const held = () => (mock.at(`${AT}/releases`) as Thing[]).find((one) => one['tag_name'] === 'v2');
    let failing: string | undefined;
    beforeEach(() => {
      uploads = [];
      failing = undefined;
      mock.intercept(async (request, response) => {
        const url = new URL(request.url ?? '', mock.url);
        if (request.method !== 'POST' || !url.pathname.endsWith('/assets')) return false;
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const name = url.searchParams.get('name') ?? '';
        if (name === failing) {
          response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"disk full"}');
          return true;
        }
        uploads.push(`${name}=${Buffer.concat(chunks)} ${request.headers['content-length']}`);
        const release = held();
        if (release !== undefined) release['assets'] = [...((release['assets'] as Thing[]) ?? []), { name }];
        response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":1}');
        return true;
      });
      mock.made = (path, thing) => {
        if (path === `${AT}/releases`) thing['assets'] = [];
      };
    });

    it('is published when its last file is there', async () => {
      await make().createRelease(PATH, release, [asset('a'), asset('b')], context);
      expect(uploads).toEqual(['a=bytes 5', 'b=bytes 5']);
      expect(held()).toMatchObject({ draft: false, body: 'New', name: 'Two' });
      expect((await make().existing(PATH, context)).releases).toContain('v2');
    });

    it('that was begun is none yet, and is gone on with', async () => {
      failing = 'b';
      await expect(make().createRelease(PATH, release, [asset('a'), asset('b')], context)).rejects.toThrow('500');
      expect(held()).toMatchObject({ draft: true });
      expect((await make().existing(PATH, context)).releases).not.toContain('v2');
      failing = undefined;
      await make().createRelease(PATH, release, [asset('a'), asset('b')], context);
      expect(uploads).toEqual(['a=bytes 5', 'b=bytes 5']);
      expect((mock.at(`${AT}/releases`) as Thing[]).filter((one) => one['tag_name'] === 'v2')).toHaveLength(1);
      expect(held()).toMatchObject({ draft: false, body: 'New' });
    });
  });

  it('makes a variable, and refuses one that belongs to an environment or has no value', async () => {
    await make().createVariable(PATH, { name: 'URL', value: 'https://x' }, context);
    expect(bodyOf(`${AT}/actions/variables/URL`)).toMatchObject({ value: 'https://x' });
    await expect(
      make().createVariable(PATH, { name: 'URL', value: 'secret-value', environment: 'production' }, context),
    ).rejects.toThrow('no environments');
    await expect(make().createVariable(PATH, { name: 'KEY' }, context)).rejects.toThrow('no value');
  });

  it('refuses a path that Gitea does not have', async () => {
    await expect(make().find('group/subgroup/app', context)).rejects.toThrow('no groups within groups');
  });

  it('names the scope a token lacks, and never tells the token', async () => {
    mock.intercept((_, response) => {
      response
        .writeHead(403, { 'content-type': 'application/json' })
        .end('{"message":"token does not have at least one of required scope(s): [write:issue]"}');
      return true;
    });
    const error = await make()
      .createComment(PATH, 1, 'x', context)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ refusal: { kind: 'denied', needs: 'the scope write:issue' } });
    expect(String((error as Error).stack)).not.toContain(GITEA_TOKEN);
  });

  it('makes a repository out of a snapshot once, and nothing the second time', async () => {
    for (const list of ['/labels', '/milestones', '/releases', '/actions/variables']) mock.put(`${AT}${list}`, []);
    const record = mock.made;
    mock.made = (path, thing) => {
      record(path, thing);
      const name = /\/actions\/variables\/(\w+)$/.exec(path)?.[1];
      if (name !== undefined)
        (mock.at(`${AT}/actions/variables`) as Thing[]).push({ name, data: thing['value'] ?? '' });
      if (/\/issues\/\d+\/comments$/.test(path)) (mock.at(`${AT}/issues/comments`) as Thing[]).push(thing);
    };
    const said = { author: 'grace', createdAt: '2026-01-02T00:00:00Z' };
    const input: RecreateInput = {
      repository: {
        path: 'old/app',
        description: '',
        visibility: 'private',
        archived: false,
        topics: [],
        hasIssues: true,
        hasWiki: false,
      },
      refs: [],
      labels: [{ name: 'bug', color: 'ff0000', description: '' }],
      milestones: [{ title: '1.0', description: '', state: 'open' }],
      issues: [
        { ...issue, body: 'It does.', state: 'closed', url: '', comments: [{ id: '5', body: 'So it does.', ...said }] },
        {
          ...issue,
          number: 13,
          url: '',
          comments: [
            { id: '6', body: 'One', ...said },
            { id: '7', body: 'Two', ...said },
          ],
        },
      ],
      releases: [
        {
          release: { tag: 'v2', name: '', body: '', draft: true, prerelease: false, createdAt: '', assets: [] },
          assets: [],
        },
      ],
      variables: [{ name: 'URL', value: 'https://x' }],
      others: {},
    };
    const run = async () => {
      const writer = make();
      const plan = planRecreation(input, PATH, writer.kind, await survey(writer, PATH, context));
      return recreate(plan, { writer, input, push: async () => [], context });
    };
    const first = await run();
    expect(first.failed).toEqual([]);
    expect(first.made).toEqual([
      'label bug',
      'milestone 1.0',
      'issue 12 as 1',
      'issue 13 as 2',
      'release v2',
      'variable URL',
    ]);
    expect((mock.at(`${AT}/issues`) as Thing[]).map(({ state }) => state)).toEqual(['closed', 'open']);
    const before = mock.requests.length;
    const second = await run();
    expect(second).toMatchObject({ made: [], failed: [] });
    expect(mock.requests.slice(before).filter((request) => !request.startsWith('GET'))).toEqual([]);
  });
});
