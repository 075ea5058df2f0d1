import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Asset, Document, Forge, Page, Repository } from '../../daemon/forges/forge.ts';
import { giteaForge } from '../../daemon/forges/gitea.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { forgeContract } from './contract.ts';
import { GITEA_TOKEN, seededGitea } from './gitea-seed.ts';

forgeContract('gitea', {
  seed: () => seededGitea(),
  token: GITEA_TOKEN,
  owner: 'acme',
  path: 'acme/app',
  make: giteaForge,
  without: ['environments', 'rulesets', 'projects'],
  secret: ['variables', 'webhooks'],
  denied: {
    status: 403,
    body: { message: 'token does not have at least one of required scope(s): [read:repository]' },
    needs: 'read:repository',
  },
  touch(mock) {
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    Object.assign(issues[1] ?? {}, { title: 'Touched', updated_at: mock.tick() });
  },
});

describe('gitea', () => {
  const context = { signal: new AbortController().signal };
  let mock: ApiMock;
  let cache: string;
  beforeEach(async () => {
    mock = await seededGitea();
    cache = mkdtempSync(join(tmpdir(), 'pc-gitea-'));
  });
  afterEach(async () => {
    await mock.stop();
    rmSync(cache, { recursive: true, force: true });
  });
  const make = (owner = 'acme') =>
    giteaForge({ url: mock.url, owner, token: Secret.fromText(GITEA_TOKEN), cache, clock: systemClock });
  async function app(forge: Forge): Promise<Repository> {
    for await (const page of forge.repositories(context))
      for (const repository of page) if (repository.path === 'acme/app') return repository;
    throw new Error('acme/app was not found');
  }
  async function pages(forge: Forge, name: string, cursor?: string, most = Number.POSITIVE_INFINITY): Promise<Page[]> {
    const collection = forge.ofRepository.find((one) => one.name === name);
    const all: Page[] = [];
    for await (const page of collection?.read(await app(forge), cursor, context) ?? []) {
      all.push(page);
      if (all.length >= most) break;
    }
    return all;
  }
  const documents = (all: readonly Page[]): Document[] => all.flatMap((page) => [...page.documents]);
  const lastCursor = (all: readonly Page[]) => all.findLast((page) => page.cursor !== undefined)?.cursor;
  const refuse = (part: string, status: number, message: string) =>
    mock.intercept((request, response) => {
      if (!request.url?.split('?')[0]?.endsWith(part)) return false;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
      return true;
    });
  const many = (count: number) => {
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    const [first] = issues.slice(1);
    for (let number = 10; number < 10 + count; number += 1)
      issues.push({ ...first, id: number, number, updated_at: mock.tick() });
  };
  async function bytesOf(asset: Asset | undefined): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of asset?.open(context) ?? []) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  it.each([
    ['token does not have at least one of required scope(s): [read:issue]', 'the scope read:issue'],
    [
      'token does not have at least one of required scope(s), required=[read:issue read:repository], token scope=read:user',
      'the scope read:issue or read:repository',
    ],
    ['user should be the owner of the repo', 'rights it does not have (user should be the owner of the repo)'],
  ])('reads from a refusal what is missing: %s', async (message, needs) => {
    refuse('/issues', 403, message);
    await expect(pages(make(), 'issues')).rejects.toMatchObject({ refusal: { kind: 'denied', needs } });
  });

  it('goes on without knowing whose token it is, and without knowing whether the owner is an organisation', async () => {
    refuse('/user', 403, 'token does not have at least one of required scope(s): [read:user]');
    refuse('/orgs/acme', 403, 'token does not have at least one of required scope(s): [read:organization]');
    mock.put('/users/acme/repos', mock.at('/orgs/acme/repos') ?? []);
    const forge = make();
    expect((await forge.identify(context)).login).toContain('read:user');
    expect((await app(forge)).path).toBe('acme/app');
    const teams = forge.ofOwner.find(({ name }) => name === 'teams');
    const reading = async () => {
      for await (const _ of teams?.read(undefined, undefined, context) ?? []);
    };
    await expect(reading()).rejects.toMatchObject({
      refusal: { kind: 'denied', needs: 'the scope read:organization' },
    });
  });

  it('reads what a user has: repositories, and of its own what is its own', async () => {
    refuse('/orgs/reader', 404, 'not found');
    mock.put('/users/reader', { login: 'reader' });
    mock.put('/users/reader/repos', mock.at('/orgs/acme/repos') ?? []);
    mock.put('/user/actions/variables', [{ name: 'MINE', data: 'x' }]);
    const forge = make('reader');
    expect((await app(forge)).path).toBe('acme/app');
    const variables = forge.ofOwner.find(({ name }) => name === 'variables');
    const keys: string[] = [];
    for await (const page of variables?.read(undefined, undefined, context) ?? [])
      keys.push(...page.documents.map(({ key }) => key));
    expect(keys).toEqual(['MINE']);
  });

  it('says so where there is neither an organisation nor a user', async () => {
    refuse('/orgs/nobody', 404, 'not found');
    refuse('/users/nobody', 404, 'not found');
    await expect(app(make('nobody'))).rejects.toMatchObject({ refusal: { kind: 'absent' } });
  });

  it('follows a list whose links name another address than it was asked at', async () => {
    many(120);
    const read = await pages(make(), 'issues');
    expect(new Set(documents(read).map(({ key }) => key)).size).toBe(122);
    expect(mock.requests.filter((request) => request.includes('type=issues'))).toHaveLength(3);
  });

  it('goes on in the middle of a list after a kill, and next time with what has changed', async () => {
    many(120);
    const forge = make();
    const before = await pages(forge, 'issues', undefined, 2);
    const after = await pages(make(), 'issues', lastCursor(before));
    const keys = new Set([...documents(before), ...documents(after)].map(({ key }) => key));
    expect(keys.size).toBe(122);
    expect(documents(after).length).toBeLessThan(122);
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    Object.assign(issues[1] ?? {}, { title: 'Touched', updated_at: mock.tick() });
    const next = documents(await pages(make(), 'issues', lastCursor(after)));
    expect(next.length).toBeLessThan(5);
    expect(JSON.stringify(next)).toContain('Touched');
  });

  it('starts the next run not later than where this one began', async () => {
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    Object.assign(issues[1] ?? {}, { updated_at: '2999-01-01T00:00:00+02:00' });
    const { since } = JSON.parse(lastCursor(await pages(make(), 'issues')) ?? '{}') as { since: string };
    expect(since < '2900').toBe(true);
  });

  it('tells an issue that cannot be read whole, reads the rest, and asks for it again until it can', async () => {
    const undo = refuse('/issues/1/comments', 422, 'no such thing');
    const first = await pages(make(), 'issues');
    expect(documents(first).map(({ key }) => key)).toEqual(['2']);
    expect(first.flatMap((page) => page.problems ?? [])).toEqual([expect.stringMatching(/^1: .*no such thing/)]);
    const at = (mock.at('/repos/acme/app/issues') as Thing[]).find((one) => one['number'] === 1) ?? {};
    mock.put('/repos/acme/app/issues/1', at);
    const second = await pages(make(), 'issues', lastCursor(first));
    expect(second.flatMap((page) => page.problems ?? [])).toHaveLength(1);
    undo();
    const third = await pages(make(), 'issues', lastCursor(second));
    expect(documents(third).map(({ key }) => key)).toContain('1');
    expect(third.flatMap((page) => page.problems ?? [])).toEqual([]);
    expect(lastCursor(third)).not.toContain('again');
  });

  it('forgets one that was deleted before it could be read', async () => {
    refuse('/issues/1', 404, 'not found');
    const read = await pages(make(), 'issues', '{"again":["1"]}');
    expect(read.flatMap((page) => page.problems ?? [])).toEqual([]);
    expect(lastCursor(read)).not.toContain('again');
  });

  it('takes a forge that fails with everything for one that is down', async () => {
    many(60);
    for (const one of mock.at('/repos/acme/app/issues') as Thing[]) one['comments'] = 1;
    refuse('/comments', 422, 'everything is broken');
    await expect(pages(make(), 'issues')).rejects.toThrow('everything is broken');
  });

  it('has comments, reviews, review comments and files with an issue or a pull request', async () => {
    const issue = documents(await pages(make(), 'issues')).find(({ key }) => key === '1');
    expect(issue?.object['comments']).toMatchObject([{ body: 'First' }, { body: 'Second' }]);
    expect(issue?.assets?.map(({ name }) => name)).toEqual(['21-screen.png']);
    const [pull] = documents(await pages(make(), 'pulls'));
    expect(pull?.object).toMatchObject({
      pull: { number: 3 },
      reviews: [{ state: 'APPROVED', comments: [{ path: 'src/main.ts' }] }],
      comments: [{ body: 'On the change' }],
    });
  });

  it('fetches files at the address it was given, with its token, and no links to elsewhere', async () => {
    mock.intercept((request, response) => {
      if (!request.url?.includes('/releases/download/')) return false;
      response.writeHead(request.headers.authorization === `token ${GITEA_TOKEN}` ? 200 : 404).end('bytes');
      return true;
    });
    const [release] = documents(await pages(make(), 'releases'));
    expect(release?.assets?.map(({ name }) => name)).toEqual(['app.tar.gz']);
    expect(await bytesOf(release?.assets?.[0])).toBe('bytes');
  });

  it('reads runs again until they have ended, and tasks where the forge has no runs', async () => {
    const { workflow_runs: runs } = mock.at('/repos/acme/app/actions/runs') as { workflow_runs: Thing[] };
    runs.unshift({ id: 79, status: 'completed' });
    const first = await pages(make(), 'runs');
    expect(documents(first).map(({ key }) => key)).toEqual(['79', '78', '77']);
    Object.assign(runs[1] ?? {}, { status: 'failure' });
    const second = await pages(make(), 'runs', lastCursor(first));
    expect(documents(second).map(({ key }) => key)).toEqual(['79', '78']);
    expect(documents(await pages(make(), 'runs', lastCursor(second))).map(({ key }) => key)).toEqual(['79']);
    refuse('/actions/runs', 404, 'not found');
    mock.put('/repos/acme/app/actions/tasks', { total_count: 1, workflow_runs: [{ id: 5, status: 'success' }] });
    expect(documents(await pages(make(), 'runs')).map(({ key }) => key)).toEqual(['5']);
  });

  it('keeps collaborators also where it is not told what they may do', async () => {
    refuse('/permission', 403, 'Only admins can query all permissions, repo admins can query all repo permissions');
    const read = await pages(make(), 'members');
    expect(documents(read).map(({ key }) => key)).toEqual(['ada']);
    expect(read.flatMap((page) => page.problems ?? [])).toEqual([expect.stringContaining('repo admins')]);
  });

  it('takes what is switched off for what it is', async () => {
    refuse('/actions/variables', 404, 'not found');
    await expect(pages(make(), 'variables')).rejects.toMatchObject({ refusal: { kind: 'disabled' } });
  });

  it('keeps no answer with a webhook on disk', async () => {
    await pages(make(), 'webhooks');
    await pages(make(), 'labels');
    const kept = readdirSync(cache).map((file) => readFileSync(join(cache, file), 'utf8'));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.join('')).not.toContain('hook-secret');
  });
});
