import { execFileSync } from 'node:child_process';
import { chmod, link, lutimes, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Source } from '../../daemon/sources/source.ts';
import { contract } from './contract.ts';
import { never, pullAll, type Read, source, temporary } from './helpers.ts';

const directory = (path: string, exclude: string[] = []): Source =>
  source({ kind: 'directory', name: 'sample', path, exclude, canaries: [] });

const paths = (all: Read[]) => all.map(({ path }) => path);

/** Runs `act` without root's right to read everything. */
async function asNobody(act: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return act();
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

async function sample(): Promise<string> {
  const root = await temporary();
  await mkdir(join(root, 'b/deep'), { recursive: true });
  await writeFile(join(root, 'a'), 'first');
  await writeFile(join(root, 'b/deep/z'), '');
  await writeFile(join(root, 'b.txt'), 'text', { mode: 0o640 });
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a, 0x27])]), 'raw');
  await symlink('b/deep', join(root, 'link'));
  await symlink('/nonexistent', join(root, 'dangling'));
  await symlink('.', join(root, 'b/loop'));
  return root;
}

contract('directory', async () => {
  const root = await sample();
  execFileSync('mknod', [join(root, 'device'), 'c', '1', '3']);
  return {
    source: directory(root),
    vanish: () => rm(root, { recursive: true }),
    problems: ['device'],
    async change() {
      await writeFile(join(root, 'a'), 'second');
      await writeFile(join(root, 'b/new'), 'new');
      return ['a', 'b/new'];
    },
    async spoil() {
      execFileSync('mknod', [join(root, 'spoilt'), 'c', '1', '3']);
      return 'spoilt';
    },
  };
}, ['change', 'part']);

describe('directory', () => {
  it('takes names as bytes, in byte order, and follows no link', async () => {
    const root = await sample();
    await chmod(join(root, 'a'), 0o4751);
    await lutimes(join(root, 'link'), 1000, 1234.5);
    const all = await pullAll(directory(root), await temporary());
    expect(paths(all)).toEqual(['a', 'b', 'b/deep', 'b/deep/z', 'b/loop', 'b.txt', 'dangling', 'link', '\xff\n\x27']);
    const byPath = new Map(all.map((read) => [read.path, read]));
    expect(byPath.get('a')?.entry).toMatchObject({ kind: 'file', mode: 0o4751, content: { size: 5 } });
    expect(byPath.get('b.txt')?.entry).toMatchObject({ mode: 0o640 });
    expect(String(byPath.get('\xff\n\x27')?.bytes)).toBe('raw');
    expect(byPath.get('link')?.entry).toMatchObject({ kind: 'symlink', mtimeNs: 1_234_500_000_000n });
    expect(byPath.get('link')?.entry).toMatchObject({ target: Buffer.from('b/deep') });
  });

  it('leaves out what is excluded and does not enter it', async () => {
    const root = await sample();
    const all = await pullAll(directory(root, ['b/deep', '**/*.txt', 'l*']), await temporary());
    expect(paths(all)).toEqual(['a', 'b', 'b/loop', 'dangling', '\xff\n\x27']);
  });

  it('is an empty snapshot when the directory is empty', async () => {
    expect(await pullAll(directory(await temporary()), await temporary())).toEqual([]);
  });

  it('may be named through a symbolic link, and gives each name of a hard-linked file its content', async () => {
    const root = await temporary();
    await writeFile(join(root, 'one'), 'x');
    await link(join(root, 'one'), join(root, 'two'));
    const alias = join(await temporary(), 'alias');
    await symlink(root, alias);
    expect((await pullAll(directory(alias), await temporary())).map(({ bytes }) => String(bytes))).toEqual(['x', 'x']);
  });

  it('names sockets and FIFOs, which hold nothing, without making the snapshot partial', async () => {
    const root = await temporary();
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const server = createServer().listen(join(root, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    await writeFile(join(root, 'file'), 'x');
    try {
      const all = await pullAll(directory(root), await temporary());
      expect(all.map(({ path, entry }) => [path, entry.kind === 'skipped' ? entry.reason : entry.kind])).toEqual([
        ['fifo', 'a FIFO'],
        ['file', 'file'],
        ['socket', 'a socket'],
      ]);
    } finally {
      server.close();
    }
  });

  it('names a directory it may not read as a problem and goes on', async () => {
    const root = await temporary();
    const workdir = await temporary();
    await chmod(root, 0o755);
    await writeFile(join(root, 'a-secret'), 'x', { mode: 0o000 });
    await mkdir(join(root, 'b-closed'), { mode: 0o700 });
    await writeFile(join(root, 'b-closed/inside'), 'x');
    await mkdir(join(root, 'c-unlistable'), { mode: 0o300 });
    await writeFile(join(root, 'd'), 'x');
    if (process.geteuid?.() !== 0) await chmod(join(root, 'b-closed'), 0o000);
    await asNobody(async () => {
      const { entries } = await directory(root).pull({ workdir, signal: never });
      const all: [string, string][] = [];
      for await (const entry of entries)
        all.push([entry.path.toString(), entry.kind === 'problem' ? entry.reason : entry.kind]);
      expect(all).toEqual([
        // Whoever reads it finds out.
        ['a-secret', 'file'],
        ['b-closed', 'cannot be read (EACCES)'],
        ['c-unlistable', 'cannot be read (EACCES)'],
        ['d', 'file'],
      ]);
    });
  });

  it.each([
    ['is missing', async (path: string) => void path, /cannot be read \(ENOENT\)/],
    ['is a file', (path: string) => writeFile(path, 'x'), /is not a directory/],
    ['is a dangling link', (path: string) => symlink('/nonexistent', path), /cannot be read \(ENOENT\)/],
    ['may not be listed', (path: string) => mkdir(path, { mode: 0o000 }), /cannot be read \(EACCES\)/],
  ])('rejects a root that %s', async (_, make, what) => {
    const parent = await temporary();
    await chmod(parent, 0o755);
    const root = join(parent, 'root');
    await make(root);
    await asNobody(async () => {
      await expect(directory(root).pull({ workdir: parent, signal: never })).rejects.toMatchObject({
        code: 'source.failed',
        what: expect.stringMatching(what),
      });
    });
  });

  it.each([
    ['vanishes', (root: string) => rm(root, { recursive: true })],
    [
      'is replaced',
      async (root: string) => {
        await rename(root, `${root}.old`);
        await mkdir(root);
      },
    ],
  ])('rejects half way when the root %s', async (_, disturb) => {
    const root = join(await temporary(), 'root');
    await mkdir(root);
    for (let index = 0; index < 300; index++) await writeFile(join(root, `file${index}`), 'x');
    const { entries } = await directory(root).pull({ workdir: root, signal: never });
    const iterator = entries[Symbol.asyncIterator]();
    await iterator.next();
    await disturb(root);
    await expect(
      (async () => {
        while (!(await iterator.next()).done);
      })(),
    ).rejects.toMatchObject({ code: 'source.failed' });
  });

  it('passes over a file that vanishes while the directory is read', async () => {
    const root = await temporary();
    for (let index = 0; index < 300; index++) await writeFile(join(root, `file${100 + index}`), 'x');
    const { entries } = await directory(root).pull({ workdir: root, signal: never });
    const seen: string[] = [];
    for await (const entry of entries) {
      if (seen.length === 0) await rm(join(root, 'file399'));
      seen.push(String(entry.path));
    }
    expect(seen).toHaveLength(299);
    expect(seen).not.toContain('file399');
  });

  it('stops in the middle of a walk', async () => {
    const root = await temporary();
    for (let index = 0; index < 300; index++) await writeFile(join(root, `file${index}`), 'x');
    const stop = new AbortController();
    const { entries } = await directory(root).pull({ workdir: root, signal: stop.signal });
    const iterator = entries[Symbol.asyncIterator]();
    await iterator.next();
    stop.abort();
    await expect(iterator.next()).rejects.toMatchObject({ code: 'source.stopped' });
  });
});
