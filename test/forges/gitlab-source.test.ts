import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { gitlabForge } from '../../daemon/forges/gitlab.ts';
import { gitlabReader } from '../../daemon/forges/gitlab-reader.ts';
import { forgeSource } from '../../daemon/sources/forge.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { pullAll, type Read, sampleRepository, temporary } from '../sources/helpers.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITLAB_TOKEN, seededGitlab } from './gitlab-seed.ts';

let mock: ApiMock;

beforeEach(async () => {
  const origin = await sampleRepository();
  mock = await seededGitlab({ 'acme/app': origin });
  mock.intercept(({ url = '' }, response) => {
    if (!url.endsWith('/secure_files/1/download')) return false;
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end('keystore-recognisable');
    return true;
  });
});

afterEach(() => mock.stop());

function source(): Source {
  return forgeSource({
    name: 'gitlab',
    forge: (cache: string) =>
      gitlabForge({ url: mock.url, owner: 'acme', token: Secret.fromText(GITLAB_TOKEN), cache, clock: systemClock }),
    owner: 'acme',
    url: mock.url,
    // One project is enough: each is a mirror of git, and those cost seconds.
    include: ['acme/app'],
    exclude: [],
    environment: process.env,
    clock: systemClock,
    log: silentLog,
    token: Secret.fromText(GITLAB_TOKEN),
  });
}

const find = (all: readonly Read[], path: string) => all.find((one) => one.path === path);
const json = (all: readonly Read[], path: string) => JSON.parse(find(all, path)?.bytes?.toString('utf8') ?? 'null');
const problems = (all: readonly Read[]) =>
  all.flatMap(({ path, entry }) => ('problem' in entry || entry.kind === 'problem' ? [path] : []));

/** Everything below a folder, as one text. */
async function everything(folder: string): Promise<string> {
  let text = '';
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) text += `${path}\n${await readFile(path, 'latin1')}\n`;
  }
  return text;
}

// One test: git takes seconds for a mirror where many share the machine.
it('is read whole, then what has changed, values marked as secret, its own token nowhere', async () => {
  const workdir = await temporary();
  const first = await pullAll(source(), workdir);
  expect(problems(first)).toEqual([]);
  const app = 'repositories/acme/app';
  const issue = gitlabReader.issue(json(first, `${app}/issues/1.json`));
  expect(issue).toMatchObject({ number: 1, title: 'Issue 1', milestone: 'v3.0' });
  expect(issue.comments.map(({ body }) => body)).toEqual([
    'discussion text',
    'a single comment',
    'reply to the discussion',
  ]);
  expect(gitlabReader.variable(json(first, `${app}/variables/review%2F%2A%2FREGION.json`))).toMatchObject({
    name: 'REGION',
    value: 'us-east-1-recognisable',
    environment: 'review/*',
  });
  expect(find(first, `${app}/repository.git`)?.entry.kind).toBe('directory');

  const open = first.filter(({ entry }) => entry.kind === 'file' && entry.secret !== true);
  const text = (reads: readonly Read[]) => reads.map(({ bytes }) => bytes?.toString('latin1') ?? '').join('\n');
  for (const value of ['us-east-1-recognisable', 'keystore-recognisable', 'TEST_1', 'http://example.com/hook']) {
    expect(text(first), value).toContain(value);
    expect(text(open), value).not.toContain(value);
  }
  expect(text(first) + (await everything(workdir))).not.toContain(GITLAB_TOKEN);

  const [, second] = mock.at('/projects/9/issues') as Thing[];
  Object.assign(second ?? {}, { title: 'Touched', updated_at: mock.tick() });
  mock.put('/projects/9/labels', []);
  const before = mock.requests.length;
  const again = await pullAll(source(), workdir);
  expect(problems(again)).toEqual([]);
  expect(json(again, `${app}/issues/2.json`)).toMatchObject({ object: { issue: { title: 'Touched' } } });
  // The one that was as old as the cursor, and the one that changed: of the third nothing is asked.
  const asked = mock.requests.slice(before).filter((one) => /\/issues\/\d+\/discussions/.test(one));
  expect(asked.map((one) => /issues\/(\d+)/.exec(one)?.[1])).toEqual(['3', '2']);
  expect(json(again, `${app}/labels/bug.json`)).toMatchObject({ gone: expect.any(String), object: { name: 'bug' } });
  expect(mock.faults).toEqual([]);
}, 120_000);
