import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../daemon/base/log.ts';
import type { PullProgress } from '../../daemon/sources/source.ts';
import { FakeForge } from '../forges/fake-forge.ts';
import { contract } from './contract.ts';
import { jsonOf, problemsOf, sample, textOf } from './forge-sample.ts';
import { sourceOf, TOKEN } from './forge-seed.ts';
import { type GitServer, serveGit } from './git-server.ts';
import {
  commit,
  git,
  materialise,
  never,
  pullAll,
  type Read,
  readAll,
  sampleRepository,
  temporary,
} from './helpers.ts';

const servers: GitServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

contract('forge', async () => {
  const { forge, origin } = await sample();
  const served = await serveGit(dirname(origin));
  servers.push(served);
  served.password = `x-access-token:${TOKEN}`;
  forge.list[0] = { ...forge.list[0]!, cloneUrl: `${served.url}/${basename(origin)}/.git` };
  const logged: string[] = [];
  const log = createLog(
    'test',
    () => 0,
    (line) => logged.push(line),
    'debug',
  );
  return {
    source: sourceOf(forge, { url: served.url, log }),
    async vanish() {
      forge.beforePage = () => {
        throw new Error('the forge does not answer');
      };
    },
    async change() {
      forge.put('1', 'issues', { key: '2', object: { number: 2, title: 'Renamed' } });
      forge.put('1', 'labels', { key: 'new', object: { name: 'new' } });
      forge.drop('1', 'labels', 'bug');
      return ['issues/2', 'labels/new', 'labels/bug'].map((name) => `repositories/acme/app/${name}.json`);
    },
    async spoil() {
      forge.refuse('1', 'labels', { kind: 'failed' });
      return 'repositories/acme/app/labels';
    },
    secret: TOKEN,
    logged: () => logged,
  };
}, ['change', 'part', 'secret']);

describe('a forge', () => {
  it('is laid out as layout.ts says, documents canonical, secrets marked', async () => {
    const { forge } = await sample();
    const all = await pullAll(sourceOf(forge), await temporary());
    const documents = all.map(({ path }) => path).filter((path) => !path.includes('.git'));
    expect(documents).toEqual([
      'forge.json',
      'owner',
      'owner/variables',
      'owner/variables/REGION.json',
      'repositories',
      'repositories/acme',
      'repositories/acme/app',
      'repositories/acme/app/issues',
      ...[1, 2, 3, 4, 5].map((number) => `repositories/acme/app/issues/${number}.json`),
      'repositories/acme/app/labels',
      'repositories/acme/app/labels/bug.json',
      'repositories/acme/app/labels/later.json',
      'repositories/acme/app/repository.json',
      'repositories/acme/app/variables',
      'repositories/acme/app/variables/production%2FURL.json',
      'repositories/acme/site',
      'repositories/acme/site/repository.json',
    ]);
    expect(textOf(all, 'repositories/acme/app/variables/production%2FURL.json')).toBe(
      '{"collection":"variables","key":"production/URL","object":{"name":"URL","value":"https://x"}}\n',
    );
    const secret = all.filter(({ entry }) => entry.kind === 'file' && entry.secret === true).map(({ path }) => path);
    expect(secret).toEqual(['owner/variables/REGION.json', 'repositories/acme/app/variables/production%2FURL.json']);
    expect(jsonOf(all, 'forge.json')).toEqual({
      version: 1,
      kind: 'github',
      url: 'https://forge.example',
      owner: 'acme',
      login: 'reader',
    });
  });

  it('holds each repository with all its refs, as git can use it', async () => {
    const { forge, origin } = await sample();
    const dest = await temporary();
    await materialise(await pullAll(sourceOf(forge), await temporary()), dest);
    const restored = join(dest, 'repositories/acme/app/repository.git');
    expect(git(restored, 'for-each-ref')).toBe(git(origin, 'for-each-ref'));
    expect(git(restored, 'fsck', '--full')).toBe('');
  });

  it('reads only what has changed the next time, and leaves the times of what has not', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    const first = await pullAll(sourceOf(forge), workdir);
    forge.put('1', 'issues', { key: '2', object: { number: 2, title: 'Renamed' } });
    forge.put('1', 'issues', { key: '6', object: { number: 6, title: 'Issue 6' } });
    forge.asked.length = 0;
    const second = await pullAll(sourceOf(forge), workdir);
    expect(forge.asked.filter((what) => what.startsWith('issues of 1'))).toEqual(['issues of 1 from 5']);
    const times = (all: readonly Read[]) =>
      new Map(all.flatMap(({ path, entry }) => (entry.kind === 'file' ? [[path, entry.mtimeNs] as const] : [])));
    const before = times(first);
    const changed = [...times(second)].filter(([path, time]) => before.get(path) !== time).map(([path]) => path);
    expect(changed).toEqual(['repositories/acme/app/issues/2.json', 'repositories/acme/app/issues/6.json']);
    expect(jsonOf(second, 'repositories/acme/app/issues/2.json').object.title).toBe('Renamed');
  });

  it('keeps what has gone, says since when, and takes it back when it returns', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.drop('1', 'labels', 'bug');
    const after = await pullAll(sourceOf(forge), workdir);
    const label = jsonOf(after, 'repositories/acme/app/labels/bug.json');
    expect(label).toMatchObject({ key: 'bug', object: { name: 'bug' }, gone: expect.stringMatching(/^\d{4}-/) });
    expect(jsonOf(await pullAll(sourceOf(forge), workdir), 'repositories/acme/app/labels/bug.json')).toEqual(label);
    forge.put('1', 'labels', { key: 'bug', object: { name: 'bug' } });
    const back = await pullAll(sourceOf(forge), workdir);
    expect(jsonOf(back, 'repositories/acme/app/labels/bug.json')).not.toHaveProperty('gone');
  });

  it('keeps a repository that was deleted, with its code, and flags it', async () => {
    const { forge, origin } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.list.splice(0, 1);
    const pulled = await sourceOf(forge).pull({ workdir, signal: never });
    const all = await readAll(pulled);
    expect(jsonOf(all, 'repositories/acme/app/repository.json')).toMatchObject({
      gone: expect.any(String),
      object: { id: '1' },
    });
    expect(jsonOf(all, 'repositories/acme/app/issues/3.json').object.title).toBe('Issue 3');
    const dest = await temporary();
    await materialise(all, dest);
    expect(git(join(dest, 'repositories/acme/app/repository.git'), 'rev-parse', 'main')).toBe(
      git(origin, 'rev-parse', 'main'),
    );
    expect(pulled.facts).toMatchObject({ goneCount: 1, notes: [expect.stringContaining('acme/app')] });
  });

  it('follows a rename, and puts one that has gone beside a new one of its name', async () => {
    const { forge, origin } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.list.splice(0, 2);
    forge.add('2', 'acme/web', await sampleRepository());
    forge.add('3', 'acme/app', origin);
    forge.asked.length = 0;
    const all = await pullAll(sourceOf(forge), workdir);
    const repositories = all.map(({ path }) => path).filter((path) => path.endsWith('/repository.json'));
    expect(repositories).toEqual([
      'repositories/acme/app/repository.json',
      'repositories/acme/app~1/repository.json',
      'repositories/acme/web/repository.json',
    ]);
    expect(jsonOf(all, 'repositories/acme/app~1/repository.json')).toHaveProperty('gone');
    expect(jsonOf(all, 'repositories/acme/app/repository.json')).not.toHaveProperty('gone');
  });

  it('takes a forge that shows nothing where there was something for a failure', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    const kept = forge.list.splice(0);
    await expect(pullAll(sourceOf(forge), workdir)).rejects.toMatchObject({ code: 'source.failed' });
    forge.list.push(...kept);
    const all = await pullAll(sourceOf(forge), workdir);
    expect(jsonOf(all, 'repositories/acme/app/repository.json')).not.toHaveProperty('gone');
  });

  it('believes an empty organisation', async () => {
    const all = await pullAll(sourceOf(new FakeForge()), await temporary());
    expect(all.map(({ path }) => path)).toEqual(['forge.json', 'owner', 'repositories']);
  });

  it('backs up what is included and not excluded, and what is not asked for any more has not gone', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    const some = await pullAll(sourceOf(forge, { include: ['acme/*'], exclude: ['**/site'] }), workdir);
    expect(some.map(({ path }) => path).filter((path) => path.includes('site'))).toEqual([]);
    const all = await pullAll(sourceOf(forge), workdir);
    expect(jsonOf(all, 'repositories/acme/site/repository.json')).not.toHaveProperty('gone');
  });

  it('names the permission that is missing, and has the rest', async () => {
    const { forge } = await sample();
    forge.refuse('1', 'variables', { kind: 'denied', needs: 'Variables: read' });
    const all = await pullAll(sourceOf(forge), await temporary());
    expect(problemsOf(all)).toEqual([
      {
        path: 'repositories/acme/app/variables',
        reason: 'The forge refuses variables. The token needs Variables: read.',
      },
    ]);
    expect(textOf(all, 'repositories/acme/app/labels/bug.json')).toBeDefined();
  });

  it('keeps what it had of a collection that fails, and says so once', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    forge.refuse('1', 'labels', { kind: 'failed' });
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all)).toEqual([{ path: 'repositories/acme/app/labels', reason: 'The forge refuses labels.' }]);
    expect(jsonOf(all, 'repositories/acme/app/labels/bug.json')).not.toHaveProperty('gone');
  });

  it('says nothing of a feature that is switched off', async () => {
    const { forge } = await sample();
    forge.refuse('1', 'labels', { kind: 'disabled' });
    expect(problemsOf(await pullAll(sourceOf(forge), await temporary()))).toEqual([]);
  });

  it('fails when the token is refused, wherever that is noticed', async () => {
    const { forge } = await sample();
    forge.refuse('1', 'labels', { kind: 'unauthenticated' });
    await expect(pullAll(sourceOf(forge), await temporary())).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining('make a new one'),
    });
  });

  it('has a repository that cannot be fetched as it was before, and the others as they are', async () => {
    const { forge, origin } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    const was = git(origin, 'rev-parse', 'main');
    commit(origin, 'a', 'three');
    forge.list[0] = { ...forge.list[0]!, cloneUrl: join(origin, 'nowhere') };
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all).map(({ path }) => path)).toEqual(['repositories/acme/app/repository.git']);
    const dest = await temporary();
    await materialise(all, dest);
    expect(git(join(dest, 'repositories/acme/app/repository.git'), 'rev-parse', 'main')).toBe(was);
  });

  it('fails when nothing at all can be had', async () => {
    const { forge } = await sample();
    for (const [at, repository] of forge.list.entries()) forge.list[at] = { ...repository, cloneUrl: '/nowhere' };
    for (const of of ['1', '2', 'owner'])
      for (const name of ['issues', 'labels', 'variables'] as const) forge.refuse(of, name, { kind: 'failed' });
    await expect(pullAll(sourceOf(forge), await temporary())).rejects.toMatchObject({ code: 'source.failed' });
  });

  it('refuses a path that leads out of its folder', async () => {
    const { forge, origin } = await sample();
    forge.add('9', 'acme/../../etc', origin);
    await expect(pullAll(sourceOf(forge), await temporary())).rejects.toMatchObject({ code: 'source.failed' });
  });

  it('tells how far it is', async () => {
    const { forge } = await sample();
    const told: PullProgress[] = [];
    await sourceOf(forge).pull({ workdir: await temporary(), signal: never, progress: (one) => told.push(one) });
    expect(told.map(({ what }) => what)).toContain('issues of acme/app: 5');
    expect(told.at(-1)).toMatchObject({ done: 2, total: 3 });
  });

  it('keeps the token out of the working copy', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    await pullAll(sourceOf(forge), workdir);
    const files = (await readdir(workdir, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
    expect(files.length).toBeGreaterThan(20);
    for (const { parentPath, name } of files)
      expect((await readFile(join(parentPath, name))).includes(TOKEN), name).toBe(false);
  });
});

describe('a pull that is stopped', () => {
  it('goes on where it was, after an end at any page, and comes to the same', async () => {
    const { forge } = await sample();
    const whole = (await pullAll(sourceOf(forge), await temporary())).map(({ path, bytes }) => [
      path,
      bytes?.toString('hex'),
    ]);
    const { pages } = forge;
    expect(pages).toBeGreaterThan(8);
    for (let at = 1; at <= pages; at += 1) {
      const workdir = await temporary();
      const stop = new AbortController();
      forge.pages = 0;
      let fired = false;
      forge.beforePage = (page) => {
        if (page !== at) return;
        fired = true;
        stop.abort();
      };
      await expect(pullAll(sourceOf(forge), workdir, stop.signal)).rejects.toMatchObject({ code: 'source.stopped' });
      expect(fired, `page ${at}`).toBe(true);
      forge.beforePage = () => {};
      forge.asked.length = 0;
      const again = await pullAll(sourceOf(forge), workdir);
      const stable = (rows: (string | undefined)[][]) =>
        rows.filter(([path]) => !/\.(pack|idx|rev)$|packed-refs$/.test(path ?? ''));
      expect(stable(again.map(({ path, bytes }) => [path, bytes?.toString('hex')]))).toEqual(stable(whole));
    }
  }, 120_000);

  it('does not read pages of changes again that were read before', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    const stop = new AbortController();
    let seen = 0;
    forge.beforePage = (_, what) => {
      if (what.startsWith('issues of 1') && ++seen === 3) stop.abort();
    };
    await expect(pullAll(sourceOf(forge), workdir, stop.signal)).rejects.toMatchObject({ code: 'source.stopped' });
    expect(seen).toBe(3);
    forge.beforePage = () => {};
    forge.asked.length = 0;
    await pullAll(sourceOf(forge), workdir);
    expect(forge.asked.filter((what) => what.startsWith('issues of 1'))).toEqual(['issues of 1 from 4']);
  });
});

describe('a file that belongs to a document', () => {
  const release = (version: string, bytes: string, size = bytes.length) => {
    const opened = { count: 0 };
    const asset = {
      name: 'app.tar.gz',
      size,
      version,
      async *open() {
        opened.count += 1;
        yield Buffer.from(bytes);
      },
    };
    return { document: { key: 'v1.0', object: { tag: 'v1.0' }, assets: [asset] }, opened };
  };

  it('is fetched once for each version', async () => {
    const { forge } = await sample();
    const workdir = await temporary();
    const one = release('a', 'first');
    forge.put('1', 'labels', one.document);
    await pullAll(sourceOf(forge), workdir);
    const all = await pullAll(sourceOf(forge), workdir);
    expect(one.opened.count).toBe(1);
    expect(textOf(all, 'repositories/acme/app/labels/v1.0.assets/app.tar.gz')).toBe('first');
    forge.put('1', 'labels', release('b', 'other').document);
    expect(textOf(await pullAll(sourceOf(forge), workdir), 'repositories/acme/app/labels/v1.0.assets/app.tar.gz')).toBe(
      'other',
    );
  });

  it.each([
    ['cut short', 'abc', 5],
    ['longer than announced', 'abcdef', 5],
  ])('is a problem when it is %s, and what was there stays', async (_, bytes, size) => {
    const { forge } = await sample();
    const workdir = await temporary();
    forge.put('1', 'labels', release('a', 'first').document);
    await pullAll(sourceOf(forge), workdir);
    forge.put('1', 'labels', release('b', bytes, size).document);
    const all = await pullAll(sourceOf(forge), workdir);
    expect(problemsOf(all).map(({ path }) => path)).toEqual(['repositories/acme/app/labels']);
    expect(textOf(all, 'repositories/acme/app/labels/v1.0.assets/app.tar.gz')).toBe('first');
  });
});

it('is not misled by what somebody put into its folder', async () => {
  const { forge } = await sample();
  const workdir = await temporary();
  await mkdir(join(workdir, 'repositories', 'foreign'), { recursive: true });
  await writeFile(join(workdir, 'repositories', 'foreign', 'repository.json'), '{}');
  const all = await pullAll(sourceOf(forge), workdir);
  expect(all.filter(({ path }) => path.includes('foreign'))).toEqual([]);
});
