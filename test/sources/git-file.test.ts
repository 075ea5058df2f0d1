import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { extractFile } from '../../daemon/sources/git-file.ts';
import { placeOf } from '../../daemon/sources/lfs-download.ts';
import { commit, git, materialise, never, pullAll, sampleRepository, source, temporary } from './helpers.ts';
import { LfsStore } from './lfs-server.ts';

async function restored() {
  const origin = await sampleRepository();
  const store = new LfsStore();
  const { oid, pointer } = store.add(randomBytes(5000));
  const at = join(origin, '.git/lfs/objects', placeOf(oid));
  await mkdir(join(at, '..'), { recursive: true });
  await writeFile(at, store.objects.get(oid) ?? '');
  commit(origin, 'big', pointer);
  await symlink('a', join(origin, 'link'));
  await writeFile(join(origin, 'run'), '#!/bin/sh\n');
  await chmod(join(origin, 'run'), 0o755);
  await writeFile(join(origin, '*'), 'star');
  git(origin, 'add', '--all');
  git(origin, 'commit', '--quiet', '-m', 'More');
  const dest = await temporary();
  await materialise(await pullAll(source({ kind: 'git', name: 'sample', url: origin }), await temporary()), dest);
  return { origin, repository: join(dest, 'sample.git'), content: store.objects.get(oid), oid };
}

it('reads a file as it was at a ref or commit, a large one as what its pointer means', async () => {
  const { origin, repository, content, oid } = await restored();
  const folder = await temporary();
  const read = async (at: string, path: string) => {
    const file = await extractFile({
      repository,
      at,
      path,
      folder,
      environment: process.env,
      signal: never,
      clock: systemClock,
    });
    return { ...file, bytes: await buffer(file.bytes) };
  };
  const text = (kind: string, bytes: string, executable = false) => ({ kind, executable, bytes: Buffer.from(bytes) });
  expect(await read('refs/heads/main', 'a')).toEqual(text('file', 'two'));
  expect(await read('refs/pull/1/head', 'a')).toEqual(text('file', 'one'));
  expect(await read(git(origin, 'rev-parse', 'refs/pull/1/head'), 'a')).toEqual(text('file', 'one'));
  expect(await read('refs/tags/v1-signed', 'a')).toEqual(text('file', 'two'));
  expect(await read('refs/heads/main', 'link')).toEqual(text('link', 'a'));
  expect(await read('refs/heads/main', 'run')).toEqual(text('file', '#!/bin/sh\n', true));
  expect(await read('refs/heads/main', '*')).toEqual(text('file', 'star'));
  const big = await read('refs/heads/main', 'big');
  expect(big.kind).toBe('large file');
  expect(big.bytes.equals(content ?? Buffer.alloc(0))).toBe(true);

  for (const [at, path, reason] of [
    ['refs/heads/main', 'none', 'there is no none'],
    ['refs/heads/none', 'a', 'has no refs/heads/none'],
    ['main', 'a', 'no ref and no commit'],
    ['--output=x', 'a', 'no ref and no commit'],
    ['refs/heads/main', '../a', ''],
  ] as const)
    await expect(read(at, path)).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringContaining(reason),
    });
  await rm(join(repository, 'lfs/objects', placeOf(oid)));
  await expect(read('refs/heads/main', 'big')).rejects.toMatchObject({ what: expect.stringContaining('is not here') });
});
