import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { extractRef } from '../../daemon/sources/branch.ts';
import { commit, git, materialise, never, pullAll, sampleRepository, source, temporary } from './helpers.ts';

/** A bare repository as a restore leaves it, and the origin it came from. */
async function restoredRepository() {
  const origin = await sampleRepository();
  git(origin, 'branch', 'ünïcode', 'main');
  const dest = await temporary();
  const from = source({ kind: 'git', name: 'sample', url: origin });
  await materialise(await pullAll(from, await temporary()), dest);
  return { origin, repository: join(dest, 'sample.git') };
}

const extract = (repository: string, branch: string, dest: string, signal = never) =>
  extractRef({
    repository,
    ref: { kind: 'branch', name: branch },
    dest,
    environment: process.env,
    signal,
    clock: systemClock,
  });

it.each(['copy.git', 'copy', 'copy.bundle'])('clones %s with plain git to the same commit', async (name) => {
  const { origin, repository } = await restoredRepository();
  for (const branch of ['main', 'feature/x', 'ünïcode']) {
    const folder = await temporary();
    const dest = join(folder, name);
    const expected = git(origin, 'rev-parse', branch);
    expect(await extract(repository, branch, dest)).toEqual({ commit: expected });
    expect(await readdir(folder)).toEqual([name]);
    const clone = join(folder, 'clone');
    git('.', 'clone', '--quiet', dest, clone);
    expect(git(clone, 'rev-parse', 'HEAD')).toBe(expected);
    expect(git(clone, '-c', 'core.quotePath=false', 'symbolic-ref', 'HEAD')).toBe(`refs/heads/${branch}`);
    expect(git(clone, 'status', '--porcelain')).toBe('');
    expect(git(clone, 'for-each-ref', '--format=%(refname)', 'refs/tags', 'refs/notes')).toBe('');
  }
});

it('holds only that branch', async () => {
  const { origin, repository } = await restoredRepository();
  const dest = join(await temporary(), 'copy.git');
  await extract(repository, 'feature/x', dest);
  expect(git(dest, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/feature/x');
  expect(() => git(dest, 'cat-file', '-e', git(origin, 'rev-parse', 'main'))).toThrow();
  expect(git(dest, 'fsck', '--full', '--strict')).toBe('');
});

it('brings back a branch as it was before a force-push', async () => {
  const { origin, repository } = await restoredRepository();
  const before = git(origin, 'rev-parse', 'main');
  git(origin, 'reset', '--quiet', '--hard', 'main~1');
  commit(origin, 'a', 'rewritten');
  const dest = join(await temporary(), 'main.bundle');
  expect(await extract(repository, 'main', dest)).toEqual({ commit: before });
});

it.each(['mian', '', '--all', 'refs/heads/main', 'main^', '../../HEAD', '*'])(
  'names the branches there are when asked for "%s"',
  async (branch) => {
    const { repository } = await restoredRepository();
    const folder = await temporary();
    await expect(extract(repository, branch, join(folder, 'x'))).rejects.toMatchObject({
      code: 'branch.missing',
      what: `The repository has no branch ${branch}. It has feature/x, main, ünïcode.`,
    });
    expect(await readdir(folder)).toEqual([]);
  },
);

it('names only a few of many branches', async () => {
  const { origin } = await restoredRepository();
  for (let index = 0; index < 20; index++) git(origin, 'branch', `b${index}`);
  await expect(extract(join(origin, '.git'), 'x', join(await temporary(), 'x'))).rejects.toMatchObject({
    what: expect.stringMatching(/and 13 more\.$/),
  });
});

it('overwrites nothing', async () => {
  const { repository } = await restoredRepository();
  const folder = await temporary();
  await writeFile(join(folder, 'a.bundle'), 'mine');
  await mkdir(join(folder, 'b'));
  for (const name of ['a.bundle', 'b'])
    await expect(extract(repository, 'main', join(folder, name))).rejects.toMatchObject({ code: 'usage.wrong' });
  expect(await readFile(join(folder, 'a.bundle'), 'utf8')).toBe('mine');
  await expect(extract(repository, 'main', join(folder, 'missing/x'))).rejects.toMatchObject({ code: 'usage.wrong' });
});

it('says what git said about a place that is no repository, and leaves nothing', async () => {
  const folder = await temporary();
  await expect(extract(folder, 'main', join(folder, 'x'))).rejects.toMatchObject({
    code: 'source.failed',
    what: expect.stringContaining('not a git repository'),
  });
  expect(await readdir(folder)).toEqual([]);
});

it('stops when told to, and leaves nothing', async () => {
  const { repository } = await restoredRepository();
  const folder = await temporary();
  await expect(extract(repository, 'main', join(folder, 'x'), AbortSignal.abort())).rejects.toMatchObject({
    code: 'source.stopped',
  });
  expect(await readdir(folder)).toEqual([]);
});
