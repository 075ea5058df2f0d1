import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { giteaForge } from '../../daemon/forges/gitea.ts';
import { giteaReader } from '../../daemon/forges/gitea-reader.ts';
import { forgeSource } from '../../daemon/sources/forge.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { pullAll, type Read, sampleRepository, temporary } from '../sources/helpers.ts';
import type { ApiMock, Thing } from './api-mock.ts';
import { GITEA_TOKEN, seededGitea } from './gitea-seed.ts';

let mock: ApiMock;
beforeEach(async () => {
  const origin = await sampleRepository();
  mock = await seededGitea({ app: origin, empty: origin, old: origin });
  mock.intercept(({ url = '', headers }, response) => {
    if (!/\/(releases\/download|attachments)\//.test(url)) return false;
    const known = headers.authorization === `token ${GITEA_TOKEN}`;
    response.writeHead(known ? 200 : 404).end(url.includes('attachments') ? 'png!' : 'bytes');
    return true;
  });
});
afterEach(() => mock.stop());

function source(): Source {
  return forgeSource({
    name: 'gitea',
    forge: (cache: string) =>
      giteaForge({ url: mock.url, owner: 'acme', token: Secret.fromText(GITEA_TOKEN), cache, clock: systemClock }),
    owner: 'acme',
    url: mock.url,
    include: [],
    exclude: [],
    environment: process.env,
    clock: systemClock,
    log: silentLog,
    token: Secret.fromText(GITEA_TOKEN),
  });
}

const app = 'repositories/acme/app';
const find = (all: readonly Read[], path: string) => all.find((one) => one.path === path);
const textOf = (all: readonly Read[], path: string) => find(all, path)?.bytes?.toString('utf8');
const json = (all: readonly Read[], path: string) => JSON.parse(textOf(all, path) ?? 'null');
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

it('is read whole, then what has changed, into documents that are read again', async () => {
  const workdir = await temporary();
  const first = await pullAll(source(), workdir);
  expect(problems(first)).toEqual([]);
  expect(giteaReader.issue(json(first, `${app}/issues/1.json`))).toMatchObject({
    title: 'Issue 1',
    comments: [{ body: 'First' }, { body: 'Second' }],
  });
  expect(giteaReader.variable(json(first, `${app}/variables/REGION.json`))).toEqual({
    name: 'REGION',
    value: 'eu-central-recognisable',
  });
  expect(textOf(first, `${app}/issues/1.assets/21-screen.png`)).toBe('png!');
  expect(textOf(first, `${app}/releases/61.assets/app.tar.gz`)).toBe('bytes');
  expect(find(first, `${app}/repository.git`)?.entry.kind).toBe('directory');
  expect(json(first, 'owner/packages/npm%2F%40acme%2Fapp%2F1.0.0.json')).toMatchObject({
    object: { files: [{ id: 1 }] },
  });

  const issues = mock.at('/repos/acme/app/issues') as Thing[];
  Object.assign(issues[1] ?? {}, { title: 'Touched', updated_at: mock.tick() });
  mock.put('/repos/acme/app/labels', []);
  const before = mock.requests.length;
  const again = await pullAll(source(), workdir);
  expect(problems(again)).toEqual([]);
  expect(json(again, `${app}/issues/2.json`)).toMatchObject({ object: { issue: { title: 'Touched' } } });
  expect(json(again, `${app}/labels/1.json`)).toMatchObject({ gone: expect.any(String), object: { name: 'bug' } });
  const asked = mock.requests.slice(before).filter((one) => one.includes('type=issues') && one.includes('/acme/app/'));
  expect(asked).toEqual([expect.stringContaining('since=')]);
  expect(mock.faults).toEqual([]);
});

it('backs up what a token may see, and says what it may not', async () => {
  mock.intercept((request, response) => {
    if (!/\/acme\/app\/issues/.test(request.url ?? '')) return false;
    response
      .writeHead(403, { 'content-type': 'application/json' })
      .end('{"message":"token does not have at least one of required scope(s): [read:issue]"}');
    return true;
  });
  const all = await pullAll(source(), await temporary());
  expect(problems(all).sort()).toEqual([`${app}/issues`, `${app}/pulls`]);
  const entry = find(all, `${app}/issues`)?.entry;
  expect(JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? String(value) : value))).toContain(
    'the scope read:issue',
  );
  expect(json(all, `${app}/milestones/1.json`)).toMatchObject({ object: { title: '1.0' } });
});

it('marks what holds values as secret, and shows its own token nowhere', async () => {
  const workdir = await temporary();
  const all = await pullAll(source(), workdir);
  const open = all.filter(({ entry }) => entry.kind === 'file' && entry.secret !== true);
  const text = (reads: readonly Read[]) => reads.map(({ bytes }) => bytes?.toString('latin1') ?? '').join('\n');
  for (const value of ['eu-central-recognisable', 'org-wide-value', 'hook-secret']) {
    expect(text(all), value).toContain(value);
    expect(text(open), value).not.toContain(value);
  }
  expect(text(all) + (await everything(workdir))).not.toContain(GITEA_TOKEN);
});
