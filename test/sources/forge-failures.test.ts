import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../daemon/base/log.ts';
import { ForgeError } from '../../daemon/forges/forge.ts';
import { mayHaveToken } from '../../daemon/sources/forge.ts';
import { jsonOf, problemsOf, sample, textOf } from './forge-sample.ts';
import { sourceOf, TOKEN } from './forge-seed.ts';
import { type GitServer, serveGit } from './git-server.ts';
import { git, never, pullAll, readAll, sampleRepository, temporary } from './helpers.ts';

const servers: GitServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const failureOf = (pulling: Promise<unknown>) =>
  pulling.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('what could not be had', () => {
  it('of a page of changes is asked for again until it is there', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    forge.spoil('1', 'issues', '3', true);
    for (const run of [1, 2]) {
      const all = await pullAll(sourceOf(forge), workdir);
      expect(problemsOf(all), `run ${run}`).toEqual([
        { path: 'repositories/acme/app/issues', reason: 'issues 3 could not be had.' },
      ]);
      expect(jsonOf(all, 'repositories/acme/app/issues/5.json').object.title).toBe('Issue 5');
    }
    forge.spoil('1', 'issues', '3', false);
    forge.asked.length = 0;
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all)).toEqual([]);
    expect(jsonOf(all, 'repositories/acme/app/issues/3.json').object.title).toBe('Issue 3');
    expect(forge.asked.filter((what) => what.startsWith('issues of 1'))[0]).toBe('issues of 1 from 2');
  });

  it('of a list has not gone', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.spoil('1', 'labels', 'bug', true);
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all).map(({ path }) => path)).toEqual(['repositories/acme/app/labels']);
    expect(jsonOf(all, 'repositories/acme/app/labels/bug.json')).not.toHaveProperty('gone');
  });

  it('of one file of a release keeps nothing else back', async () => {
    const { forge } = await sample();
    const asset = (name: string, open: () => AsyncIterable<Buffer>) => ({ name, version: '1', open });
    const good = async function* () {
      yield Buffer.from('good');
    };
    // biome-ignore lint/correctness/useYield: it fails before
    const bad = async function* (): AsyncGenerator<Buffer> {
      throw new ForgeError({ kind: 'failed' }, 'storage answers 500');
    };
    forge.put('1', 'labels', { key: 'a', object: {}, assets: [asset('bad', bad), asset('fine', good)] });
    forge.put('1', 'labels', { key: 'z', object: {}, assets: [asset('late', good)] });
    const all = await pullAll(sourceOf(forge), await temporary());
    expect(problemsOf(all)).toEqual([
      { path: 'repositories/acme/app/labels', reason: 'bad of a: storage answers 500.' },
    ]);
    expect(textOf(all, 'repositories/acme/app/labels/a.assets/fine')).toBe('good');
    expect(textOf(all, 'repositories/acme/app/labels/z.assets/late')).toBe('good');
  });

  it('because the client stumbles is a problem of that collection alone', async () => {
    const { forge } = await sample();
    forge.beforePage = (_, what) => {
      if (what === 'labels of 1') throw new TypeError('undefined is not iterable');
    };
    const all = await pullAll(sourceOf(forge), await temporary());
    expect(problemsOf(all)).toEqual([
      {
        path: 'repositories/acme/app/labels',
        reason: 'What the forge sent is not understood: undefined is not iterable.',
      },
    ]);
    expect(textOf(all, 'repositories/acme/app/variables/production%2FURL.json')).toBeDefined();
  });

  it('of a document that lies damaged in the working copy is a problem, for as long as it lies there', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    const file = join(workdir, 'repositories/1/labels/bug.json');
    await writeFile(file, '{"collection":');
    expect(problemsOf(await pullAll(sourceOf(forge), workdir))).toEqual([]);
    forge.drop('1', 'labels', 'bug');
    await writeFile(file, '{"collection":');
    expect(problemsOf(await pullAll(sourceOf(forge), workdir))).toMatchObject([
      {
        path: 'repositories/acme/app/labels',
        reason: expect.stringContaining(`${file} in the working copy is damaged`),
      },
    ]);
    await rm(file);
    expect(problemsOf(await pullAll(sourceOf(forge), workdir))).toEqual([]);
  });
});

describe('a repository', () => {
  it('that is deleted while the others are read has gone, and its failures are no problems', async () => {
    const { forge, origin } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.beforePage = (_, what) => {
      if (what !== 'variables of owner') return;
      forge.list.splice(0, 1);
      for (const name of ['issues', 'labels', 'variables'] as const) forge.refuse('1', name, { kind: 'absent' });
    };
    const pulled = await sourceOf(forge).pull({ workdir, signal: never });
    const all = await readAll(pulled);
    expect(problemsOf(all)).toEqual([]);
    expect(jsonOf(all, 'repositories/acme/app/repository.json')).toHaveProperty('gone');
    expect(jsonOf(all, 'repositories/acme/app/issues/5.json').object.title).toBe('Issue 5');
    expect(pulled.facts).toMatchObject({ repositoryCount: 1, goneCount: 1 });
    expect(git(origin, 'rev-parse', 'main')).toMatch(/^[0-9a-f]{40}$/);
  });

  it('that is there while something of it is said to be absent is told', async () => {
    const { forge } = await sample();
    forge.refuse('1', 'labels', { kind: 'absent' });
    const all = await pullAll(sourceOf(forge), await temporary());
    expect(problemsOf(all).map(({ path }) => path)).toEqual(['repositories/acme/app/labels']);
    expect(jsonOf(all, 'repositories/acme/app/repository.json')).not.toHaveProperty('gone');
  });

  it('that cannot be fetched, and whose mirror is damaged, is a problem that says both', async () => {
    const { forge, origin } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    await writeFile(join(workdir, 'repositories/1/code/mirror.git/HEAD'), '');
    forge.list[0] = { ...forge.list[0]!, cloneUrl: join(origin, 'nowhere') };
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all)).toMatchObject([
      { path: 'repositories/acme/app/repository.git', reason: expect.stringMatching(/could not be fetched.*damaged/) },
    ]);
  });

  it('that has gone with a damaged mirror is a problem', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    await writeFile(join(workdir, 'repositories/1/code/mirror.git/HEAD'), '');
    forge.list.splice(0, 1);
    expect(problemsOf(await pullAll(sourceOf(forge), workdir))).toMatchObject([
      { path: 'repositories/acme/app/repository.git', reason: expect.stringContaining('damaged') },
    ]);
  });

  it('whose wiki is switched off keeps it', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    forge.list[0] = { ...forge.list[0]!, wikiUrl: await sampleRepository() };
    await pullAll(sourceOf(forge), workdir);
    const { wikiUrl: _, ...without } = forge.list[0]!;
    forge.list[0] = without;
    const pulled = await sourceOf(forge).pull({ workdir, signal: never });
    const all = await readAll(pulled);
    expect(textOf(all, 'repositories/acme/app/wiki.git/HEAD')).toBe('ref: refs/heads/main\n');
    expect(pulled.facts['notes']).toEqual(['repositories/acme/app/wiki.git: gone at the forge and kept.']);
  });

  it('has its refs among the facts', async () => {
    const { forge, origin } = await sample();
    const { facts } = await sourceOf(forge).pull({ workdir: await temporary(), signal: never });
    expect(facts).toMatchObject({
      repositories: { 'acme/app': git(origin, 'rev-parse', 'main') },
      refs: { 'acme/app': { 'refs/heads/feature/x': git(origin, 'rev-parse', 'feature/x') } },
      refCount: 12,
    });
  });
});

describe('a configuration', () => {
  it('by which nothing of many is included is told', async () => {
    const { forge } = await sample();
    const all = await pullAll(sourceOf(forge, { include: ['other/*'] }), await temporary());
    expect(problemsOf(all)).toEqual([
      { path: 'repositories', reason: 'None of 2 repositories is included by `include` and `exclude`.' },
    ]);
  });

  it.each([{ owner: 'other' }, { url: 'https://other.example' }])(
    'of another owner or forge does not make everything seem gone: %o',
    async (more) => {
      const { forge } = await sample();
      const workdir = await temporary();
      await pullAll(sourceOf(forge), workdir);
      expect(await failureOf(pullAll(sourceOf(forge, more), workdir))).toMatchObject({
        code: 'source.failed',
        what: expect.stringContaining('its working copy is of acme at https://forge.example'),
      });
      expect(problemsOf(await pullAll(sourceOf(forge), workdir))).toEqual([]);
    },
  );
});

describe('the token', () => {
  it.each([
    ['https://forge.example', 'https://forge.example/acme/app.git', true],
    ['https://forge.example/sub', 'https://forge.example:8443/acme/app.git', true],
    ['https://api.github.com', 'https://github.com/acme/app.git', true],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000/acme/app.git', true],
    ['https://forge.example', 'http://forge.example/acme/app.git', false],
    ['https://forge.example', 'https://evil.example/acme/app.git', false],
    ['https://forge.example', 'https://forge.example.evil.example/acme/app.git', false],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3001/acme/app.git', false],
    ['https://forge.example', '/srv/git/app.git', false],
  ])('of %s may be shown to %s: %s', (url, address, may) => {
    expect(mayHaveToken(url, address)).toBe(may);
  });

  async function served() {
    const { forge, origin } = await sample();
    const server = await serveGit(dirname(origin));
    servers.push(server);
    server.password = `x-access-token:${TOKEN}`;
    forge.list[0] = { ...forge.list[0]!, cloneUrl: `${server.url}/${basename(origin)}/.git` };
    return { forge, origin, server };
  }

  it('fetches a repository from its forge', async () => {
    const { forge, server } = await served();
    const all = await pullAll(sourceOf(forge, { url: server.url }), await temporary());
    expect(problemsOf(all)).toEqual([]);
    expect(textOf(all, 'repositories/acme/app/repository.git/HEAD')).toBe('ref: refs/heads/main\n');
  });

  it('is not sent to where the forge says a repository is, when that is somewhere else', async () => {
    const { forge } = await served();
    const all = await pullAll(sourceOf(forge), await temporary());
    expect(problemsOf(all)).toMatchObject([
      { path: 'repositories/acme/app/repository.git', reason: expect.stringContaining('The token is not sent there') },
    ]);
  });

  it('is in no error, problem, progress or log, also where the forge repeats it', async () => {
    const said: string[] = [];
    const log = createLog(
      'test',
      () => 0,
      (line) => said.push(line),
      'debug',
    );
    const { forge } = await sample();
    const workdir = await temporary();
    const leak = new ForgeError({ kind: 'failed' }, `the token ${TOKEN} is not known to https://u:${TOKEN}@x/`);
    forge.beforePage = (_, what) => {
      if (what === 'labels of 1') throw leak;
    };
    const progress = ({ what }: { what: string }) => said.push(what);
    const pulled = await sourceOf(forge, { log }).pull({ workdir, signal: never, progress });
    said.push(JSON.stringify(pulled.facts), ...problemsOf(await readAll(pulled)).map(({ reason }) => reason));
    forge.beforePage = () => {
      throw leak;
    };
    said.push(String(((await failureOf(pullAll(sourceOf(forge, { log }), workdir))) as Error).message));
    expect(said.join('\n')).toContain('the token *** is not known');
    expect(said.join('\n')).not.toContain(TOKEN);
  });
});

it('does not follow a link somebody put where a document is to be written', async () => {
  const { forge } = await sample();
  const workdir = await temporary();
  await pullAll(sourceOf(forge), workdir);
  const outside = join(await temporary(), 'outside');
  await writeFile(outside, 'untouched');
  const file = join(workdir, 'repositories/1/labels/bug.json');
  await rm(file);
  await symlink(outside, file);
  const all = await pullAll(sourceOf(forge), workdir);
  expect(await readFile(outside, 'utf8')).toBe('untouched');
  expect(jsonOf(all, 'repositories/acme/app/labels/bug.json').object.name).toBe('bug');
});
