import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { type Restored, restore } from '../../daemon/vault/restore.ts';
import { directoryTarget } from '../../daemon/vault/restore-directory.ts';
import { BytesTarget, TarTarget } from '../../daemon/vault/restore-stream.ts';
import type { RestoreTarget } from '../../daemon/vault/restore-target.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { python, runReader } from './reader.ts';
import { noise, print, readTree, type Tree, World } from './world.ts';

const tree: Tree = {
  docs: null,
  'docs/readme': Buffer.from('hello'),
  'docs/link': { link: '../a' },
  'na\xffme': Buffer.from('not UTF-8'),
  [`${'long'.repeat(30)}`]: Buffer.from('longer than a header'),
  a: noise(5_000_000, 1),
  b: noise(5_000_000, 2),
  c: noise(9_000_000, 3),
  d: noise(60_000, 4),
};

describe('what is restored', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
    await world.seal(tree);
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  async function into(target: RestoreTarget, prefix = ''): Promise<Restored> {
    const vault = await openVault(world.store, world.key);
    const [snapshot] = await vault.snapshots();
    if (snapshot === undefined) throw new Error('no snapshot');
    return restore({ vault, snapshot, target, ...(prefix === '' ? {} : { prefix: Buffer.from(prefix) }) });
  }
  async function folder(to: string, more: Partial<Parameters<typeof directoryTarget>[0]> = {}): Promise<Restored> {
    return into(await directoryTarget({ to, resume: false, what: '1', check: false, ...more }));
  }
  async function untarred(to: string): Promise<{ tree: Tree; restored: Restored }> {
    const parts: Buffer[] = [];
    const restored = await into(new TarTarget(async (bytes) => void parts.push(Buffer.from(bytes))));
    await writeFile(`${to}.tar`, Buffer.concat(parts));
    await mkdir(to);
    execFileSync('tar', ['-xf', `${to}.tar`, '-C', to], { stdio: 'ignore' });
    return { tree: await readTree(to), restored };
  }
  async function bytes(path: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    const sink = new BytesTarget(async (part) => void parts.push(Buffer.from(part)));
    const { failures } = await into(sink, path);
    // Never the beginning of what is not whole.
    if (failures.length > 0) expect(parts).toEqual([]);
    if (failures[0] !== undefined) throw new Error(failures[0].reason);
    return Buffer.concat(parts);
  }

  it('is the same from an archive, which tar reads, and from standard output', async () => {
    const { tree: back, restored } = await untarred(join(world.folder, 'out'));
    expect(restored.failures).toEqual([]);
    expect(print(back)).toEqual(print(tree));
    const out = await lstat(join(world.folder, 'out/d'), { bigint: true });
    expect(out.mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect((await bytes('c')).equals(tree['c'] as Buffer)).toBe(true);
    await expect(bytes('docs')).rejects.toMatchObject({ code: 'vault.destination' });
  });

  it('is all but what was in a lost pack, whichever is lost and wherever it goes', async () => {
    const key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
    const packs = (await world.objects()).filter((name) => name.startsWith('packs/'));
    expect(packs.length).toBeGreaterThan(3);
    let lostFiles = 0;
    for (const [round, pack] of packs.entries()) {
      const at = join(world.root, pack);
      const kept = await readFile(at);
      await chmod(join(at, '..'), 0o700);
      await unlink(at);
      const to = (name: string) => join(world.folder, `${name}-${round}`);
      const restored = await folder(to('folder'));
      const back = await readTree(to('folder'));
      const whole = print(tree);
      const lost = Object.keys(tree).filter((path) => !(path in back));
      lostFiles += lost.length;
      expect(restored.failures.length).toBeGreaterThan(0);
      // The only pack of the list costs everything, and says so.
      if (Object.keys(back).length > 0) {
        const told = restored.failures.map(({ path }) => path);
        expect(lost.map((path) => path.replace('\xff', '\\xff')).sort()).toEqual(told.sort());
      }
      for (const [path, what] of Object.entries(print(back))) expect(what, path).toEqual(whole[path]);
      const archived = await untarred(to('tar'));
      expect(print(archived.tree)).toEqual(print(back));
      for (const path of ['a', 'b', 'c', 'd']) {
        if (path in back) expect((await bytes(path)).equals(tree[path] as Buffer)).toBe(true);
        else if (Object.keys(back).length > 0) await expect(bytes(path)).rejects.toThrow(pack);
      }
      if (python !== undefined) {
        expect(await runReader(world.root, key, 'restore', '1', to('python'))).toMatchObject({ status: 1 });
        expect(print(await readTree(to('python')))).toEqual(print(back));
      }
      await writeFile(at, kept);
    }
    expect(lostFiles).toBeGreaterThan(packs.length);
  }, 240_000);

  it('goes on where it was killed, for every file at which that may be, and writes no finished file again', async () => {
    const to = join(world.folder, 'out');
    for (let files = 0; ; files++) {
      const target = await directoryTarget({ to, resume: false, what: '1', check: true });
      let fired = false;
      let left = files;
      const killed: RestoreTarget = Object.create(target, {
        file: {
          value: async (...args: Parameters<RestoreTarget['file']>) => {
            if (left-- === 0) {
              fired = true;
              throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
            }
            return target.file(...args);
          },
        },
        directory: { value: target.directory.bind(target) },
        symlink: { value: target.symlink.bind(target) },
        finish: { value: target.finish.bind(target) },
        notes: { value: target.notes },
      });
      const ended = await into(killed).catch((error: unknown) => error);
      if (!fired) break;
      expect(ended).toMatchObject({ code: 'vault.destination', what: expect.stringMatching(/no room for /) });
      await expect(folder(to)).rejects.toMatchObject({ what: expect.stringMatching('--resume') });
      await expect(folder(to, { resume: true, what: '2' })).rejects.toMatchObject({ code: 'vault.destination' });
      const before = new Map<string, bigint>();
      for (const name of await readdir(to)) before.set(name, (await lstat(join(to, name), { bigint: true })).ino);
      // What stands where a link would be written through, and a file that was spoilt meanwhile.
      await symlink('/nonexistent', join(to, 'planted'));
      const spoilt = before.has('d') ? 'd' : undefined;
      if (spoilt !== undefined) await writeFile(join(to, spoilt), 'spoilt');
      expect((await folder(to, { resume: true })).failures).toEqual([]);
      expect(print(await readTree(to))).toEqual(print(tree));
      for (const [name, inode] of before) {
        if (name === '.portcullis-restore') continue;
        const now = (await lstat(join(to, name), { bigint: true })).ino;
        if (name !== spoilt) expect(now, name).toBe(inode);
      }
      await rm(to, { recursive: true });
    }
  }, 120_000);

  it('never goes through a link that an earlier run left, or into the folder of another', async () => {
    const to = join(world.folder, 'out');
    await mkdir(to);
    await writeFile(join(to, 'mine'), 'x');
    await expect(folder(to, { resume: true })).rejects.toMatchObject({ code: 'vault.destination' });
    expect(await readdir(to)).toEqual(['mine']);
  });
});
