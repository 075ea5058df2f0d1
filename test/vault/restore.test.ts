import { lstat, mkdir, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../daemon/base/entry.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { python, runReader } from './reader.ts';
import { World } from './world.ts';

const common = { mode: 0o644, mtimeNs: 1_700_000_000_000_000_000n, uid: 0, gid: 0 };
const file = (path: string, content = 'content', more: Partial<typeof common> = {}): Entry => ({
  ...common,
  ...more,
  kind: 'file',
  path: Buffer.from(path),
  content: {
    from: 'stream',
    open: async function* () {
      yield Buffer.from(content);
    },
  },
});
const link = (path: string, target: string): Entry => ({
  ...common,
  kind: 'symlink',
  path: Buffer.from(path),
  target: Buffer.from(target),
});

/** A seal of a later version: it writes lines, and members, that this one does not know. */
vi.mock('../../daemon/vault/file-list.ts', async (original) => {
  const real = await original<typeof import('../../daemon/vault/file-list.ts')>();
  return {
    ...real,
    encodeListed: (entry: Parameters<typeof real.encodeListed>[0]) => {
      const name = entry.path.toString();
      if (name === 'later') return Buffer.from('{"path":"later","type":"fifo"}\n');
      const line = real.encodeListed(entry);
      if (name === 'flawed') return Buffer.from(line.toString().replace('{', '{"xattrs":[["user.x","?"]],"link":0,'));
      return name === 'more' ? Buffer.from(line.toString().replace('{', '{"acl":["x"],')) : line;
    },
  };
});

describe('restoring', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  async function commit(...entries: Entry[]): Promise<void> {
    await world.seal(
      (async function* () {
        yield* entries;
      })(),
    );
    await world.ship();
  }

  /** Restores snapshot 1 with the daemon and with the reader in Python. */
  async function both(): Promise<{ to: string; problems: string }[]> {
    const { to, restored } = await world.restore('1');
    const results = [{ to, problems: restored.failures.map(({ path, reason }) => `${path}: ${reason}`).join('\n') }];
    if (python !== undefined) {
      const key = join(world.folder, 'recovery.key');
      await writeFile(key, formatRecoveryKey(world.key));
      const out = join(world.folder, 'python');
      const ran = await runReader(world.root, key, 'restore', '1', out);
      expect(ran.err).not.toContain('Traceback');
      expect(ran.status).toBe(ran.err === '' ? 0 : 1);
      results.push({ to: out, problems: ran.err });
    }
    return results;
  }

  it('writes nothing through a link, whatever the list says', async () => {
    const outside = join(world.folder, 'outside');
    await mkdir(outside);
    await commit(
      link('a', outside),
      link('a/escaped', '/etc/passwd'),
      link('b', outside),
      file('b/escaped'),
      file('c'),
    );
    for (const { to, problems } of await both()) {
      expect(await readdir(outside)).toEqual([]);
      expect(problems).toContain('a: ');
      expect(problems).toContain('b: ');
      expect((await lstat(join(to, 'a'))).isDirectory()).toBe(true);
      expect((await lstat(join(to, 'c'))).isFile()).toBe(true);
    }
  });

  it('keeps the first of two entries of one path, and tells the second', async () => {
    await commit(file('a', 'first'), file('a', 'second'), file('b'), file('b/below'));
    for (const { to, problems } of await both()) {
      expect((await lstat(join(to, 'a'))).size).toBe('first'.length);
      expect(problems).toMatch(/\ba: /);
      expect(problems).toMatch(/\bb\/below: /);
    }
  });

  it('keeps times before 1970, and takes none for damage', async () => {
    await commit(
      file('early', 'x', { mtimeNs: -1_500_000_000n }),
      file('late', 'x', { mtimeNs: 19_880_899_200_000_000_000n }),
      file('never', 'x', { mtimeNs: 99_999_999_999_999_000_000_000n }),
      file('beyond', 'x', { mtimeNs: 9_223_372_036_854_775_807_000_000_000n }),
    );
    for (const { to } of await both()) {
      expect((await readdir(to)).sort()).toEqual(['beyond', 'early', 'late', 'never']);
      expect((await lstat(join(to, 'early'), { bigint: true })).mtimeNs).toBe(-1_500_000_000n);
    }
  });

  it('gives an empty snapshot back', async () => {
    await commit();
    for (const { to, problems } of await both()) {
      expect(problems).toBe('');
      expect(await readdir(to)).toEqual([]);
    }
  });

  it('restores a deep tree nobody listed the folders of', async () => {
    const path = `${'d/'.repeat(1500)}f`;
    await commit(file(path));
    for (const { to, problems } of await both()) {
      expect(problems).toBe('');
      expect((await lstat(join(to, path))).isFile()).toBe(true);
      await rm(to, { recursive: true });
    }
  });

  it('leaves out what only a later version knows, and says so', async () => {
    await commit(link('later', 'x'), link('more', 'x'), file('z'));
    for (const { to, problems } of await both()) {
      expect(problems).toContain('later: ');
      expect(problems).not.toContain('more: ');
      expect((await readdir(to)).sort()).toEqual(['more', 'z']);
    }
  });

  it('makes what has attributes of another form, without them, and says so', async () => {
    await commit(link('flawed', 'x'), file('z'));
    for (const { to, problems } of await both()) {
      expect(problems).toMatch(/flawed: its (xattrs|link) cannot be used/);
      expect((await readdir(to)).sort()).toEqual(['flawed', 'z']);
    }
  });

  it('carries the longest names, paths and targets', async () => {
    const path = Array.from({ length: 14 }, (_, index) => `${index}`.padEnd(255, '\u0001')).join('/');
    await commit(file(path), link('l', 't'.repeat(4095)), file('odd\n"\\\u2028'));
    for (const { to, problems } of await both()) {
      expect(problems).toBe('');
      expect((await lstat(join(to, path))).isFile()).toBe(true);
      expect(await readlink(join(to, 'l'))).toHaveLength(4095);
      expect((await lstat(join(to, 'odd\n"\\\u2028'))).isFile()).toBe(true);
    }
  });

  it('shows a reason without what moves the cursor', async () => {
    await commit({ kind: 'problem', path: Buffer.from('p'), reason: 'EACCES: open \u001b[2J' }, file('a'));
    for (const { problems } of await both()) {
      expect(problems).toContain('\\x1b[2J');
      expect(problems).not.toContain('\u001b');
    }
  });

  it('carries a reason that is cut inside a character', async () => {
    const reason = `${'x'.repeat(999)}\u{1f512}`;
    await commit({ kind: 'problem', path: Buffer.from('p'), reason }, file('a'));
    for (const { problems } of await both()) expect(problems).toContain('xxx\ufffd');
  });
});
