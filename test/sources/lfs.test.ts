import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { parsePointer } from '../../daemon/sources/lfs-pointer.ts';
import { openSource } from '../../daemon/sources/open.ts';
import type { Source } from '../../daemon/sources/source.ts';
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
import { LfsStore, pointerTo } from './lfs-server.ts';

const servers: Server[] = [];
let server: GitServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  for (const one of servers.splice(0)) {
    one.close();
    one.closeAllConnections();
  }
});

/** A plain server on the loopback address. */
async function serve(listener: RequestListener): Promise<string> {
  const one = createServer(listener);
  servers.push(one);
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
}

/** A served repository whose large files are in `store`. */
async function served() {
  const root = await temporary();
  const origin = await sampleRepository(root);
  server = await serveGit(root);
  const store = new LfsStore();
  server.intercept = store.intercept;
  return { server, store, origin, url: `${server.url}/origin/.git` };
}

/** The system's clock, but what was to be tried again after a while is tried at once. */
const impatient = {
  ...systemClock,
  after: (ms: number, run: () => void) => systemClock.after(ms > 60_000 ? ms : 0, run),
};

const from = (url: string, more = {}): Source => source({ kind: 'git', name: 'sample', url, ...more });
const placeOf = (oid: string) => `sample.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`;
const objectsIn = (all: Read[]) =>
  all.filter(({ path, entry }) => path.includes('/lfs/objects/') && entry.kind === 'file').map(({ path }) => path);
const problemsIn = (all: Read[]) =>
  all.flatMap(({ path, entry }) => (entry.kind === 'problem' ? [{ path, reason: entry.reason }] : []));

describe('a pointer', () => {
  const oid = 'a'.repeat(64);

  it.each<[string, string]>([
    ['of today', pointerTo(oid, 12)],
    [
      'with extensions',
      `version https://git-lfs.github.com/spec/v1\next-0-x sha256:${'b'.repeat(64)}\noid sha256:${oid}\nsize 12\n`,
    ],
    ['of before', `version http://git-media.io/v/2\noid sha256:${oid}\nsize 12\n`],
    ['with the ends of lines of Windows', pointerTo(oid, 12).replaceAll('\n', '\r\n')],
  ])('%s is read', (_, text) => {
    expect(parsePointer(Buffer.from(text))).toEqual({ oid, size: 12 });
  });

  it.each<[string, string]>([
    ['text', 'hello'],
    ['another version', pointerTo(oid, 12).replace('spec/v1', 'spec/v9')],
    ['another hash', pointerTo(oid, 12).replace('sha256', 'sha512')],
    ['a path for an id', pointerTo('../../../etc/passwd', 12)],
    ['no size', pointerTo(oid, 12).replace(/size.*/, '')],
    ['a size that is none', pointerTo(oid, 12).replace('12', '-1')],
    ['a pointer in a longer text', `${pointerTo(oid, 12)}${'x'.repeat(1024)}`],
  ])('is not %s', (_, text) => {
    expect(parsePointer(Buffer.from(text))).toBeUndefined();
  });
});

describe('large files', () => {
  it('of every commit are in the snapshot, those of deleted branches and rewritten history too', async () => {
    const { store, origin, url } = await served();
    const [first, second, other, later] = Array.from({ length: 4 }, () => store.add(randomBytes(3000)));
    commit(origin, 'big', first?.pointer ?? '');
    commit(origin, 'big', second?.pointer ?? '');
    git(origin, 'checkout', '--quiet', '-b', 'side');
    commit(origin, 'side', other?.pointer ?? '');
    git(origin, 'checkout', '--quiet', 'main');
    const workdir = await temporary();
    const before = await pullAll(from(url), workdir);
    expect(objectsIn(before)).toEqual([first, second, other].map((one) => placeOf(one?.oid ?? '')).sort());
    for (const { path, bytes } of before)
      if (objectsIn(before).includes(path))
        expect(
          createHash('sha256')
            .update(bytes ?? '')
            .digest('hex'),
        ).toBe(path.split('/').at(-1));

    git(origin, 'reset', '--quiet', '--hard', 'main~2');
    git(origin, 'branch', '-D', 'side');
    commit(origin, 'big', later?.pointer ?? '');
    for (const { oid } of [first, second, other].flatMap((one) => one ?? [])) store.objects.delete(oid);
    const after = await pullAll(from(url), workdir);
    expect(objectsIn(after)).toHaveLength(4);
    expect(problemsIn(after)).toEqual([]);
    expect(after.find(({ path }) => path === placeOf(first?.oid ?? ''))?.bytes).toEqual(
      before.find(({ path }) => path === placeOf(first?.oid ?? ''))?.bytes,
    );
  });

  it('are asked for once, and of a later fetch only what is new', async () => {
    const { store, origin, url } = await served();
    const first = store.add(randomBytes(100));
    commit(origin, 'big', first.pointer);
    const workdir = await temporary();
    await pullAll(from(url), workdir);
    await pullAll(from(url), workdir);
    expect(store.asked).toEqual([first.oid]);
    const second = store.add(randomBytes(100));
    commit(origin, 'big', second.pointer);
    const pulled = await from(url).pull({ workdir, signal: never });
    expect(store.asked).toEqual([first.oid, second.oid]);
    expect(pulled.facts['lfs']).toEqual({ objects: 2, bytes: 200, missing: 0 });
  });

  it('ask nobody anything where there are none', async () => {
    const { store, url } = await served();
    const workdir = await temporary();
    const pulled = await from(url).pull({ workdir, signal: never });
    expect(pulled.facts).not.toHaveProperty('lfs');
    expect((await readAll(pulled)).filter(({ path }) => path.includes('/lfs'))).toEqual([]);
    expect(store.asked).toEqual([]);
  });

  it('that the origin has lost are named, one by one, and had once it has them again', async () => {
    const { store, origin, url } = await served();
    const here = store.add(randomBytes(100));
    const lost = store.add(randomBytes(100));
    const content = store.objects.get(lost.oid) ?? Buffer.alloc(0);
    store.objects.delete(lost.oid);
    commit(origin, 'big', here.pointer);
    commit(origin, 'big', lost.pointer);
    const workdir = await temporary();
    const all = await pullAll(from(url), workdir);
    expect(objectsIn(all)).toEqual([placeOf(here.oid)]);
    expect(problemsIn(all)).toEqual([
      { path: placeOf(lost.oid), reason: expect.stringContaining('Object does not exist') },
    ]);
    store.objects.set(lost.oid, content);
    expect(problemsIn(await pullAll(from(url), workdir))).toEqual([]);
  });

  it.each<[string, (content: Buffer) => Buffer, string]>([
    ['flipped in one bit', (content) => Buffer.concat([content.subarray(1), Buffer.from('x')]), 'SHA-256'],
    ['longer', (content) => Buffer.concat([content, Buffer.from('x')]), 'larger than'],
    ['shorter', (content) => content.subarray(1), 'ends after'],
    ['empty', () => Buffer.alloc(0), 'ends after'],
  ])('that come %s never reach a snapshot', async (_, change, reason) => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(5000));
    const content = store.objects.get(oid) ?? Buffer.alloc(0);
    store.objects.set(oid, change(content));
    commit(origin, 'big', pointer);
    const workdir = await temporary();
    const all = await pullAll(from(url), workdir);
    expect(objectsIn(all)).toEqual([]);
    expect(problemsIn(all)).toEqual([{ path: placeOf(oid), reason: expect.stringContaining(reason) }]);
    store.objects.set(oid, content);
    expect(objectsIn(await pullAll(from(url), workdir))).toEqual([placeOf(oid)]);
  });

  it('come when a second pointer lies about their size', async () => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(5000));
    commit(origin, 'liar', pointerTo(oid, 999_999));
    commit(origin, 'big', pointer);
    const all = await pullAll(from(url), await temporary());
    expect(objectsIn(all)).toEqual([placeOf(oid)]);
    expect(problemsIn(all)).toEqual([]);
  });

  it('that rot in the working copy are fetched again', async () => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(5000));
    commit(origin, 'big', pointer);
    const workdir = await temporary();
    await pullAll(from(url), workdir);
    await writeFile(join(workdir, placeOf(oid).replace('sample.git/', '')), randomBytes(5000));
    const all = await pullAll(from(url), workdir);
    expect(all.find(({ path }) => path === placeOf(oid))?.bytes).toEqual(store.objects.get(oid));
    expect(store.downloads).toHaveLength(2);
  });

  it('that rot without a trace are found at the sixteenth run after', async () => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(5000));
    commit(origin, 'big', pointer);
    const workdir = await temporary();
    await pullAll(from(url), workdir);
    const path = join(workdir, placeOf(oid).replace('sample.git/', ''));
    await writeFile(path, randomBytes(5000));
    // A disk that forgets leaves times as they were: the record is made to say what the file now looks like.
    const { size, mtimeNs, ctimeNs, ino } = await lstat(path, { bigint: true });
    const record = join(workdir, 'lfs/checked.json');
    const { run } = JSON.parse(await readFile(record, 'utf8'));
    await writeFile(record, JSON.stringify({ run, files: { [oid]: [`${size} ${mtimeNs} ${ctimeNs} ${ino}`, run] } }));
    for (let again = 1; again < 16; again++) await pullAll(from(url), workdir);
    expect(store.downloads).toHaveLength(1);
    await pullAll(from(url), workdir);
    expect(store.downloads).toHaveLength(2);
  }, 60_000);

  it('go on from where they were cut off', async () => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(1_000_000));
    commit(origin, 'big', pointer);
    const content = store.objects.get(oid) ?? Buffer.alloc(0);
    let cut = 0;
    store.mischief = (asked, response) => {
      if (!asked.url?.startsWith('/storage/') || cut > 0) return false;
      cut += 1;
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, 400_000), () => response.destroy());
      return true;
    };
    const again = openSource(
      { kind: 'git', name: 'sample', url },
      { environment: process.env, clock: impatient, log: silentLog },
    );
    const all = await pullAll(again, await temporary());
    expect(cut).toBe(1);
    expect(store.downloads).toHaveLength(1);
    expect(store.downloads[0]?.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(all.find(({ path }) => path === placeOf(oid))?.bytes?.equals(content)).toBe(true);
  });

  it('stop at once when told to, and go on at the next run', async () => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(1_000_000));
    commit(origin, 'big', pointer);
    const content = store.objects.get(oid) ?? Buffer.alloc(0);
    const stop = new AbortController();
    store.mischief = (asked, response) => {
      if (!asked.url?.startsWith('/storage/')) return false;
      response.write(content.subarray(0, 300_000), () => stop.abort());
      return true;
    };
    const workdir = await temporary();
    await expect(pullAll(from(url), workdir, stop.signal)).rejects.toMatchObject({ code: 'source.stopped' });
    store.mischief = undefined;
    expect(objectsIn(await pullAll(from(url), workdir))).toEqual([placeOf(oid)]);
    expect((await readdir(join(workdir, 'lfs'))).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it.each<[string, RequestListener, string]>([
    ['refuses', (_, response) => response.writeHead(403).end(), '403'],
    ['answers HTML', (_, response) => response.end('<html>'), 'not JSON'],
    ['answers without objects', (_, response) => response.end('{"transfer":"basic"}'), 'without objects'],
    ['answers null', (_, response) => response.end('null'), 'without objects'],
    ['wants another protocol', (_, response) => response.end('{"transfer":"tus","objects":[]}'), 'basic transfer'],
    [
      'answers for ever',
      (_, response) => {
        const more = () => response.write(' '.repeat(1 << 16), (error) => error ?? more());
        more();
      },
      'longer than',
    ],
    [
      'redirects for ever',
      (request, response) => response.writeHead(307, { location: request.url }).end(),
      'again and again',
    ],
    [
      'offers a file of this machine',
      (_, response) => response.writeHead(307, { location: 'file:///etc/passwd' }).end(),
      'not followed',
    ],
  ])('are named when the LFS server %s', async (_, answer, reason) => {
    const { store, origin, url } = await served();
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    store.mischief = (asked, response) => {
      answer(asked, response as never);
      return true;
    };
    const all = await pullAll(from(url), await temporary());
    expect(problemsIn(all)).toEqual([{ path: placeOf(oid), reason: expect.stringContaining(reason) }]);
    expect(all.some(({ path }) => path.endsWith('.pack'))).toBe(true);
  });

  it('of an origin on this machine are read from its folder, and through no link', async () => {
    const origin = await sampleRepository();
    const store = new LfsStore();
    const [real, linked] = [store.add(randomBytes(100)), store.add(randomBytes(100))];
    for (const { oid, pointer } of [real, linked]) {
      commit(origin, 'big', pointer);
      const at = join(origin, '.git', placeOf(oid).replace('sample.git/', ''));
      await mkdir(dirname(at), { recursive: true });
      if (oid === real.oid) await writeFile(at, store.objects.get(oid) ?? '');
      else {
        await writeFile(`${at}.elsewhere`, store.objects.get(oid) ?? '');
        await symlink(`${at}.elsewhere`, at);
      }
    }
    const all = await pullAll(from(origin), await temporary());
    expect(objectsIn(all)).toEqual([placeOf(real.oid)]);
    expect(problemsIn(all).map(({ path }) => path)).toEqual([placeOf(linked.oid)]);
  });
});

describe('credentials and large files', () => {
  const token = Secret.fromText('planted-token');
  const basic = `Basic ${Buffer.from('x-access-token:planted-token').toString('base64')}`;

  it('go to the server of the origin, and not to the storage of another host', async () => {
    const { server, store, origin, url } = await served();
    server.password = 'x-access-token:planted-token';
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    const seen: (string | undefined)[] = [];
    store.storage = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(store.objects.get(oid));
    });
    const workdir = await temporary();
    const all = await pullAll(from(url, { token }), workdir);
    expect(objectsIn(all)).toEqual([placeOf(oid)]);
    expect(seen).toEqual([undefined]);
    expect(() => execFileSync('grep', ['-rqE', 'planted-token', workdir])).toThrow();
  });

  it('of the storage come from the server, and no redirect takes them elsewhere', async () => {
    const { server, store, origin, url } = await served();
    server.password = 'x-access-token:planted-token';
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    const seen: (string | undefined)[] = [];
    const elsewhere = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers['x-key'] as string);
      response.end(store.objects.get(oid));
    });
    store.header = { 'X-Key': 'of the storage' };
    store.storage = await serve((request, response) => {
      seen.push(request.headers['x-key'] as string);
      response.writeHead(302, { location: `${elsewhere}${request.url}` }).end();
    });
    expect(objectsIn(await pullAll(from(url, { token }), await temporary()))).toEqual([placeOf(oid)]);
    expect(seen).toEqual(['of the storage', undefined, undefined]);
  });

  it('are not told to a host that .lfsconfig names, which is not asked at all', async () => {
    const { server, store, origin, url } = await served();
    server.password = 'x-access-token:planted-token';
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    let asked = 0;
    const evil = (
      await serve((_, response) => {
        asked += 1;
        response.end();
      })
    ).replace('127.0.0.1', 'localhost');
    commit(origin, '.lfsconfig', `[lfs]\n\turl = ${evil}/x\n`);
    const workdir = await temporary();
    const all = await pullAll(from(url, { token }), workdir);
    expect(problemsIn(all)).toEqual([
      { path: placeOf(oid), reason: expect.stringContaining('.lfsconfig names another') },
    ]);
    expect(asked).toBe(0);
    for (const address of ['file:///etc', 'ssh://127.0.0.1/x', '-x', 'ext::sh -c true']) {
      commit(origin, '.lfsconfig', `[lfs]\n\turl = "${address}"\n`);
      expect(problemsIn(await pullAll(from(url, { token }), workdir))).toHaveLength(1);
    }
    commit(origin, '.lfsconfig', `[lfs]\n\turl = ${server.url}/elsewhere/info/lfs\n`);
    expect(objectsIn(await pullAll(from(url, { token }), workdir))).toEqual([placeOf(oid)]);
    expect(store.downloads[0]?.authorization).toBe(basic);
  });

  it('over ssh are those git-lfs-authenticate gives', async () => {
    const { store, origin, server } = await served();
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    const bin = await temporary();
    await writeFile(
      join(bin, 'ssh'),
      `#!/bin/sh
printf '%s\\n' "$*" >>${bin}/args
for last; do :; done
case "$last" in
  git-lfs-authenticate*) printf '{"href":"${server.url}/x/info/lfs","header":{"Authorization":"Basic ${Buffer.from('a:planted').toString('base64')}"}}' ;;
  *) exec sh -c "$last" ;;
esac
`,
    );
    await chmod(join(bin, 'ssh'), 0o755);
    server.password = 'a:planted';
    const over = openSource(
      {
        kind: 'git',
        name: 'sample',
        url: `backup@host:${origin}/.git`,
        sshKey: '/keys/one',
        knownHosts: '/keys/hosts',
      },
      { environment: { ...process.env, PATH: `${bin}:${process.env['PATH']}` }, clock: systemClock, log: silentLog },
    );
    expect(objectsIn(await pullAll(over, await temporary()))).toEqual([placeOf(oid)]);
    const asked = (await readFile(join(bin, 'args'), 'utf8')).split('\n').find((line) => line.includes('authenticate'));
    expect(asked).toMatch(
      /StrictHostKeyChecking=yes .*IdentityFile="\/keys\/one" .*UserKnownHostsFile="\/keys\/hosts"/,
    );
    expect(asked).toContain(`-- backup@host git-lfs-authenticate ${origin.slice(1)}/.git download`);
  });
});

describe('through a proxy', () => {
  it('large files are asked for where the environment names one', async () => {
    const { store, origin, server } = await served();
    const { oid, pointer } = store.add(randomBytes(100));
    commit(origin, 'big', pointer);
    const seen: string[] = [];
    const proxy = await serve((incoming, response) => {
      seen.push(incoming.url ?? '');
      const { pathname, search } = new URL(incoming.url ?? '');
      const onwards = request(`${server.url}${pathname}${search}`, {
        method: incoming.method,
        headers: incoming.headers,
      });
      onwards.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      incoming.pipe(onwards);
    });
    const over = openSource(
      { kind: 'git', name: 'sample', url: 'http://git.example/origin/.git' },
      { environment: { PATH: process.env['PATH'], http_proxy: proxy }, clock: systemClock, log: silentLog },
    );
    expect(objectsIn(await pullAll(over, await temporary()))).toEqual([placeOf(oid)]);
    expect(seen).toContain('http://git.example/origin/.git/info/lfs/objects/batch');
    expect(seen.every((address) => address.startsWith('http://'))).toBe(true);
  });
});

it('git-lfs itself finds every large file in what was restored', async () => {
  const { store, origin, url } = await served();
  const first = store.add(randomBytes(5000));
  const second = store.add(randomBytes(5000));
  commit(origin, '.gitattributes', 'big filter=lfs diff=lfs merge=lfs -text\n');
  // As a commit of git-lfs: the pointer, and no filter that would make one of it.
  for (const { pointer } of [first, second]) commit(origin, 'big', pointer);
  const dest = await temporary();
  await materialise(await pullAll(from(url), await temporary()), dest);
  await rename(origin, `${origin}.gone`);
  await rm(`${origin}.gone`, { recursive: true });
  const clone = join(dest, 'clone');
  const lfs = (...args: string[]) =>
    execFileSync(
      'git',
      [
        '-c',
        'filter.lfs.smudge=git-lfs smudge -- %f',
        '-c',
        'filter.lfs.process=git-lfs filter-process',
        '-c',
        'filter.lfs.required=true',
        ...args,
      ],
      {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: dest, GIT_CONFIG_NOSYSTEM: '1' },
      },
    );
  lfs('clone', '--quiet', `file://${dest}/sample.git`, clone);
  expect(await readFile(join(clone, 'big'))).toEqual(store.objects.get(second.oid));
  lfs('-C', clone, 'lfs', 'fetch', '--all');
  lfs('-C', clone, 'checkout', '--quiet', 'HEAD~1');
  expect(await readFile(join(clone, 'big'))).toEqual(store.objects.get(first.oid));
  lfs('-C', clone, 'lfs', 'fsck');
}, 60_000);
