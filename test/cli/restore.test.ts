import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { COMMANDS } from '../../daemon/cli/commands.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { noise, World } from '../vault/world.ts';

describe('portcullis restore', () => {
  let world: World;
  let key: string;
  let out: Buffer[];
  let err: string;
  beforeEach(async () => {
    world = await World.create();
    key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
    const etc = { etc: null, 'etc/a.conf': Buffer.from('a'), 'etc/b.log': Buffer.from('b'), 'etc/deep': null };
    await world.seal({ ...etc, 'etc/deep/c.log': Buffer.from('c'), big: noise(9_000_000, 1) });
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  async function cli(...args: string[]): Promise<number> {
    out = [];
    err = '';
    const context = {
      clock: systemClock,
      env: {},
      version: '0',
      terminal: false,
      interrupted: new AbortController().signal,
      out: (text: string) => void out.push(Buffer.from(text)),
      outBytes: async (bytes: Uint8Array) => void out.push(Buffer.from(bytes)),
      err: (text: string) => {
        err += `${text}\n`;
      },
      openStore: async () => world.store,
    } as unknown as Context;
    return runCli(['restore', ...args, '--store', world.root, '--key', key], COMMANDS, context);
  }

  it('takes what is included and leaves what is excluded, with what is below', async () => {
    const to = join(world.folder, 'out');
    expect(
      await cli('1', '--to', to, '--include', 'etc', '--exclude', '**/b.*', '--exclude', 'etc/deep', '--json'),
    ).toBe(0);
    expect(JSON.parse(Buffer.concat(out).toString())).toMatchObject({ files: 1, failures: [], notes: [] });
    expect((await readdir(to, { recursive: true })).sort()).toEqual(['etc', 'etc/a.conf']);
    expect(await cli('1', '--to', join(world.folder, 'none'), '--include', 'nothing')).not.toBe(0);
  });

  it('writes an archive to standard output and to a file, and one file as it is', async () => {
    expect(await cli('1', '--tar', '--to', '-')).toBe(0);
    const archive = join(world.folder, 'a.tar');
    await writeFile(archive, Buffer.concat(out));
    expect(err).toContain('Restored 4 files');
    await mkdir(join(world.folder, 'tar'));
    execFileSync('tar', ['-xf', archive, '-C', join(world.folder, 'tar')]);
    expect((await readFile(join(world.folder, 'tar/big'))).equals(noise(9_000_000, 1))).toBe(true);
    const other = join(world.folder, 'b.tar');
    expect(await cli('1', '--tar', '--to', other)).toBe(0);
    expect((await readFile(other)).equals(await readFile(archive))).toBe(true);
    // Never over anything.
    expect(await cli('1', '--tar', '--to', other)).toBe(2);
    expect(await cli('1', '--path', 'big', '--to', '-')).toBe(0);
    expect(Buffer.concat(out).equals(noise(9_000_000, 1))).toBe(true);
    expect(await cli('1', '--path', 'etc', '--to', '-')).toBe(2);
    expect(out).toEqual([]);
  });

  it('says what cannot go together', async () => {
    for (const more of [
      ['--tar', '--resume'],
      ['--branch', 'x', '--tar'],
      ['--branch', 'x', '--include', 'y'],
    ]) {
      expect(await cli('1', '--to', join(world.folder, 'x'), ...more), more.join(' ')).toBe(2);
      expect(await readdir(world.folder)).not.toContain('x');
    }
  });
});
