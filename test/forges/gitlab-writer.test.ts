import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { ReadContext } from '../../daemon/forges/forge.ts';
import { gitlabWriter } from '../../daemon/forges/gitlab-writer.ts';
import type { RepositoryView } from '../../daemon/forges/view.ts';
import { type ForgeWriter, markOf, type NewAsset, type NewIssue } from '../../daemon/forges/writer.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITLAB_TOKEN, seededGitlab } from './gitlab-seed.ts';
import { writerContract } from './writer-contract.ts';

const PATH = 'acme/made';
const PROJECT = '/projects/acme%2Fmade';
const context: ReadContext = { signal: new AbortController().signal };

/** GitLab as it is for whoever makes things in it: what is made in one place shows in others. */
async function writable(): Promise<ApiMock> {
  const mock = await seededGitlab();
  const again = '/projects/acme%2Fagain';
  mock.put('/namespaces/acme', { id: 4, name: 'acme', path: 'acme', kind: 'group', full_path: 'acme' });
  mock.put(again, null);
  mock.intercept(({ method, url }, response) => {
    if (method !== 'GET' || url !== `/api/v4${again}` || mock.at(again) !== null) return false;
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"404 Project Not Found"}');
    return true;
  });
  mock.made = (path, thing) => {
    if (path === '/projects') {
      const web = `${mock.url}/acme/again`;
      Object.assign(thing, { path_with_namespace: 'acme/again', http_url_to_repo: `${web}.git`, web_url: web });
      mock.put(again, thing);
    }
    if (path.endsWith('/variables')) thing['environment_scope'] ??= '*';
    if (path.endsWith('/issues')) thing['state'] = 'opened';
  };
  mock.intercept(async (request, response) => {
    const { method, url = '' } = request;
    const path = decodeURI(url.replace(/^\/api\/v4/, ''));
    if (method !== 'PUT') return false;
    if (request.headers.authorization !== `Bearer ${GITLAB_TOKEN}`) return false;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const [, project = '', name = '', version = '', file = ''] =
      /^(\/projects\/[^/]+)\/packages\/generic\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (file !== '') {
      mock.uploads.set(path, bytes);
      mock.put(`${project}/packages`, [{ id: 77, name, version, package_type: 'generic' }]);
      const sha = createHash('sha256').update(bytes).digest('hex');
      const before = (mock.at(`${project}/packages/77/package_files`) ?? []) as Thing[];
      const kept = { id: before.length, file_name: file, size: bytes.length, file_sha256: sha };
      mock.put(`${project}/packages/77/package_files`, [...before, kept]);
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"message":"201 Created"}');
      return true;
    }
    // Issues and milestones change their state when they are told an event.
    const [, list = '', key = ''] = /^(.*)\/(\d+)$/.exec(path) ?? [];
    const held = ((mock.at(list) ?? []) as Thing[]).find(
      (one) => String(one['iid']) === key || String(one['id']) === key,
    );
    const told = JSON.parse(bytes.toString('utf8')) as Thing;
    Object.assign(held ?? {}, told, told['state_event'] === 'close' ? { state: 'closed' } : {});
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(held ?? {}));
    return true;
  });
  return mock;
}

writerContract('gitlab', {
  seed: writable,
  token: GITLAB_TOKEN,
  owner: 'acme',
  make: gitlabWriter,
  denied: {
    status: 403,
    body: { error: 'insufficient_scope', error_description: 'Higher privileges are required.', scope: 'api' },
    needs: 'scope api',
  },
});

const view: RepositoryView = {
  path: PATH,
  description: 'Made again',
  visibility: 'private',
  archived: false,
  defaultBranch: 'trunk',
  topics: ['web'],
  hasIssues: true,
  hasWiki: false,
};

const issue: NewIssue = {
  number: 12,
  title: 'It is broken',
  body: `${markOf('acme/app', 'issues/12')}\nBy ada`,
  state: 'open',
  author: 'ada',
  createdAt: '2026-01-02T03:04:05Z',
  labels: ['bug', 'urgent'],
  milestone: '10.0',
  assignees: ['sam'],
};

let mock: ApiMock;
let writer: ForgeWriter;

beforeEach(async () => {
  mock = await seededGitlab();
  writer = gitlabWriter({ url: mock.url, token: Secret.fromText(GITLAB_TOKEN), clock: systemClock });
  mock.put('/namespaces/acme', { id: 4, name: 'acme', path: 'acme', kind: 'group', full_path: 'acme' });
  mock.put(`${PROJECT}/milestones`, [mock.example('GET /projects/{id}/milestones')]);
  mock.put('/users', [{ id: 31, username: 'sam' }]);
});

afterEach(async () => {
  // Nothing was asked that is not published, whatever else a test looked at.
  expect(mock.faults).toEqual([]);
  await mock.stop();
});

const things = (path: string) => (mock.at(path) ?? []) as Thing[];

function answer(method: string, part: string, status: number, body: unknown, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  mock.intercept((request, response) => {
    if (left === 0 || request.method !== method || !request.url?.includes(part)) return false;
    left--;
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    return true;
  });
}

describe('a project', () => {
  it('is found by its path, and another that moved away from it is not', async () => {
    const project = mock.example('GET /groups/{id}/projects');
    mock.put(PROJECT, { ...project, path_with_namespace: 'Acme/Made', web_url: 'https://x.example/acme/made' });
    expect(await writer.find(PATH, context)).toEqual({
      cloneUrl: project['http_url_to_repo'],
      webUrl: 'https://x.example/acme/made',
    });
    mock.put(PROJECT, { ...project, path_with_namespace: 'acme/moved' });
    expect(await writer.find(PATH, context)).toBeUndefined();
    answer('GET', PROJECT, 404, { message: '404 Project Not Found' });
    expect(await writer.find(PATH, context)).toBeUndefined();
  });

  it('tells that it may not look', async () => {
    answer('GET', PROJECT, 403, { message: '403 Forbidden' });
    await expect(writer.find(PATH, context)).rejects.toMatchObject({ refusal: { kind: 'denied' } });
  });

  it('is made in its group, with what can be set', async () => {
    await writer.create(PATH, view, context);
    expect(things('/projects')).toMatchObject([
      {
        name: 'made',
        path: 'made',
        namespace_id: 4,
        visibility: 'private',
        topics: ['web'],
        wiki_access_level: 'disabled',
        issues_access_level: 'enabled',
        default_branch: 'trunk',
      },
    ]);
  });

  it('names the group that is not there', async () => {
    answer('GET', '/namespaces/', 404, { message: '404 Namespace Not Found' });
    await expect(writer.create(PATH, view, context)).rejects.toMatchObject({
      refusal: { kind: 'absent' },
      message: expect.stringContaining('the group or user acme, which must be there first'),
    });
  });
});

describe('labels, milestones and variables', () => {
  it('are made, and are there then', async () => {
    await writer.createLabel(PATH, { name: 'bug', color: 'd9534f', description: 'Wrong' }, context);
    const closed = { title: '9.0', description: '', state: 'closed', dueAt: '2026-02-03T00:00:00Z' } as const;
    await writer.createMilestone(PATH, closed, context);
    await writer.createVariable(PATH, { name: 'A', value: '1' }, context);
    await writer.createVariable(
      PATH,
      { name: 'A', value: '2', environment: 'prod', file: true, masked: true },
      context,
    );
    expect(things(`${PROJECT}/labels`)).toMatchObject([{ name: 'bug', color: '#d9534f' }]);
    expect(things(`${PROJECT}/milestones`)[1]).toMatchObject({ due_date: '2026-02-03', state_event: 'close' });
    expect(things(`${PROJECT}/variables`)[1]).toMatchObject({ variable_type: 'file', masked: true, protected: false });
    const { labels, milestones, variables } = await writer.existing(PATH, context);
    expect([...labels]).toEqual(['bug']);
    expect([...milestones]).toEqual(['10.0', '9.0']);
    expect([...variables]).toEqual(['A', 'prod/A']);
  });

  it('repeats no value in an error, and sets none that is not known', async () => {
    answer('POST', '/variables', 400, { message: { value: ['s3cret-value is too short to be masked'] } });
    const error = await writer
      .createVariable(PATH, { name: 'A', value: 's3cret-value', masked: true }, context)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('*** is too short to be masked');
    expect(String(error) + JSON.stringify(error) + (error as Error).stack).not.toContain('s3cret-value');
    await expect(writer.createVariable(PATH, { name: 'A' }, context)).rejects.toThrow('no value');
  });

  it('is asked for once only, also when the answer is lost', async () => {
    answer('POST', '/labels', 502, {});
    const label = { name: 'bug', color: 'd9534f', description: '' };
    await expect(writer.createLabel(PATH, label, context)).rejects.toMatchObject({ refusal: { kind: 'failed' } });
    expect(mock.requests.filter((one) => one.startsWith('POST'))).toHaveLength(1);
  });
});

describe('issues', () => {
  it('are made with their number, date, labels, milestone and who exists', async () => {
    expect(await writer.createIssue(PATH, issue, context)).toBe(12);
    expect(things(`${PROJECT}/issues`)).toMatchObject([
      {
        iid: 12,
        title: 'It is broken',
        created_at: '2026-01-02T03:04:05Z',
        labels: 'bug,urgent',
        milestone_id: 12,
        assignee_ids: [31],
      },
    ]);
    expect(things(`${PROJECT}/issues`)[0]?.['state_event']).toBeUndefined();
  });

  it('take the next number where theirs is taken', async () => {
    answer('POST', '/issues', 409, { message: 'Duplicated issue' }, 1);
    expect(await writer.createIssue(PATH, issue, context)).toBe(1);
    expect(mock.requests.filter((one) => one.startsWith('POST'))).toHaveLength(2);
  });

  it('are closed where they were', async () => {
    await writer.createIssue(PATH, { ...issue, state: 'closed' }, context);
    expect(things(`${PROJECT}/issues`)[0]).toMatchObject({ state_event: 'close' });
    expect(mock.requests.at(-1)).toBe(`PUT /api/v4${PROJECT}/issues/12`);
  });

  it('are known again by their mark, and so are their comments', async () => {
    const handle = await writer.createIssue(PATH, issue, context);
    const first = markOf('acme/app', 'issues/12/comments/345');
    const second = markOf('acme/app', 'issues/12/comments/346');
    await writer.createComment(PATH, handle, `${first}\nFirst`, context);
    await writer.createComment(PATH, handle, `Second\n\n${second}\n`, context);
    await writer.createComment(
      PATH,
      handle,
      `I quote:\n${markOf('acme/app', 'issues/12/comments/9')}\nso there`,
      context,
    );
    const other = { ...issue, number: 13, body: `Not made by us:\n${markOf('acme/app', 'issues/99')}\nas you see` };
    await writer.createIssue(PATH, other, context);
    const { issues } = await writer.existing(PATH, context);
    expect([...issues.keys()]).toEqual([12]);
    expect(issues.get(12)).toEqual({ handle: 12, open: true, comments: new Set([first, second]) });
  });
});

describe('releases', () => {
  const file = (name: string, content: string): NewAsset => ({
    name,
    size: content.length,
    async *open() {
      yield Buffer.from(content);
    },
  });
  const release = {
    tag: 'v1/beta..2',
    name: 'Beta',
    body: 'Notes',
    draft: false,
    prerelease: false,
    createdAt: '2026-01-01T00:00:00Z',
    assets: [],
  };

  /** Takes generic packages as GitLab does. */
  function packages(status = 201): { readonly url: string; readonly body: string; readonly length: string }[] {
    const taken: { url: string; body: string; length: string }[] = [];
    mock.intercept(async (request, response) => {
      if (request.method !== 'PUT' || !request.url?.includes('/packages/generic/')) return false;
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { 'content-length': length = '' } = request.headers;
      taken.push({ url: request.url, body: Buffer.concat(chunks).toString('utf8'), length });
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"201 Created"}');
      return true;
    });
    return taken;
  }

  it('are made with their files, which go before them', async () => {
    const taken = packages();
    await writer.createRelease(PATH, release, [file('größe.txt', 'one'), file('a b.bin', 'two')], context);
    expect(taken.map(({ body, length }) => [body, length])).toEqual([
      ['one', '3'],
      ['two', '3'],
    ]);
    const base = `/api/v4${PROJECT}/packages/generic/release-files/v1-beta.2/`;
    expect(taken.map(({ url }) => url)).toEqual([`${base}0-gr--e.txt`, `${base}1-a-b.bin`]);
    expect(things(`${PROJECT}/releases`)).toMatchObject([
      {
        tag_name: 'v1/beta..2',
        released_at: '2026-01-01T00:00:00Z',
        assets: {
          links: [
            { name: 'größe.txt', url: `${mock.url}${base}0-gr--e.txt`, link_type: 'package' },
            { name: 'a b.bin', url: `${mock.url}${base}1-a-b.bin`, link_type: 'package' },
          ],
        },
      },
    ]);
  });

  it('send a file again that is there under its name with another content', async () => {
    const mine = await writable();
    const again = gitlabWriter({ url: mine.url, token: Secret.fromText(GITLAB_TOKEN), clock: systemClock });
    const name = `${PROJECT}/packages/generic/release-files/v1-beta.2/0-a`;
    for (const [content, uploads] of [
      ['one', 1],
      ['two', 2],
      ['two', 2],
    ] as const) {
      await again.createRelease(PATH, release, [file('a', content)], context);
      expect(mine.uploads.get(name)?.toString('utf8')).toBe(content);
      expect(mine.requests.filter((one) => one.startsWith('PUT'))).toHaveLength(uploads);
    }
    await mine.stop();
  });

  it('are not made where a file is not taken', async () => {
    packages(403);
    await expect(writer.createRelease(PATH, release, [file('a', '1')], context)).rejects.toMatchObject({
      refusal: { kind: 'denied', needs: 'a token with the scope api and the role Maintainer' },
    });
    expect(things(`${PROJECT}/releases`)).toEqual([]);
  });
});

it('says who it is, and what GitLab lets nobody set', async () => {
  expect(await writer.identify(context)).toMatchObject({ login: 'reader' });
  expect(writer.limits.join('; ')).toMatch(/authors.*numbers and dates of issues, unless/);
});
