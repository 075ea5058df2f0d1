import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { parseAddress, resolveSubmodule } from '../../daemon/sources/git-address.ts';
import { openSource } from '../../daemon/sources/open.ts';
import { type GitServer, serveGit } from './git-server.ts';
import {
  commit,
  git,
  materialise,
  never,
  processesMarked,
  pullAll,
  sampleRepository,
  source,
  temporary,
} from './helpers.ts';

const from = (url: string, more = {}) => source({ kind: 'git', name: 'sample', url, ...more });
const failureOf = (url: string, workdir: string, more = {}) =>
  pullAll(from(url, more), workdir).catch((error: unknown) => error as Error);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function served(): Promise<{ server: GitServer; origin: string; url: string; root: string }> {
  const root = await temporary();
  const origin = await sampleRepository(root);
  const server = await serveGit(root);
  closing.push(() => server.close());
  return { server, origin, url: `${server.url}/origin/.git`, root };
}

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An executable of `sh`. */
async function script(text: string): Promise<string> {
  const path = join(await temporary(), 'script');
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

describe('an address', () => {
  it.each([
    'ext::sh -c true',
    'fd::17',
    'transport::https://host/x',
    '--upload-pack=touch x',
    '-x',
    '',
    'https://host/x\nhost: other',
    'https://host/x\r',
    'https://host/\u0000',
    'ssh://-oProxyCommand=true/x',
    '-oProxyCommand=true:x',
    'ssh://user@-host/x',
    'https://-x/y',
    'ftp://host/x',
    'javascript://host/x',
    'file://host/x',
  ])('%j is none', async (url) => {
    expect(parseAddress(url)).toBeUndefined();
    expect(await failureOf(url, await temporary())).toMatchObject({ code: 'source.failed' });
  });

  it.each([
    ['https://host/a/b.git', 'http'],
    ['HTTPS://host:8443/a', 'http'],
    ['ssh://git@host:22/a', 'ssh'],
    ['ssh://[::1]:22/a', 'ssh'],
    ['git@host:a/b.git', 'ssh'],
    ['git://host/a', 'git'],
    ['/srv/a b', 'local'],
    ['./a:b', 'local'],
    ['file:///srv/a', 'local'],
  ])('%s is of kind %s', (url, kind) => {
    expect(parseAddress(url)?.kind).toBe(kind);
  });

  it.each<[string, string, string | undefined]>([
    ['https://host/group/app.git', '../lib.git', 'https://host/group/lib.git'],
    ['https://host/group/app.git/', '../../other/lib', 'https://host/other/lib'],
    ['https://host/group/app.git', './lib', 'https://host/group/app.git/lib'],
    ['https://host/group/app.git', '../../../x', undefined],
    ['https://host/app.git', '..', undefined],
    ['git@host:group/app.git', '../lib.git', 'git@host:group/lib.git'],
    ['ssh://git@host:22/group/app.git', '../lib.git', 'ssh://git@host:22/group/lib.git'],
    ['git@host:group/app.git', '../../../lib.git', undefined],
    ['https://host/app.git', 'https://other/lib.git', 'https://other/lib.git'],
    ['https://host/app.git', 'git@other:lib.git', 'git@other:lib.git'],
    ['https://host/app.git', 'file:///etc', undefined],
    ['https://host/app.git', '/etc', undefined],
    ['https://host/app.git', 'lib', undefined],
    ['https://host/app.git', 'ext::sh -c true', undefined],
    ['https://host/app.git', '-x', undefined],
    ['https://host/app.git', '../a\nb', undefined],
    ['/srv/git/app', '../lib', '/srv/git/lib'],
    ['/srv/git/app', '../../secret', undefined],
    ['/srv/git/app', '..', undefined],
    ['/srv/git/app', '/srv/git/lib', undefined],
  ])('of %s and submodule %s is %s', (base, url, expected) => {
    expect(resolveSubmodule(base, url)).toBe(expected);
  });
});

describe('objects that come are looked at', () => {
  /** A repository whose branch `odd` has a tree of exactly these bytes. */
  async function withTree(origin: string, entry: string): Promise<void> {
    const blob = git(origin, 'rev-parse', 'main:a');
    const bytes = Buffer.concat([Buffer.from(`${entry}\0`), Buffer.from(blob, 'hex')]);
    const tree = execFileSync('git', ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], {
      cwd: origin,
      input: bytes,
    });
    const made = git(origin, 'commit-tree', '-m', 'odd', tree.toString().trim());
    git(origin, 'update-ref', 'refs/heads/odd', made);
  }

  it('and a fault of old programs is noted, kept, and restored', async () => {
    const origin = await sampleRepository();
    await withTree(origin, '0100644 a');
    const workdir = await temporary();
    const { facts } = await from(origin).pull({ workdir, signal: never });
    expect(facts['notes']).toEqual([expect.stringMatching(/old, wrong form.*[0-9a-f]{40}: zeroPaddedFilemode/)]);
    const dest = await temporary();
    await materialise(await pullAll(from(origin), workdir), dest);
    expect(git(join(dest, 'sample.git'), 'show', 'odd:a')).toBe('two');
    expect((await from(origin).pull({ workdir, signal: never })).facts).not.toHaveProperty('notes');
  });

  it.each([
    ['100644 .git', 'hasDotgit'],
    ['100644 ..', 'hasDotdot'],
    ['100644 a/b', 'fullPathname'],
  ])('and a tree with "%s" is refused', async (entry, fault) => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(from(origin), workdir);
    await withTree(origin, entry);
    expect(await failureOf(origin, workdir)).toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining(fault),
    });
    git(origin, 'branch', '-D', 'odd');
    await pullAll(from(origin), workdir);
    expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
  });

  it('and a pack that lacks some is refused, and leaves nothing behind', async () => {
    const { server, origin, url } = await served();
    const workdir = await temporary();
    await pullAll(from(url), workdir);
    const packs = () => readdir(join(workdir, 'mirror.git/objects/pack'));
    const before = await packs();
    commit(origin, 'a', 'three');
    server.packer = await script(
      `exec git -C ${origin} pack-objects --stdout <<END\n${git(origin, 'rev-parse', 'main')}\nEND`,
    );
    expect(await failureOf(url, workdir)).toMatchObject({ code: 'source.failed' });
    server.packer = undefined;
    expect((await pullAll(from(url), workdir)).length).toBeGreaterThan(0);
    expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
    expect(await packs()).toEqual(expect.arrayContaining(before));
  });
});

describe('a server that', () => {
  it('is busy for ever is given up after two hours of nothing but that', async () => {
    const { server, url } = await served();
    server.packer = await script('while :; do echo still busy >&2; done');
    const workdir = await temporary();
    let asked = 0;
    const impatient = {
      ...systemClock,
      after: (ms: number, run: () => void) => {
        if (ms === 7_200_000) asked += 1;
        return systemClock.after(ms === 7_200_000 ? 300 : ms, run);
      },
    };
    const source = openSource(
      { kind: 'git', name: 'sample', url },
      { environment: process.env, clock: impatient, log: silentLog },
    );
    await expect(pullAll(source, workdir)).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining('nothing has come from the server for 2 hours'),
    });
    // What it says of itself never set the time back.
    expect(asked).toBe(1);
    expect(processesMarked(workdir)).toEqual([]);
  });

  it.each<[string, boolean]>([
    ['redirects before it asks for a password', false],
    ['redirects once it has the password', true],
  ])('%s does not move it to another host', async (_, first) => {
    const { server, url } = await served();
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    });
    if (first) server.password = 'x-access-token:planted-token';
    server.intercept = (request, response) => {
      response.writeHead(302, { location: `${other.replace('127.0.0.1', 'localhost')}${request.url}` }).end();
      return true;
    };
    const workdir = await temporary();
    const failure = await failureOf(url, workdir, { token: Secret.fromText('planted-token') });
    expect(failure).toMatchObject({ code: 'source.failed' });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((header) => header !== undefined)).toEqual([]);
  });

  it('stalls sees the token, and no command line, file, fact or error does', async () => {
    const { server, origin, url } = await served();
    commit(origin, 'noise', randomBytes(1_000_000));
    server.password = 'me:planted-token';
    const credentials = { username: 'me', token: Secret.fromText('planted-token') };
    const workdir = await temporary();
    const stop = new AbortController();
    let commandLines = '';
    server.mischief = {
      kind: 'stall',
      bytes: 500_000,
      reached: () => {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
          try {
            commandLines += readFileSync(`/proc/${pid}/cmdline`, 'latin1');
          } catch {
            // It has ended meanwhile.
          }
        stop.abort();
      },
    };
    const stopped = await pullAll(from(url, credentials), workdir, stop.signal).catch(
      (error: unknown) => error as Error,
    );
    expect(stopped).toMatchObject({ code: 'source.stopped' });
    expect(commandLines).toContain('git-remote-http');
    expect(commandLines).not.toContain('planted-token');
    server.mischief = undefined;
    const pulled = await from(url, credentials).pull({ workdir, signal: never });
    expect(JSON.stringify([pulled.facts, String(stopped), (stopped as Error).stack])).not.toContain('planted');
    server.password = 'me:another';
    expect(JSON.stringify(Object.getOwnPropertyNames(await failureOf(url, workdir, credentials)))).not.toContain(
      'planted',
    );
    expect(String(await failureOf(url, workdir, credentials))).not.toContain('planted');
    expect(() => execFileSync('grep', ['-rq', 'planted', workdir])).toThrow();
  });

  it('lists refs for ever is given up before it has the memory of the machine', async () => {
    const { server, url } = await served();
    const lines = Array.from({ length: 2000 }, () => {
      const line = `${'1'.repeat(40)} refs/heads/${randomBytes(400).toString('hex')}\n`;
      return `${(line.length + 4).toString(16).padStart(4, '0')}${line}`;
    }).join('');
    let sent = 0;
    server.intercept = (_, response) => {
      response.setHeader('content-type', 'application/x-git-upload-pack-advertisement');
      const first = `${'1'.repeat(40)} refs/heads/a\0side-band-64k\n`;
      response.write(`001e# service=git-upload-pack\n0000${(first.length + 4).toString(16).padStart(4, '0')}${first}`);
      const more = () => {
        sent += lines.length;
        response.write(lines, (error) => error ?? more());
      };
      more();
      return true;
    };
    expect(await failureOf(url, await temporary())).toMatchObject({ code: 'source.failed' });
    expect(sent).toBeLessThan(2 ** 30);
  }, 60_000);

  it('cuts a pack off leaves nothing of it on the disk', async () => {
    const { server, origin, url } = await served();
    commit(origin, 'noise', randomBytes(1_000_000));
    server.mischief = { kind: 'cut', bytes: 500_000 };
    const workdir = await temporary();
    expect(await failureOf(url, workdir)).toMatchObject({ code: 'source.failed' });
    expect(await readdir(join(workdir, 'mirror.git/objects/pack'))).toEqual([]);
  });
});

describe('an origin that', () => {
  it('has refs that differ only in case is mirrored with both', async () => {
    const origin = await sampleRepository();
    git(origin, 'branch', 'Main', 'main~1');
    const dest = await temporary();
    await materialise(await pullAll(from(origin), await temporary()), dest);
    const copy = join(dest, 'sample.git');
    expect(git(copy, 'rev-parse', 'Main')).toBe(git(origin, 'rev-parse', 'main~1'));
    expect(git(copy, 'rev-parse', 'main')).toBe(git(origin, 'rev-parse', 'main'));
  });

  it('borrows its objects from another repository is copied whole', async () => {
    const lender = await sampleRepository();
    const origin = join(await temporary(), 'borrower');
    git('.', 'clone', '--quiet', '--shared', lender, origin);
    const last = commit(origin, 'a', 'own');
    const dest = await temporary();
    await materialise(await pullAll(from(origin), await temporary()), dest);
    await rename(lender, `${lender}.gone`);
    const copy = join(dest, 'sample.git');
    expect(git(copy, 'rev-parse', 'main')).toBe(last);
    expect(git(copy, 'fsck', '--full', '--strict')).toBe('');
    expect(await readdir(join(copy, 'objects/info'))).toEqual([]);
  });

  it('has only a part of its objects, and cannot get the rest, is refused', async () => {
    const whole = await sampleRepository();
    git(whole, 'config', 'uploadpack.allowFilter', 'true');
    const origin = join(await temporary(), 'partial');
    git('.', 'clone', '--quiet', '--bare', '--filter=blob:none', `file://${whole}`, origin);
    await rename(whole, `${whole}.gone`);
    const workdir = await temporary();
    expect(await failureOf(origin, workdir)).toMatchObject({ code: 'source.failed' });
    await rename(`${whole}.gone`, whole);
    const dest = await temporary();
    await rm(origin, { recursive: true });
    git('.', 'clone', '--quiet', '--bare', `file://${whole}`, origin);
    await materialise(await pullAll(from(origin), workdir), dest);
    expect(git(join(dest, 'sample.git'), 'fsck', '--full')).toBe('');
  });

  it('keeps review refs, notes, and tags with their signatures', async () => {
    const origin = await sampleRepository();
    const head = git(origin, 'rev-parse', 'main');
    git(origin, 'update-ref', 'refs/merge-requests/7/head', head);
    git(origin, 'update-ref', 'refs/changes/01/1/1', head);
    const tag = `object ${head}\ntype commit\ntag signed\ntagger A <a@example.org> 1700000000 +0000\n\nRelease\n-----BEGIN PGP SIGNATURE-----\n\nnot verified here\n-----END PGP SIGNATURE-----\n`;
    const id = execFileSync('git', ['mktag'], { cwd: origin, input: tag }).toString().trim();
    git(origin, 'update-ref', 'refs/tags/signed', id);
    const dest = await temporary();
    await materialise(await pullAll(from(origin), await temporary()), dest);
    const copy = join(dest, 'sample.git');
    for (const ref of ['refs/merge-requests/7/head', 'refs/changes/01/1/1', 'refs/notes/commits', 'refs/pull/1/head'])
      expect(git(copy, 'rev-parse', ref)).toBe(git(origin, 'rev-parse', ref));
    expect(`${git(copy, 'cat-file', 'tag', 'signed')}\n`).toBe(tag);
  });
});

describe('what was found good is not read again', () => {
  it('but a pack lost, touched or not read for sixteen runs is found', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(from(origin), workdir);
    const mirror = join(workdir, 'mirror.git');
    const record = join(mirror, 'checked.json');
    const read = async () =>
      JSON.parse(await readFile(record, 'utf8')) as { run: number; files: Record<string, [string, number]> };
    const first = await read();
    expect(Object.keys(first.files).sort()).toEqual(
      [...(await readdir(join(mirror, 'objects/pack'))).map((name) => `pack/${name}`), 'history'].sort(),
    );
    commit(origin, 'a', 'three');
    await pullAll(from(origin), workdir);
    const second = await read();
    const again = Object.entries(second.files).filter(([, [, run]]) => run === second.run);
    // Only what the second fetch brought, and nothing of what was there.
    expect(again.length).toBeGreaterThan(0);
    expect(again.filter(([name]) => name in first.files)).toEqual([]);
    for (let run = second.run; run < 16; run++) await pullAll(from(origin), workdir);
    expect((await read()).files['history']?.[1]).toBe(1);
    await pullAll(from(origin), workdir);
    const late = await read();
    expect(Object.keys(first.files).map((name) => late.files[name]?.[1])).toEqual(
      Object.keys(first.files).map(() => 17),
    );
  }, 60_000);

  it('and an object that went missing behind our back is found when a new commit stands on it', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(from(origin), workdir);
    // The record says all is well of a mirror whose ref leads nowhere.
    const packed = join(workdir, 'mirror.git/packed-refs');
    await writeFile(packed, `${await readFile(packed, 'utf8')}${'1'.repeat(40)} refs/heads/zzz\n`);
    const dest = await temporary();
    await materialise(await pullAll(from(origin), workdir), dest);
    expect(git(join(dest, 'sample.git'), 'fsck', '--full', '--strict')).toBe('');
  });

  it('and a record that says nonsense counts for nothing', async () => {
    const origin = await sampleRepository();
    const workdir = await temporary();
    await pullAll(from(origin), workdir);
    const record = join(workdir, 'mirror.git/checked.json');
    for (const nonsense of ['', '{', 'null', '{"run":1}', '[]']) {
      await writeFile(record, nonsense);
      await pullAll(from(origin), workdir);
      expect(JSON.parse(await readFile(record, 'utf8')).run).toBe(1);
    }
    await mkdir(join(workdir, 'mirror.git/objects/ab'), { recursive: true });
  });
});
