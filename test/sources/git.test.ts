import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, chmod, mkdir, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { createLog, silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { openSource } from '../../daemon/sources/open.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { contract } from './contract.ts';
import { type GitServer, serveGit } from './git-server.ts';
import {
  commit,
  eventually,
  git,
  materialise,
  never,
  processesMarked,
  pullAll,
  type Read,
  readAll,
  sampleRepository,
  source,
  temporary,
} from './helpers.ts';

const repository = (url: string): Source => source({ kind: 'git', name: 'sample', url });

/** Pulls, restores into a new place and gives the restored repository's path. */
async function restored(from: Source, workdir: string): Promise<string> {
  const dest = await temporary();
  await materialise(await pullAll(from, workdir), dest);
  return join(dest, 'sample.git');
}

const refsOf = (path: string) => git(path, 'for-each-ref', '--format=%(refname) %(objectname)');
const packsOf = (all: Read[]) => all.filter(({ path }) => path.includes('/pack/'));

async function failureOf(url: string, workdir?: string) {
  return pullAll(repository(url), workdir ?? (await temporary())).catch((error) => error);
}

const servers: GitServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const SECRET = 'Recognisable-0123/456';

contract('git', async () => {
  const origin = await sampleRepository();
  const served = await serveGit(dirname(origin));
  servers.push(served);
  served.password = `reader:${SECRET}`;
  const logged: string[] = [];
  const log = createLog(
    'test',
    () => 0,
    (line) => logged.push(line),
    'debug',
  );
  const url = `${served.url}/${basename(origin)}/.git`;
  const settings = { kind: 'git', name: 'sample', url, username: 'reader', token: Secret.fromText(SECRET) } as const;
  return {
    source: source(settings, log),
    vanish: () => rename(origin, `${origin}.gone`),
    async change() {
      commit(origin, 'a', 'changed');
      return ['sample.git/packed-refs'];
    },
    secret: SECRET,
    logged: () => logged,
  };
}, ['change', 'secret']);

describe('git', () => {
  it('is a bare repository with every ref that git clones and finds whole', async () => {
    const origin = await sampleRepository();
    const copy = await restored(repository(origin), await temporary());
    expect(refsOf(copy)).toBe(refsOf(origin));
    expect(refsOf(copy).split('\n')).toHaveLength(6);
    expect(git(copy, 'fsck', '--full', '--strict')).toBe('');
    const clone = join(await temporary(), 'clone');
    git('.', 'clone', '--quiet', copy, clone);
    expect(git(clone, 'rev-parse', 'HEAD')).toBe(git(origin, 'rev-parse', 'main'));
    expect(await readFile(join(clone, 'a'), 'utf8')).toBe('two');
    expect(await readFile(join(copy, 'config'), 'utf8')).not.toMatch(/remote|hook|url/);
  });

  it('states head and refs as facts', async () => {
    const origin = await sampleRepository();
    const { facts } = await repository(origin).pull({ workdir: await temporary(), signal: never });
    expect(facts).toMatchObject({
      head: 'refs/heads/main',
      refCount: 6,
      refs: {
        'refs/heads/main': git(origin, 'rev-parse', 'main'),
        'refs/pull/1/head': git(origin, 'rev-parse', 'main~1'),
      },
    });
    expect(facts).not.toHaveProperty('notes');
    expect(() => JSON.stringify(facts)).not.toThrow();
  });

  it('keeps rewritten and deleted history in packs that never change', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    const before = await pullAll(repository(origin), workdir);
    const lost = git(origin, 'rev-parse', 'main');
    git(origin, 'reset', '--quiet', '--hard', 'main~1');
    const rewritten = commit(origin, 'a', 'three');
    git(origin, 'branch', '-D', 'feature/x');
    git(origin, 'branch', 'feature');
    for (const ref of ['refs/tags/v1', 'refs/tags/v1-signed', 'refs/notes/commits'])
      git(origin, 'update-ref', '-d', ref);
    git(origin, 'reflog', 'expire', '--expire=now', '--all');
    git(origin, 'gc', '--quiet', '--prune=now');
    expect(() => git(origin, 'cat-file', '-e', lost)).toThrow();

    const after = await pullAll(repository(origin), workdir);
    const kept = new Map(packsOf(after).map((read) => [read.path, read]));
    expect(packsOf(before).length).toBeGreaterThanOrEqual(2);
    for (const pack of packsOf(before)) {
      expect(kept.get(pack.path)?.bytes).toEqual(pack.bytes);
      expect(kept.get(pack.path)?.entry).toMatchObject({ mtimeNs: pack.entry.kind === 'file' && pack.entry.mtimeNs });
    }
    const dest = await temporary();
    await materialise(after, dest);
    const copy = join(dest, 'sample.git');
    expect(refsOf(copy)).toBe(refsOf(origin));
    expect(git(copy, 'rev-parse', 'main')).toBe(rewritten);
    expect(git(copy, 'show', `${lost}:a`)).toBe('two');
  });

  it('copes with a ref that becomes a folder of refs and back', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    git(origin, 'branch', 'x');
    await pullAll(repository(origin), workdir);
    git(origin, 'branch', '-D', 'x');
    git(origin, 'branch', 'x/y');
    expect(refsOf(await restored(repository(origin), workdir))).toBe(refsOf(origin));
    git(origin, 'branch', '-D', 'x/y');
    git(origin, 'branch', 'x');
    expect(refsOf(await restored(repository(origin), workdir))).toBe(refsOf(origin));
  });

  it('follows HEAD: another branch, none, detached off every branch', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    const headOf = async () => (await repository(origin).pull({ workdir, signal: never })).facts['head'];
    expect(await headOf()).toBe('refs/heads/main');
    git(origin, 'checkout', '--quiet', 'feature/x');
    expect(await headOf()).toBe('refs/heads/feature/x');
    git(origin, 'symbolic-ref', 'HEAD', 'refs/heads/unborn');
    expect(await headOf()).toBe('refs/heads/feature/x');
    git(origin, 'checkout', '--quiet', '--force', '--detach', 'main');
    const alone = commit(origin, 'b', 'detached');
    expect(await headOf()).toBe(alone);
    expect(git(await restored(repository(origin), workdir), 'show', 'HEAD:b')).toBe('detached');
    git(origin, 'checkout', '--quiet', 'main');
    expect(await headOf()).toBe('refs/heads/main');
  });

  it('takes an empty repository and its first commit', async () => {
    const origin = join(await temporary(), 'origin');
    git('.', 'init', '--quiet', '-b', 'main', origin);
    const workdir = await temporary();
    const empty = await restored(repository(origin), workdir);
    expect(refsOf(empty)).toBe('');
    git('.', 'clone', '--quiet', empty, join(await temporary(), 'clone'));
    const first = commit(origin, 'a', 'x');
    expect(git(await restored(repository(origin), workdir), 'rev-parse', 'main')).toBe(first);
  });

  it('makes no snapshot of an origin that has lost all its refs', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await rm(origin, { recursive: true });
    git('.', 'init', '--quiet', origin);
    expect(await failureOf(origin, workdir)).toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining('has no branches or tags any more'),
    });
    await rm(join(workdir, 'mirror.git'), { recursive: true });
    expect(refsOf(await restored(repository(origin), workdir))).toBe('');
  });

  it('has all of 12,000 refs in packed-refs and 10,000 in the facts', async () => {
    const origin = await sampleRepository();
    const id = git(origin, 'rev-parse', 'main');
    const lines = Array.from({ length: 12_000 }, (_, index) => `create refs/heads/n/${index} ${id}\n`).join('');
    execFileSync('git', ['update-ref', '--stdin'], { cwd: origin, input: lines });
    const workdir = await temporary();
    const pulled = await repository(origin).pull({ workdir, signal: never });
    expect(pulled.facts['refCount']).toBe(12_006);
    expect(Object.keys(pulled.facts['refs'] as object)).toHaveLength(10_000);
    const all = await readAll(pulled);
    const packed = String(all.find(({ path }) => path === 'sample.git/packed-refs')?.bytes);
    expect(packed.match(/ refs\/heads\/n\//g)).toHaveLength(12_000);
    expect(all.filter(({ path }) => path.startsWith('sample.git/refs/'))).toEqual([]);
  }, 60_000);

  it('keeps names of refs that are not UTF-8', async () => {
    const origin = await sampleRepository();
    const id = git(origin, 'rev-parse', 'main');
    execFileSync('git', ['update-ref', '--stdin'], {
      cwd: origin,
      input: Buffer.concat([Buffer.from('create refs/heads/'), Buffer.from([0xe9]), Buffer.from(` ${id}\n`)]),
    });
    const all = await pullAll(repository(origin), await temporary());
    const packed = all.find(({ path }) => path === 'sample.git/packed-refs')?.bytes?.toString('latin1');
    expect(packed).toContain(`${id} refs/heads/\xe9\n`);
  });

  it('takes a repository of another object format, and starts over when the format changes', async () => {
    const parent = await temporary();
    const origin = await sampleRepository(parent);
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await rm(origin, { recursive: true });
    git('.', 'init', '--quiet', '-b', 'main', '--object-format=sha256', origin);
    const id = commit(origin, 'a', 'x');
    expect(id).toHaveLength(64);
    const { facts } = await repository(origin).pull({ workdir, signal: never });
    expect(facts['notes']).toEqual([expect.stringContaining('sha1 objects and the origin sha256')]);
    expect(git(await restored(repository(origin), workdir), 'show', 'main:a')).toBe('x');
  });

  it('takes a shallow origin for what it has, and stays usable', async () => {
    const full = await sampleRepository();
    const origin = join(await temporary(), 'shallow');
    git('.', 'clone', '--quiet', '--depth=1', '--no-single-branch', `file://${full}`, origin);
    const workdir = await temporary();
    const copy = await restored(repository(origin), workdir);
    expect(git(copy, 'rev-parse', 'main')).toBe(git(origin, 'rev-parse', 'main'));
    expect(git(copy, 'log', '--oneline', 'main').split('\n')).toHaveLength(1);
    git('.', 'clone', '--quiet', copy, join(await temporary(), 'clone'));
    await pullAll(repository(origin), workdir);
  });

  it.skipIf(process.getuid?.() !== 0)('reads a local origin that belongs to somebody else', async () => {
    const parent = await temporary();
    const origin = await sampleRepository(parent);
    execFileSync('chown', ['-R', 'nobody', parent]);
    expect(refsOf(await restored(repository(origin), await temporary()))).toContain('refs/heads/main');
  });

  it('is deaf to the environment, the user and the hooks around it', async () => {
    const origin = await sampleRepository();
    const home = await temporary();
    const ran = join(home, 'ran');
    await writeFile(
      join(home, '.gitconfig'),
      `[url "/nonexistent"]\n\tinsteadOf = ${origin}\n[core]\n\thooksPath = ${home}\n\tsshCommand = touch ${ran}\n`,
    );
    await writeFile(join(home, 'reference-transaction'), `#!/bin/sh\ntouch ${ran}\n`);
    await chmod(join(home, 'reference-transaction'), 0o755);
    const from = openSource(
      { kind: 'git', name: 'sample', url: origin },
      {
        environment: {
          ...process.env,
          HOME: home,
          GIT_DIR: '/nonexistent',
          GIT_OBJECT_DIRECTORY: '/nonexistent',
          GIT_TEMPLATE_DIR: home,
          GIT_CONFIG_PARAMETERS: "'core.hooksPath'='/nonexistent'",
          GIT_TRACE: ran,
        },
        clock: systemClock,
        log: silentLog,
      },
    );
    await pullAll(from, await temporary());
    await expect(readFile(ran)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('git refuses', () => {
  it('a URL that git would take for an option', async () => {
    const ran = join(await temporary(), 'ran');
    expect(await failureOf(`--upload-pack=touch ${ran}`)).toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining('is none that is fetched from'),
    });
    await expect(readFile(ran)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a URL that runs a program', async () => {
    const ran = join(await temporary(), 'ran');
    expect(await failureOf(`ext::sh -c touch% ${ran}`)).toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining('is none that is fetched from'),
    });
    await expect(readFile(ran)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a place that is no repository, and says what git said', async () => {
    const what = expect.stringContaining('does not appear to be a git repository');
    expect(await failureOf(await temporary())).toMatchObject({ code: 'source.failed', what });
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['answers in HTML', (_, response) => response.setHeader('content-type', 'text/html').end('<h1>Welcome</h1>')],
    ['answers in lines of HTML', (_, response) => response.end('<html>\n<h1>Welcome</h1>\n</html>\n')],
    ['answers nothing, successfully', (_, response) => response.end()],
    ['redirects for ever', (request, response) => response.writeHead(302, { location: request.url }).end()],
    ['fails', (_, response) => response.writeHead(500).end('oops')],
    ['hangs up', (_, response) => response.destroy()],
  ])('a server that %s', async (_, answer) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(await failureOf(`${url}/x.git`)).toMatchObject({ code: 'source.failed' });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('an origin whose own objects are lost, without blaming the mirror for ever', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    const before = await pullAll(repository(origin), workdir);
    commit(origin, 'a', 'new');
    const blob = git(origin, 'rev-parse', 'main:a');
    await rm(join(origin, '.git/objects', blob.slice(0, 2), blob.slice(2)));
    expect(await failureOf(origin, workdir)).toMatchObject({ code: 'source.failed' });
    git(origin, 'reset', '--quiet', '--soft', 'HEAD~1');
    const after = await pullAll(repository(origin), workdir);
    expect(packsOf(after).map(({ path }) => path)).toEqual(packsOf(before).map(({ path }) => path));
    expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
  });
});

describe('a damaged mirror', () => {
  const packFile = async (mirror: string, ending: string) => {
    const folder = join(mirror, 'objects/pack');
    const name = (await readdir(folder)).filter((file) => file.endsWith(ending)).sort()[0];
    return join(folder, name ?? 'none');
  };
  const flip = (ending: string, where: (size: number) => number) => async (mirror: string) => {
    const path = await packFile(mirror, ending);
    await chmod(path, 0o644);
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, where(size));
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, where(size));
    await file.close();
  };

  it.each<[string, (mirror: string) => Promise<unknown>]>([
    ['a bit flipped in the middle of a pack', flip('.pack', (size) => size >> 1)],
    ['a bit flipped in the end of a pack', flip('.pack', (size) => size - 1)],
    ['a bit flipped at the start of a pack', flip('.pack', () => 0)],
    ['a bit flipped in an index', flip('.idx', (size) => size - 30)],
    [
      'a pack lost with its index',
      async (mirror) => {
        await rm(await packFile(mirror, '.idx'));
        await rm(await packFile(mirror, '.pack'));
      },
    ],
    ['a pack lost without its index', async (mirror) => rm(await packFile(mirror, '.pack'))],
    ['an index lost', async (mirror) => rm(await packFile(mirror, '.idx'))],
    ['a pack cut short', async (mirror) => truncate(await packFile(mirror, '.pack'), 10)],
    ['a pack emptied', async (mirror) => truncate(await packFile(mirror, '.pack'), 0)],
    ['HEAD emptied', async (mirror) => truncate(join(mirror, 'HEAD'), 0)],
    ['the configuration lost', async (mirror) => rm(join(mirror, 'config'))],
    ['the refs garbled', async (mirror) => appendFile(join(mirror, 'packed-refs'), 'nonsense\n')],
    [
      'a ref to nowhere',
      async (mirror) => appendFile(join(mirror, 'packed-refs'), `${'1'.repeat(40)} refs/zzz/nowhere\n`),
    ],
    [
      'an object outside the packs',
      async (mirror) => {
        await mkdir(join(mirror, 'objects/ab'));
        await writeFile(join(mirror, 'objects/ab', 'c'.repeat(38)), 'x');
      },
    ],
  ])('with %s never reaches a snapshot', async (_, damage) => {
    const origin = await sampleRepository();
    // Most of the pack is this blob, which a look at the graph of commits and trees does not read.
    commit(origin, 'noise', randomBytes(100_000));
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await damage(join(workdir, 'mirror.git'));
    const copy = await restored(repository(origin), workdir);
    expect(git(copy, 'fsck', '--full', '--strict')).toBe('');
    expect(refsOf(copy)).toBe(refsOf(origin));
  });

  it('is set aside with a note that says why, and the next pull has nothing to say', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await flip('.pack', (size) => size >> 1)(join(workdir, 'mirror.git'));
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
    const from = source({ kind: 'git', name: 'sample', url: origin }, log);
    const { facts } = await from.pull({ workdir, signal: never });
    expect(facts['notes']).toEqual(warnings);
    expect(warnings).toEqual([expect.stringMatching(/damaged \(objects\/pack\/.*checksum.*fetched afresh/)]);
    expect(await readdir(workdir)).toContain('mirror.git.damaged');
    expect((await from.pull({ workdir, signal: never })).facts).not.toHaveProperty('notes');
  });

  it('is no way for an emptied origin to become an empty snapshot', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await truncate(join(workdir, 'mirror.git/HEAD'), 0);
    await rm(origin, { recursive: true });
    git('.', 'init', '--quiet', origin);
    for (let again = 0; again < 2; again++)
      expect(await failureOf(origin, workdir)).toMatchObject({
        what: expect.stringContaining('nothing to start over from'),
      });
  });

  it('is left alone while the origin is away', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(repository(origin), workdir);
    await flip('.pack', (size) => size >> 1)(join(workdir, 'mirror.git'));
    await rename(origin, `${origin}.gone`);
    expect(await failureOf(origin, workdir)).toMatchObject({ code: 'source.failed' });
    expect((await readdir(workdir)).sort()).toEqual(['gitconfig', 'lfs', 'mirror.git']);
  });
});

describe('git over HTTP', () => {
  let server: GitServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  /** A served repository whose pack is about 1 MB of noise. */
  async function served() {
    const root = await temporary();
    const origin = await sampleRepository(root);
    commit(origin, 'noise', randomBytes(1_000_000));
    server = await serveGit(root);
    return { server, origin, url: `${server.url}/origin/.git` };
  }

  it('takes credentials from the URL and shows them to the server only', async () => {
    const { server, origin, url } = await served();
    server.password = 'us%er:se:cret/@word';
    const withPassword = url.replace('http://', 'http://us%25er:se:cret%2F%40word@');
    const workdir = await temporary();
    let commandLines = '';
    server.mischief = {
      kind: 'stall',
      bytes: 500_000,
      reached: () => {
        for (const pid of processesMarked(workdir)) commandLines += readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        stop.abort();
      },
    };
    const stop = new AbortController();
    await expect(pullAll(repository(withPassword), workdir, stop.signal)).rejects.toMatchObject({
      code: 'source.stopped',
    });
    expect(commandLines).toContain('git-remote-http');
    expect(commandLines).not.toContain('cret');
    server.mischief = undefined;
    expect(refsOf(await restored(repository(withPassword), workdir))).toBe(refsOf(origin));
    expect(() => execFileSync('grep', ['-rq', 'cret', workdir])).toThrow();
  });

  it('believes an empty repository of a server that speaks the protocol', async () => {
    const root = await temporary();
    git('.', 'init', '--quiet', '--bare', join(root, 'empty.git'));
    server = await serveGit(root);
    const workdir = await temporary();
    expect(refsOf(await restored(repository(`${server.url}/empty.git`), workdir))).toBe('');
    expect((await readdir(workdir)).sort()).toEqual(['gitconfig', 'mirror.git']);
  });

  it.each(['wrong:secret', 'secret'])('does not repeat the wrong credentials %s', async (credentials) => {
    const { server, url } = await served();
    server.password = 'user:other';
    const failure = await failureOf(url.replace('http://', `http://${credentials}@`));
    expect(failure).toMatchObject({ code: 'source.failed' });
    expect(JSON.stringify([failure.message, failure.cause, failure.stack])).not.toContain('secret');
  });

  it.each([10_000, 300_000, 900_000])('resumes after git was killed %i bytes into the pack', async (bytes) => {
    const { server, origin, url } = await served();
    const workdir = await temporary();
    let killed = 0;
    server.mischief = {
      kind: 'stall',
      bytes,
      reached: () => {
        for (const pid of processesMarked(workdir)) killed += Number(wasKilled(pid));
      },
    };
    expect(await failureOf(url, workdir)).toMatchObject({
      code: 'source.failed',
      what: expect.stringMatching(/killed/),
    });
    expect(killed).toBeGreaterThan(0);
    expect(processesMarked(workdir)).toEqual([]);
    server.mischief = undefined;
    const copy = await restored(repository(url), workdir);
    expect(refsOf(copy)).toBe(refsOf(origin));
    expect(git(copy, 'fsck', '--full')).toBe('');
    expect(
      (await readdir(join(workdir, 'mirror.git/objects/pack'))).filter((name) => !name.startsWith('pack-')),
    ).toEqual([]);
    expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
  });

  it.each([10_000, 300_000, 900_000])(
    'resumes after a stop %i bytes into the pack, and leaves no process',
    async (bytes) => {
      const { server, origin, url } = await served();
      const workdir = await temporary();
      const stop = new AbortController();
      server.mischief = { kind: 'stall', bytes, reached: () => stop.abort() };
      await expect(pullAll(repository(url), workdir, stop.signal)).rejects.toMatchObject({ code: 'source.stopped' });
      await eventually(() => processesMarked(workdir).length === 0);
      server.mischief = undefined;
      expect(refsOf(await restored(repository(url), workdir))).toBe(refsOf(origin));
      expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
    },
  );

  it.each([10_000, 300_000, 900_000])('rejects a pack cut off after %i bytes, and keeps what it had', async (bytes) => {
    const { server, origin, url } = await served();
    const workdir = await temporary();
    const before = await pullAll(repository(url), workdir);
    commit(origin, 'more', randomBytes(1_000_000));
    server.mischief = { kind: 'cut', bytes };
    expect(await failureOf(url, workdir)).toMatchObject({ code: 'source.failed' });
    server.mischief = undefined;
    const after = await pullAll(repository(url), workdir);
    const kept = packsOf(after).map(({ path }) => path);
    for (const { path } of packsOf(before)) expect(kept).toContain(path);
    expect(kept.length).toBeGreaterThan(packsOf(before).length);
  });

  it('clears away what a killed git leaves, wherever it was killed', async () => {
    const { url, origin } = await served();
    const workdir = await temporary();
    await pullAll(repository(url), workdir);
    const mirror = join(workdir, 'mirror.git');
    await mkdir(join(mirror, 'refs/heads'), { recursive: true });
    const pack = (await readdir(join(mirror, 'objects/pack'))).find((name) => name.endsWith('.pack')) ?? '';
    for (const left of [
      'HEAD.lock',
      'packed-refs.lock',
      'packed-refs.new',
      'config.lock',
      'refs/heads/main.lock',
      'objects/pack/tmp_pack_abc',
      'objects/pack/tmp_idx_abc',
      `objects/pack/${pack.replace('.pack', '.keep')}`,
      `objects/pack/pack-${'a'.repeat(40)}.pack`,
    ])
      await writeFile(join(mirror, left), 'x');
    await mkdir(`${mirror}.new`);
    const latest = commit(origin, 'a', 'after');
    const all = await pullAll(repository(url), workdir);
    expect(all.map(({ path }) => path).filter((path) => /lock|tmp_|keep|aaaa/.test(path))).toEqual([]);
    expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
    const { facts } = await repository(url).pull({ workdir, signal: never });
    expect((facts['refs'] as Record<string, string>)['refs/heads/main']).toBe(latest);
  });
});

/** Whether `pid` was still there to be killed: git's helpers end by themselves once what they serve is gone. */
function wasKilled(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

it('git over ssh asks nobody anything, and does not outlive the process that pulls', async () => {
  const origin = await sampleRepository();
  commit(origin, 'noise', randomBytes(3_000_000));
  // Stands in for ssh: runs the remote command here and passes on 10 kB every 20 ms.
  const bin = await temporary();
  await writeFile(
    join(bin, 'ssh'),
    `#!${process.execPath}
const { spawn } = require('node:child_process');
require('node:fs').writeFileSync(${JSON.stringify(join(bin, 'args'))}, process.argv.slice(2).join(' '));
const remote = spawn('sh', ['-c', process.argv.at(-1)], { stdio: ['inherit', 'pipe', 'inherit'] });
remote.stdout.on('readable', () => {});
setInterval(() => {
  const chunk = remote.stdout.read(Math.min(10000, remote.stdout.readableLength));
  if (chunk !== null) process.stdout.write(chunk);
  else if (remote.stdout.readableEnded) process.exit();
}, 20);
process.stdout.on('error', () => process.exit(1));
`,
    { mode: 0o755 },
  );
  const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  const workdir = await temporary();
  const url = `backup@host:${origin}/.git`;
  const script = new URL('pull-once.ts', import.meta.url).pathname;
  const puller = spawn(
    process.execPath,
    ['--import', 'tsx', script, JSON.stringify({ kind: 'git', name: 'sample', url }), workdir],
    {
      env: environment,
      stdio: 'inherit',
    },
  );
  const started = await eventually(() => {
    const found = processesMarked(workdir).filter((pid) => pid !== puller.pid);
    return existsSync(join(workdir, 'mirror.git/objects/pack')) &&
      readdirSync(join(workdir, 'mirror.git/objects/pack')).some((name) => name.startsWith('tmp_pack'))
      ? found
      : undefined;
  });
  expect(started.length).toBeGreaterThan(0);
  puller.kill('SIGKILL');
  await eventually(() => processesMarked(workdir).length === 0);
  expect(readFileSync(join(bin, 'args'), 'utf8')).toMatch(/BatchMode=yes .*backup@host git-upload-pack/);

  await writeFile(join(bin, 'ssh'), '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n');
  const from = openSource({ kind: 'git', name: 'sample', url }, { environment, clock: systemClock, log: silentLog });
  expect(refsOf(await restored(from, workdir))).toBe(refsOf(origin));
});
