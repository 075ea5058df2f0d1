import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Content } from '../../daemon/base/entry.ts';
import { addHistory, emptyRepository } from '../../scripts/bench/git-history.ts';
import { type GitServer, serveGit } from './git-server.ts';
import {
  commit,
  eventually,
  git,
  materialise,
  processesMarked,
  pullAll,
  type Read,
  sampleRepository,
  source,
  temporary,
} from './helpers.ts';
import { LfsStore } from './lfs-server.ts';

let server: GitServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const SCRIPT = new URL('pull-once.ts', import.meta.url).pathname;
const from = (url: string) => source({ kind: 'git', name: 'sample', url });
const objectsIn = (all: Read[]) =>
  all.filter(({ path, entry }) => path.includes('/lfs/objects/') && entry.kind === 'file').length;

/** Pulls in a process of its own, kills that with SIGKILL once `when` resolves, and waits until nothing of it is left. */
async function killedPull(url: string, workdir: string, when: Promise<void>): Promise<void> {
  const puller = spawn(
    process.execPath,
    ['--import', 'tsx', SCRIPT, JSON.stringify({ kind: 'git', name: 'sample', url }), workdir],
    { stdio: 'ignore' },
  );
  const ended = new Promise<string | null>((resolve) => puller.on('exit', (_, signal) => resolve(signal)));
  await Promise.race([when, ended]);
  puller.kill('SIGKILL');
  // The fault has fired: it did not come to its own end before.
  expect(await ended).toBe('SIGKILL');
  // As the end of its unit would: git itself notices only when the server sends something, or after five minutes.
  for (const pid of processesMarked(workdir)) wasKilled(pid);
  await eventually(() => processesMarked(workdir).length === 0);
}

function wasKilled(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** What sealing knows an unchanged file by. */
function stampOf(content: Content) {
  const { identity } = content.from === 'path' ? content : {};
  if (identity === undefined) throw new Error('it has no identity');
  return [identity.size, identity.mtimeNs, identity.ctimeNs, identity.ino];
}

describe('a pull that is killed', () => {
  it.each([1000, 200_000, 900_000, 1_900_000])(
    '%i bytes into the pack is made up for by the next',
    async (bytes) => {
      const root = await temporary();
      const origin = await sampleRepository(root);
      const old = commit(origin, 'noise', randomBytes(50_000));
      server = await serveGit(root);
      const url = `${server.url}/origin/.git`;
      const workdir = await temporary();
      const before = await pullAll(from(url), workdir);
      git(origin, 'reset', '--quiet', '--hard', 'main~1');
      commit(origin, 'noise', randomBytes(2_000_000));
      const reached = new Promise<void>((resolve) => {
        if (server !== undefined) server.mischief = { kind: 'stall', bytes, reached: resolve };
      });
      await killedPull(url, workdir, reached);
      server.mischief = undefined;
      const after = await pullAll(from(url), workdir);
      for (const { path } of before.filter(({ path }) => path.endsWith('.pack')))
        expect(after.map((read) => read.path)).toContain(path);
      const dest = await temporary();
      await materialise(after, dest);
      const copy = join(dest, 'sample.git');
      expect(git(copy, 'fsck', '--full', '--strict', '--no-dangling')).toBe('');
      expect(git(copy, 'rev-parse', 'main')).toBe(git(origin, 'rev-parse', 'main'));
      expect(git(copy, 'cat-file', '-t', old)).toBe('commit');
      expect(await readdir(workdir)).not.toContain('mirror.git.damaged');
    },
    60_000,
  );

  it.each([
    [0, 100],
    [0, 700_000],
    [1, 100],
    [2, 999_999],
  ])(
    'in large file %i, %i bytes into it, is made up for by the next',
    async (nth, bytes) => {
      const root = await temporary();
      const origin = await sampleRepository(root);
      server = await serveGit(root);
      const store = new LfsStore();
      server.intercept = store.intercept;
      const added = Array.from({ length: 3 }, () => store.add(randomBytes(1_000_000)));
      for (const { pointer } of added) commit(origin, 'big', pointer);
      const url = `${server.url}/origin/.git`;
      const workdir = await temporary();
      let seen = 0;
      const reached = new Promise<void>((resolve) => {
        store.mischief = (request, response) => {
          const oid = /^\/storage\/([0-9a-f]+)$/.exec(request.url ?? '')?.[1];
          if (oid === undefined) return false;
          seen += 1;
          if (seen - 1 !== nth) return false;
          response.write(store.objects.get(oid)?.subarray(0, bytes), () => resolve());
          return true;
        };
      });
      await killedPull(url, workdir, reached);
      expect(seen).toBeGreaterThan(nth);
      store.mischief = undefined;
      const all = await pullAll(from(url), workdir);
      expect(objectsIn(all)).toBe(3);
      for (const { oid } of added) {
        const bytes = all.find(({ path }) => path.endsWith(oid))?.bytes;
        expect(bytes?.equals(store.objects.get(oid) ?? Buffer.alloc(0))).toBe(true);
      }
      expect((await readdir(join(workdir, 'lfs'))).filter((name) => name.endsWith('.part'))).toEqual([]);
    },
    60_000,
  );
});

describe('a long history', () => {
  it('costs a later run only what is new', async () => {
    const repository = join(await temporary(), 'origin.git');
    const history = { repository, largeEvery: 100, largeBytes: 10_000 };
    await emptyRepository(repository);
    await addHistory({ ...history, from: 0, commits: 2000 });
    const workdir = await temporary();
    const first = await pullAll(from(repository), workdir);
    expect(objectsIn(first)).toBe(20);
    await addHistory({ ...history, from: 2000, commits: 10, largeEvery: 10 });
    const second = await pullAll(from(repository), workdir);
    expect(objectsIn(second)).toBe(21);
    const known = new Set(first.map(({ path }) => path));
    const fresh = second.filter(({ path, entry }) => entry.kind === 'file' && !known.has(path));
    const packs = fresh.filter(({ path }) => path.endsWith('.pack'));
    expect(packs).toHaveLength(1);
    const sizeOf = (reads: Read[]) => reads.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
    expect(sizeOf(packs)).toBeLessThan(sizeOf(first.filter(({ path }) => path.endsWith('.pack'))) / 20);
    // What was there is what it was, to the last time of a file: sealing does not read it again.
    for (const { path, entry } of first) {
      const now = second.find((read) => read.path === path)?.entry;
      if (/\/(?:pack|lfs)\/.*[0-9a-f]{40}/.test(path) && entry.kind === 'file' && now?.kind === 'file')
        expect(stampOf(now.content)).toEqual(stampOf(entry.content));
    }
    expect(existsSync(join(workdir, 'mirror.git.damaged'))).toBe(false);
  }, 120_000);
});
