import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { isTrusted, placeOfModule } from '../../daemon/sources/git-submodules.ts';
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
  source,
  temporary,
} from './helpers.ts';

const servers: GitServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serving(root: string): Promise<GitServer> {
  const server = await serveGit(root);
  servers.push(server);
  return server;
}

const from = (url: string, more = {}) => source({ kind: 'git', name: 'sample', url, submodules: true, ...more });

/** Repositories `origin`, `lib` and `deep` in one folder. */
async function family() {
  const root = await temporary();
  const make = async (name: string) => {
    const path = await sampleRepository(await temporary());
    await rename(path, join(root, name));
    return join(root, name);
  };
  return { root, origin: await make('origin'), lib: await make('lib'), deep: await make('deep') };
}

const modules = (...urls: string[]) =>
  urls.map((url, index) => `[submodule "m${index}"]\n\tpath = m${index}\n\turl = "${url}"\n`).join('');

const headsIn = (all: Read[]) => all.map(({ path }) => path).filter((path) => path.endsWith('/HEAD'));
const problemsIn = (all: Read[]) =>
  all.flatMap(({ path, entry }) => {
    if (entry.kind === 'problem') return [{ path, reason: entry.reason }];
    return entry.kind === 'directory' && entry.problem !== undefined ? [{ path, reason: entry.problem }] : [];
  });

describe('submodules', () => {
  it('are facts, and not fetched unless that is asked for', async () => {
    const { origin } = await family();
    commit(origin, '.gitmodules', modules('../lib', 'https://user:secret@host/x.git'));
    const pulled = await from(origin, { submodules: false }).pull({ workdir: await temporary(), signal: never });
    expect(pulled.facts['submodules']).toEqual([
      { path: 'm0', url: '../lib' },
      { path: 'm1', url: 'https://***@host/x.git' },
    ]);
    expect(headsIn(await readAll(pulled))).toEqual(['sample.git/HEAD']);
  });

  it('are repositories of their own, those of submodules too, each once, and in a circle', async () => {
    const { root, origin, lib, deep } = await family();
    const { url } = await serving(root);
    commit(origin, '.gitmodules', modules('../../lib/.git', `${url}/lib/.git/`));
    commit(lib, '.gitmodules', modules('../../deep/.git'));
    commit(deep, '.gitmodules', modules('../../origin/.git', '../../lib/.git'));
    const workdir = await temporary();
    const pulled = await from(`${url}/origin/.git`).pull({ workdir, signal: never });
    const all = await readAll(pulled);
    const at = (name: string) => placeOfModule(`${url}/${name}/.git`);
    expect(headsIn(all)).toEqual([
      'sample.git/HEAD',
      ...[at('lib'), at('deep')].sort().map((place) => `${place}/HEAD`),
    ]);
    expect(problemsIn(all)).toEqual([]);
    expect(pulled.facts['submodules']).toEqual([
      { path: 'm0', url: '../../lib/.git', repository: at('lib') },
      { path: 'm1', url: `${url}/lib/.git/`, repository: at('lib') },
    ]);
    const dest = await temporary();
    await materialise(all, dest);
    expect(git(join(dest, at('deep')), 'rev-parse', 'main')).toBe(git(deep, 'rev-parse', 'main'));
    expect((await pullAll(from(`${url}/origin/.git`), workdir)).map(({ path }) => path)).toEqual(
      all.map(({ path }) => path),
    );
  });

  it('that cannot be had are problems, and what was had of them before stays', async () => {
    const { root, origin, lib } = await family();
    const { url } = await serving(root);
    commit(origin, '.gitmodules', modules('../../lib/.git', '../../none/.git'));
    const workdir = await temporary();
    const pull = () => pullAll(from(`${url}/origin/.git`), workdir);
    const [lost, kept] = [placeOfModule(`${url}/none/.git`), placeOfModule(`${url}/lib/.git`)];
    expect(problemsIn(await pull())).toEqual([{ path: lost, reason: expect.stringContaining('could not be fetched') }]);
    await rename(lib, `${lib}.gone`);
    const all = await pull();
    expect(problemsIn(all)).toEqual(
      [
        { path: lost, reason: expect.stringContaining('could not be fetched') },
        { path: kept, reason: expect.stringContaining('as it was before') },
      ].sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
    expect(headsIn(all)).toContain(`${kept}/HEAD`);
  });

  it('that nobody names any more stay, and are flagged', async () => {
    const { root, origin } = await family();
    const { url } = await serving(root);
    commit(origin, '.gitmodules', modules('../../lib/.git'));
    const workdir = await temporary();
    await pullAll(from(`${url}/origin/.git`), workdir);
    git(origin, 'rm', '--quiet', '.gitmodules');
    git(origin, 'commit', '--quiet', '-m', 'None');
    const pulled = await from(`${url}/origin/.git`).pull({ workdir, signal: never });
    const place = placeOfModule(`${url}/lib/.git`);
    expect(headsIn(await readAll(pulled))).toContain(`${place}/HEAD`);
    expect(pulled.facts['notes']).toEqual([expect.stringContaining(`kept: ${place}`)]);
  });

  it('of a remote repository never lead to this machine, nor to a program', async () => {
    const { root, origin, lib } = await family();
    const { url } = await serving(root);
    const ran = join(await temporary(), 'ran');
    const bad = [
      lib,
      `file://${lib}`,
      `ext::sh -c touch% ${ran}`,
      `--upload-pack=touch ${ran}`,
      '../../../../x',
      'git@other:x.git',
    ];
    commit(origin, '.gitmodules', modules(...bad));
    // git itself refuses a submodule whose URL is an option.
    await expect(pullAll(from(`${url}/origin/.git`), await temporary())).rejects.toMatchObject({
      what: expect.stringContaining('gitmodulesUrl'),
    });
    git(origin, 'reset', '--quiet', '--hard', 'main~1');
    git(origin, 'reflog', 'expire', '--expire=now', '--all');
    const harmless = bad.filter((one) => !one.startsWith('-'));
    commit(origin, '.gitmodules', modules(...harmless));
    const all = await pullAll(from(`${url}/origin/.git`), await temporary());
    expect(headsIn(all)).toEqual(['sample.git/HEAD']);
    expect(problemsIn(all)).toHaveLength(harmless.length);
    for (const { reason } of problemsIn(all)) expect(reason).toMatch(/leads to this machine|another ssh server/);
    expect(existsSync(ran)).toBe(false);
  });

  it('on another host are asked without the credentials of the origin', async () => {
    const { root, origin } = await family();
    const { url, ...rest } = await serving(root);
    const [own] = servers;
    const other = await serving(root);
    if (own === undefined) throw new Error(`no server ${String(rest)}`);
    own.password = 'x-access-token:planted-token';
    const seen: (string | undefined)[] = [];
    other.intercept = (request) => {
      seen.push(request.headers.authorization);
      return false;
    };
    other.password = undefined;
    commit(origin, '.gitmodules', modules('../../lib/.git', `${other.url}/deep/.git`));
    const workdir = await temporary();
    const token = Secret.fromText('planted-token');
    const all = await pullAll(from(`${url}/origin/.git`, { token }), workdir);
    expect(headsIn(all)).toHaveLength(3);
    expect(problemsIn(all)).toEqual([]);
    expect(new Set(seen)).toEqual(new Set([undefined]));

    // Nor when it asks for them.
    other.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return true;
    };
    expect(problemsIn(await pullAll(from(`${url}/origin/.git`, { token }), workdir))).toHaveLength(1);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('are followed five deep, and no deeper', async () => {
    const root = await temporary();
    for (let level = 0; level <= 7; level += 1) {
      const path = await sampleRepository(await temporary());
      commit(path, '.gitmodules', modules(`../../r${level + 1}/.git`));
      await rename(path, join(root, `r${level}`));
    }
    const { url } = await serving(root);
    const all = await pullAll(from(`${url}/r0/.git`), await temporary());
    expect(headsIn(all)).toHaveLength(6);
    expect(problemsIn(all)).toEqual([
      { path: placeOfModule(`${url}/r6/.git`), reason: expect.stringContaining('6 submodules deep') },
    ]);
  }, 60_000);

  it('that are refused are named all the same, every one', async () => {
    const { root, origin } = await family();
    const { url } = await serving(root);
    commit(origin, '.gitmodules', modules(...Array.from({ length: 260 }, (_, index) => `file:///x/${index}`)));
    const all = await pullAll(from(`${url}/origin/.git`), await temporary());
    expect(problemsIn(all)).toHaveLength(260);
    await rm(join(root, 'lib'), { recursive: true });
  });
});

it.each([
  ['https://a/x', 'https://a/y', true],
  ['https://a/x', 'http://a/y', false],
  ['https://a/x', 'https://a:8443/y', false],
  ['https://a/x', 'https://a.evil/y', false],
  ['https://a/x', 'https://b@a/y', true],
  ['https://a/x', 'ssh://a/y', false],
  ['git@a:x', 'ssh://git@a/y', true],
  ['git@a:x', 'git@b:y', false],
  ['/srv/x', '/srv/y', true],
])('of %s and %s share credentials: %s', (origin, address, trusted) => {
  expect(isTrusted(origin, address)).toBe(trusted);
});
