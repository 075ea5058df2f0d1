import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Document, Forge, Page, ReadContext, Repository } from '../../daemon/forges/forge.ts';
import { gitlabForge } from '../../daemon/forges/gitlab.ts';
import { type Ask, GitlabApi } from '../../daemon/forges/gitlab-api.ts';
import { changes, pages } from '../../daemon/forges/gitlab-pages.ts';
import type { ForgeOptions } from '../../daemon/forges/options.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITLAB_TOKEN, seededGitlab } from './gitlab-seed.ts';
import { ImpatientClock } from './impatient-clock.ts';

let mock: ApiMock;
let cache: string;
const context: ReadContext = { signal: new AbortController().signal };
const ask: Ask = { context, what: 'issues of acme/app', needs: 'a token with the scope read_api and the role Guest' };

beforeEach(async () => {
  mock = await seededGitlab();
  cache = mkdtempSync(join(tmpdir(), 'pc-gitlab-'));
});

afterEach(async () => {
  await mock.stop();
  rmSync(cache, { recursive: true, force: true });
});

function make(more: Partial<ForgeOptions> = {}): Forge {
  const token = Secret.fromText(GITLAB_TOKEN);
  return gitlabForge({ url: mock.url, owner: 'acme', token, cache, clock: new ImpatientClock(), ...more });
}

function api(): GitlabApi {
  return new GitlabApi({ url: mock.url, token: Secret.fromText(GITLAB_TOKEN), clock: new ImpatientClock() });
}

/** Answers requests whose address contains `part`. */
function answer(part: string, status: number, body: unknown, headers: Record<string, string> = {}): () => void {
  return mock.intercept(({ url = '' }, response) => {
    if (!url.includes(part)) return false;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    return true;
  });
}

async function repositories(forge: Forge): Promise<Repository[]> {
  const all: Repository[] = [];
  for await (const page of forge.repositories(context)) all.push(...page);
  return all;
}

async function app(forge: Forge): Promise<Repository> {
  const found = (await repositories(forge)).find(({ path }) => path === 'acme/app');
  if (found === undefined) throw new Error('acme/app was not found');
  return found;
}

interface Got {
  readonly documents: Document[];
  readonly cursor: string | undefined;
  readonly problems: string[];
  readonly error: unknown;
}

async function drain(read: AsyncIterable<Page>): Promise<Got> {
  const documents: Document[] = [];
  const problems: string[] = [];
  let cursor: string | undefined;
  try {
    for await (const page of read) {
      documents.push(...page.documents);
      problems.push(...(page.problems ?? []));
      cursor = page.cursor ?? cursor;
    }
  } catch (error) {
    return { documents, cursor, problems, error };
  }
  return { documents, cursor, problems, error: undefined };
}

async function read(name: string, cursor?: string, forge = make()): Promise<Got> {
  const repository = await app(forge);
  const collection = forge.ofRepository.find((one) => one.name === name);
  if (collection === undefined) throw new Error(`there is no ${name}`);
  return drain(collection.read(repository, cursor, context));
}

function readOwner(name: string, forge = make()): Promise<Got> {
  const collection = forge.ofOwner.find((one) => one.name === name);
  if (collection === undefined) throw new Error(`there is no ${name}`);
  return drain(collection.read(undefined, undefined, context));
}

const keys = ({ documents }: Got) => documents.map(({ key }) => key);

describe('groups and users', () => {
  it('finds the projects of groups within, archived and empty ones too', async () => {
    const found = await repositories(make());
    expect(found.map(({ path, archived }) => [path, archived])).toEqual([
      ['acme/app', false],
      ['acme/inner/empty', false],
      ['acme/old', true],
    ]);
  });

  it('keeps what each group within has under its path', async () => {
    expect(keys(await readOwner('variables'))).toEqual(['SHARED', 'acme/inner:SHARED']);
    expect(keys(await readOwner('members'))).toEqual(['raymond_smith', 'acme/inner:raymond_smith']);
    expect(keys(await readOwner('settings'))).toEqual(['group', 'acme/inner:group']);
    expect(keys(await readOwner('teams'))).toEqual(['audit']);
  });

  it('looks for a user where there is no such group, and says what a user has not', async () => {
    answer('/groups/sam', 404, { message: '404 Group Not Found' });
    mock.put('/users', [{ id: 7, username: 'sam' }]);
    mock.put('/users/7/projects', mock.at('/groups/4/projects') ?? []);
    const forge = make({ owner: 'sam' });
    expect(await repositories(forge)).toHaveLength(3);
    expect(await readOwner('variables', forge)).toMatchObject({ error: { refusal: { kind: 'disabled' } } });
    expect(keys(await readOwner('settings', forge))).toEqual(['user']);
  });

  it('says that there is neither', async () => {
    answer('/groups/nobody', 404, { message: '404 Group Not Found' });
    await expect(repositories(make({ owner: 'nobody' }))).rejects.toMatchObject({ refusal: { kind: 'absent' } });
  });

  it('looks again after a failure', async () => {
    const forge = make();
    const undo = answer('/groups/acme', 403, { message: '403 Forbidden' });
    await expect(repositories(forge)).rejects.toMatchObject({ refusal: { kind: 'denied' } });
    undo();
    expect(await repositories(forge)).toHaveLength(3);
  });

  it('has a wiki where the project has one', async () => {
    const [first] = mock.at('/groups/4/projects') as Thing[];
    Object.assign(first ?? {}, { wiki_enabled: true, wiki_access_level: 'private' });
    expect((await app(make())).wikiUrl).toBe(`${mock.url}/acme/app.wiki.git`);
    Object.assign(first ?? {}, { wiki_access_level: 'disabled' });
    expect((await app(make())).wikiUrl).toBeUndefined();
  });

  it('keeps no registration token of runners', async () => {
    const forge = make();
    const all: unknown[] = [await repositories(forge)];
    for (const name of ['settings', 'teams']) all.push((await readOwner(name, forge)).documents);
    for (const name of ['settings', 'workflows', 'teams']) all.push((await read(name, undefined, forge)).documents);
    expect(JSON.stringify(all)).toContain('acme/app');
    expect(JSON.stringify(all)).not.toContain('recognisable-runner');
  });
});

describe('what a project has', () => {
  it.each([
    ['issues', ['1', '2', '3']],
    ['pulls', ['1']],
    ['labels', ['bug']],
    ['milestones', ['3']],
    ['releases', ['v0.1']],
    ['workflows', ['ci', 'schedule 13']],
    ['runs', ['47']],
    ['environments', ['review/fix-foo']],
    ['variables', ['REGION', 'review/*/REGION', 'HIDDEN']],
    ['secrets', ['myfile.jks']],
    ['protection', ['branch/release/*', 'tag/release-1-0', 'approval rule/1', 'approvals']],
    ['rulesets', ['push']],
    ['webhooks', ['1']],
    ['keys', ['deploy key 1', 'deploy token 1']],
    ['members', ['raymond_smith']],
    ['teams', ['friends']],
    ['projects', ['board 1']],
    ['packages', ['package 1', 'container 2']],
    ['settings', ['project']],
  ])('%s', async (name, expected) => {
    const got = await read(name);
    expect(got.error).toBeUndefined();
    expect(keys(got)).toEqual(expected);
    expect(mock.faults).toEqual([]);
  });

  it('keeps what belongs to an issue, a merge request, a pipeline and a schedule within', async () => {
    const [first] = (await read('issues')).documents;
    expect(first?.object).toMatchObject({ issue: { iid: 1 }, discussions: [{}, {}], links: [{ iid: 14 }] });
    const [request] = (await read('pulls')).documents;
    expect(request?.object).toMatchObject({
      merge_request: { diff_refs: {} },
      discussions: [{}],
      approvals: { approved: true },
      reviewers: [{ state: 'approved' }],
    });
    const [run] = (await read('runs')).documents;
    expect(run?.object).toMatchObject({ pipeline: { duration: 34 }, jobs: [{ name: 'teaspoon' }], bridges: [] });
    const schedule = (await read('workflows')).documents.at(-1);
    expect(schedule?.object).toMatchObject({ cron: '* * * * *', variables: [{ key: 'TEST_VARIABLE_1' }] });
  });

  it('gives the value of a variable, and of a hidden one that there is none', async () => {
    const { documents } = await read('variables');
    expect(documents.map(({ object }) => object['value'])).toEqual([
      'eu-central-1-recognisable',
      'us-east-1-recognisable',
      null,
    ]);
  });

  it('reads the content of secure files', async () => {
    mock.intercept(({ url = '' }, response) => {
      if (!url.endsWith('/secure_files/1/download')) return false;
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end('keystore');
      return true;
    });
    const [file] = (await read('secrets')).documents;
    expect(await bytes(file)).toBe('keystore');
  });
});

async function bytes(document: Document | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of document?.assets?.[0]?.open(context) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('files of releases', () => {
  it('reads those GitLab keeps, wherever it sends for them, and leaves the token behind', async () => {
    const seen: (string | undefined)[] = [];
    const storage = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('a package');
    });
    await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
    const there = `http://127.0.0.1:${(storage.address() as AddressInfo).port}/object`;
    const file = '/projects/9/packages/generic/app/1.0/app.tgz';
    const [release] = mock.at('/projects/9/releases') as Thing[];
    Object.assign(release ?? {}, {
      _links: { self: `${mock.url}/acme/app/-/releases/v0.1` },
      assets: {
        links: [
          { id: 1, name: 'app.tgz', url: `${mock.url}/api/v4${file}` },
          { id: 2, name: 'elsewhere.tgz', url: 'https://elsewhere.example/app.tgz' },
          // The same path on another GitLab is another project's.
          { id: 3, name: 'other.tgz', url: `https://elsewhere.example/api/v4${file}` },
        ],
      },
    });
    mock.intercept(({ url = '' }, response) => {
      if (url !== `/api/v4${file}`) return false;
      response.writeHead(302, { location: there }).end();
      return true;
    });
    const [document] = (await read('releases')).documents;
    expect(document?.assets?.map(({ name }) => name)).toEqual(['app.tgz']);
    // The storage of a real GitLab is another host over https; over http nothing leaves the forge.
    await expect(bytes(document)).rejects.toMatchObject({ refusal: { kind: 'failed' } });
    mock.intercept(({ url = '' }, response) => {
      if (url !== `/api/v4${file}`) return false;
      response.writeHead(200).end('a package');
      return true;
    });
    expect(await bytes(document)).toBe('a package');
    expect(seen).toEqual([]);
    storage.close();
  });
});

describe('refusals', () => {
  it('takes what an edition lacks for no loss', async () => {
    for (const part of ['protected_environments', 'approval_rules', '/approvals', 'push_rule'])
      answer(`/projects/9/${part}`.replace('//', '/'), 404, { message: '404 Not Found' });
    const protection = await read('protection');
    expect(protection.error).toBeUndefined();
    expect(keys(protection)).toEqual(['branch/release/*', 'tag/release-1-0']);
    expect(await read('rulesets')).toMatchObject({ documents: [], error: { refusal: { kind: 'disabled' } } });
  });

  it('gives the rest of a collection of which a part is denied, and then tells', async () => {
    answer('/projects/9/protected_branches', 403, { message: '403 Forbidden' });
    const got = await read('protection');
    expect(keys(got)).toEqual(['tag/release-1-0', 'approval rule/1', 'approvals']);
    expect(got.error).toMatchObject({
      refusal: { kind: 'denied', needs: 'a token with the scope read_api and the role Maintainer' },
      message: expect.stringContaining('protected branches of acme/app'),
    });
  });

  it('tells a project that has gone from a feature that is not there', async () => {
    answer('/projects/9/push_rule', 404, { message: '404 Project Not Found' });
    expect(await read('rulesets')).toMatchObject({ error: { refusal: { kind: 'absent' } } });
  });

  it('takes push rules that nobody has set for none', async () => {
    answer('/projects/9/push_rule', 200, null);
    expect(await read('rulesets')).toMatchObject({ documents: [], error: undefined });
  });

  it.each([
    ['issues', 'issues_access_level'],
    ['pulls', 'merge_requests_access_level'],
    ['runs', 'builds_access_level'],
    ['workflows', 'builds_access_level'],
    ['releases', 'releases_access_level'],
    ['environments', 'environments_access_level'],
    ['projects', 'issues_access_level'],
  ])('does not ask for %s that are switched off', async (name, level) => {
    Object.assign((mock.at('/groups/4/projects') as Thing[])[0] ?? {}, { [level]: 'disabled' });
    const forge = make();
    const before = (await app(forge)) && mock.requests.length;
    expect(await read(name, undefined, forge)).toMatchObject({ error: { refusal: { kind: 'disabled' } } });
    // The list of projects, and nothing else.
    expect(mock.requests.length).toBe(before + 1);
  });

  it('takes variables that are denied where CI/CD is switched off for switched off', async () => {
    answer('/projects/9/variables', 403, { message: '403 Forbidden' });
    expect(await read('variables')).toMatchObject({ error: { refusal: { kind: 'denied' } } });
    Object.assign((mock.at('/groups/4/projects') as Thing[])[0] ?? {}, { builds_access_level: 'disabled' });
    expect(await read('variables')).toMatchObject({ error: { refusal: { kind: 'disabled' } } });
  });

  it('ends a collection at once when the token is no longer taken', async () => {
    answer('/projects/9/protected_tags', 401, { error: 'invalid_token', error_description: 'Token was revoked.' });
    const got = await read('protection');
    expect(got.error).toMatchObject({
      refusal: { kind: 'unauthenticated' },
      message: expect.stringContaining('Token was revoked'),
    });
    expect(mock.requests.some((one) => one.includes('approval_rules'))).toBe(false);
  });
});

describe('changes', () => {
  const thing = (id: number, at: number): Thing => ({
    ...mock.example('GET /projects/{id}/issues'),
    id,
    iid: id,
    updated_at: new Date(Date.parse('2026-01-01T00:00:00Z') + at).toISOString(),
  });
  const list = () => mock.at('/projects/9/issues') as Thing[];

  async function walk(cursor?: string, onPage: (number: number) => void = () => {}) {
    const ids: unknown[] = [];
    let number = 0;
    let reached: string | undefined;
    for await (const page of changes(api(), 'projects/9/issues', { scope: 'all' }, cursor, ask)) {
      ids.push(...page.objects.map(({ id }) => id));
      reached = page.cursor;
      onPage(++number);
    }
    return { ids, reached };
  }

  it('gives each once, over many pages and many of one moment', async () => {
    // Two hundred and fifty of one moment between others: more than two pages of them.
    const all = Array.from({ length: 500 }, (_, at) => thing(at + 1, at < 100 ? at : at < 350 ? 100 : at));
    mock.put('/projects/9/issues', all);
    const { ids, reached } = await walk();
    expect(ids.length).toBe(500);
    expect(new Set(ids).size).toBe(500);
    expect(reached).toBe(all.at(-1)?.['updated_at']);
    expect(mock.faults).toEqual([]);
  });

  it('misses nothing that moves while it reads', async () => {
    mock.put(
      '/projects/9/issues',
      Array.from({ length: 300 }, (_, at) => thing(at + 1, at)),
    );
    const { ids } = await walk(undefined, (page) => {
      // Each time somebody changes the oldest forty, which then are the newest.
      if (page > 2) return;
      for (const one of list().slice(0, 40)) one['updated_at'] = new Date(Date.now() + Number(one['id'])).toISOString();
      list().sort((a, b) => (String(a['updated_at']) < String(b['updated_at']) ? -1 : 1));
    });
    expect(new Set(ids).size).toBe(300);
  });

  it('goes on where it was stopped', async () => {
    mock.put(
      '/projects/9/issues',
      Array.from({ length: 250 }, (_, at) => thing(at + 1, at)),
    );
    const read = changes(api(), 'projects/9/issues', {}, undefined, ask);
    const first = (await read.next()).value;
    await read.return(undefined);
    const rest = await walk(first?.cursor);
    const seen = first?.objects.map((one: Thing) => one['id']) ?? [];
    expect(new Set([...seen, ...rest.ids]).size).toBe(250);
    // Only what is as old as the cursor comes twice.
    expect(seen.length + rest.ids.length).toBeLessThanOrEqual(252);
  });

  it('stops at a server that gives page after page', async () => {
    const endless = { link: `<${mock.url}/x?page=2>; rel="next"` };
    answer('/projects/9/issues', 200, [thing(1, 1)], endless);
    const read = async () => {
      let count = 0;
      for await (const _ of changes(api(), 'projects/9/issues', {}, undefined, ask, 40)) count++;
      return count;
    };
    await expect(read()).rejects.toMatchObject({
      refusal: { kind: 'failed' },
      message: expect.stringContaining('end'),
    });
    expect(mock.requests.length).toBe(40);
  });

  it('keeps an issue whose comments cannot be had, tells, and asks again in the next run', async () => {
    const undo = answer('/issues/2/discussions', 500, { message: '500 Internal Server Error' });
    const first = await read('issues');
    expect(first.error).toBeUndefined();
    expect(keys(first)).toEqual(['1', '2', '3']);
    expect(first.documents[1]?.object).not.toHaveProperty('discussions');
    expect(first.problems).toEqual([expect.stringMatching(/^issue 2: .*the next run asks again$/)]);
    expect(first.cursor).toBeUndefined();
    undo();
    const second = await read('issues', first.cursor);
    expect(second.problems).toEqual([]);
    expect(second.documents[1]?.object).toHaveProperty('discussions');
    expect(second.cursor).toBeDefined();
  });

  it('takes an issue that goes meanwhile for gone', async () => {
    answer('/issues/2/discussions', 404, { message: '404 Issue Not Found' });
    const got = await read('issues');
    expect(keys(got)).toEqual(['1', '3']);
    expect(got.problems).toEqual([]);
  });

  it('does not ask on and on of a server that fails', async () => {
    mock.put(
      '/projects/9/issues',
      Array.from({ length: 90 }, (_, at) => thing(at + 1, at)),
    );
    answer('/discussions', 500, { message: '500 Internal Server Error' });
    const got = await read('issues');
    expect(got.error).toMatchObject({ refusal: { kind: 'failed' } });
    expect(mock.requests.filter((one) => one.includes('/discussions')).length).toBeLessThan(50);
  });

  it('refuses a list without times', async () => {
    answer('/projects/9/issues', 200, [{ id: 1 }]);
    await expect(walk()).rejects.toMatchObject({ refusal: { kind: 'failed' } });
  });
});

describe('pages', () => {
  async function walk(most?: number): Promise<unknown[]> {
    const ids: unknown[] = [];
    for await (const page of pages(api(), 'projects/9/issues', {}, ask, most)) ids.push(...page.map(({ id }) => id));
    return ids;
  }

  /** Answers the nth request with the nth of these. */
  function inTurn(...answers: readonly { body: unknown; headers?: Record<string, string> }[]): string[] {
    const asked: string[] = [];
    mock.intercept(({ url = '' }, response) => {
      const { body, headers = {} } = answers[asked.length] ?? { body: [] };
      asked.push(url);
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
      return true;
    });
    return asked;
  }

  it('follows a keyset, which is in the link alone', async () => {
    const link = `<${mock.url}/api/v4/projects/9/issues?pagination=keyset&per_page=100&cursor=eyJpZCI6IjQyIn0>; rel="next"`;
    const asked = inTurn({ body: [{ id: 1 }], headers: { link } }, { body: [{ id: 2 }] });
    expect(await walk()).toEqual([1, 2]);
    expect(asked[1]).toBe('/api/v4/projects/9/issues?pagination=keyset&per_page=100&cursor=eyJpZCI6IjQyIn0');
  });

  it('follows numbers where there is no link', async () => {
    const asked = inTurn(
      { body: [{ id: 1 }], headers: { 'x-next-page': '2' } },
      { body: [{ id: 2 }], headers: { 'x-next-page': '' } },
    );
    expect(await walk()).toEqual([1, 2]);
    expect(asked[1]).toBe('/api/v4/projects/9/issues?per_page=100&page=2');
  });

  it('takes of a link the query alone, wherever it leads', async () => {
    const link =
      '<https://elsewhere.example/a?page=1>; rel="prev", <http://internal:8080/api/v4/projects/9/issues?page=2>; rel="next"';
    const asked = inTurn({ body: [{ id: 1 }], headers: { link } }, { body: [{ id: 2 }] });
    expect(await walk()).toEqual([1, 2]);
    expect(asked[1]).toBe('/api/v4/projects/9/issues?page=2');
  });

  it('sees at once that a page names itself', async () => {
    const link = `<${mock.url}/api/v4/projects/9/issues?per_page=100>; rel="next"`;
    const asked = inTurn({ body: [{ id: 1 }], headers: { link } });
    await expect(walk()).rejects.toMatchObject({ refusal: { kind: 'failed' } });
    expect(asked).toHaveLength(1);
  });

  it('goes on behind an empty page, and stops after so many', async () => {
    let page = 0;
    mock.intercept((_, response) => {
      page++;
      response.writeHead(200, { 'content-type': 'application/json', 'x-next-page': String(page + 1) }).end('[]');
      return true;
    });
    await expect(walk(30)).rejects.toMatchObject({ refusal: { kind: 'failed' } });
    expect(page).toBe(30);
  });
});

describe('patience', () => {
  it('waits until the time GitLab names, where it names no length', async () => {
    const clock = new ImpatientClock();
    let asked = 0;
    mock.intercept((_, response) => {
      if (++asked > 1) return false;
      const reset = String(Math.floor(systemClock.wall() / 1000) + 300);
      response
        .writeHead(429, { 'ratelimit-remaining': '0', 'ratelimit-reset': reset, 'content-type': 'text/plain' })
        .end('Retry later\n');
      return true;
    });
    const told: number[] = [];
    await make({ clock }).identify({ ...context, waiting: (ms) => told.push(ms) });
    expect(told).toHaveLength(1);
    expect(told[0]).toBeGreaterThan(298_000);
    expect(told[0]).toBeLessThan(303_000);
  });
});

describe('who it is', () => {
  it('says the scopes, and does without where GitLab does not tell', async () => {
    expect(await make().identify(context)).toEqual({ login: 'reader', scopes: ['read_api', 'read_repository'] });
    answer('/personal_access_tokens/self', 404, { message: '404 Not Found' });
    expect(await make().identify(context)).toEqual({ login: 'reader' });
  });

  it('repeats its token in no error, whoever sends it back', async () => {
    mock.intercept((request, response) => {
      const { authorization = '' } = request.headers;
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ message: authorization }));
      return true;
    });
    const error = await make()
      .identify(context)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('Bearer ***');
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(GITLAB_TOKEN);
  });

  it('takes half a character for none', async () => {
    mock.intercept(({ url = '' }, response) => {
      if (!url.endsWith('/user')) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"username":"a\\ud800b"}');
      return true;
    });
    expect((await make().identify(context)).login).toBe('a\ufffdb');
  });
});
