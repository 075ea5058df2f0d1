import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory, syncDirectory, writeDurably } from '../../daemon/base/durable.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-durable-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('writeDurably', () => {
  it('creates, replaces, and leaves nothing else behind', async () => {
    const path = join(folder, 'latch');
    await writeDurably(path, 'one');
    await writeDurably(path, Buffer.from([0, 255]));
    expect([...(await readFile(path))]).toEqual([0, 255]);
    expect(await readdir(folder)).toEqual(['latch']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('gives the mode it was asked for', async () => {
    const path = join(folder, 'gate.json');
    await writeDurably(path, '{}', 0o644);
    expect((await stat(path)).mode & 0o777).toBe(0o644 & ~process.umask());
  });

  it('takes over what a writer that died left behind', async () => {
    const path = join(folder, 'latch');
    await writeFile(join(folder, '.latch.tmp'), 'a longer text than the new one');
    await writeDurably(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['latch']);
  });

  it('replaces a link, not what it points to', async () => {
    const path = join(folder, 'latch');
    await writeFile(join(folder, 'elsewhere'), 'old');
    await symlink('elsewhere', path);
    await writeDurably(path, 'new');
    expect(await readFile(join(folder, 'elsewhere'), 'utf8')).toBe('old');
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it('rejects when the folder is absent', async () => {
    await expect(writeDurably(join(folder, 'absent', 'latch'), 'new')).rejects.toThrow(/ENOENT/);
  });

  it('rejects and leaves what is there when the file cannot be replaced', async () => {
    const path = join(folder, 'latch');
    await mkdir(join(path, 'x'), { recursive: true });
    await expect(writeDurably(path, 'new')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(await readdir(path)).toEqual(['x']);
  });

  it('rejects and keeps the old content when the temporary file cannot be made', async () => {
    const path = join(folder, 'latch');
    await writeDurably(path, 'old');
    await mkdir(join(folder, '.latch.tmp'));
    await expect(writeDurably(path, 'new')).rejects.toThrow(/EISDIR/);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('leaves the old content or the new, whole, wherever SIGKILL hits', async () => {
    const path = join(folder, 'latch');
    const kills = 12;
    let cutShort = 0;
    let newest = 0;
    for (let kill = 0; kill < kills; kill++) {
      const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'durable-writer.ts'), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const durable = await killAfter(child, kill);
      const text = await readFile(path, 'utf8');
      const number = Number.parseInt(text, 10);
      expect(text).toBe(`${number}\n`.repeat(20_000));
      // What was reported durable is there, or what came after it.
      expect(number).toBeGreaterThanOrEqual(durable);
      expect(number).toBeLessThanOrEqual(durable + 1);
      if ((await readdir(folder)).includes('.latch.tmp')) cutShort++;
      newest = Math.max(newest, durable);
    }
    // The fault did fire: writes had been finished, and some died half way.
    expect(newest).toBeGreaterThan(0);
    expect(cutShort).toBeGreaterThan(0);
  });
});

/** Lets `child` finish `writes` + 1 writes, kills it in one of the next, and says which was the last it reported. */
async function killAfter(child: ChildProcess, writes: number): Promise<number> {
  if (child.stdout === null) throw new Error('no standard output');
  const exited = once(child, 'exit');
  let last = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    // A spread over the write that follows: opening, writing, syncing, renaming.
    if (last === writes + 1) {
      for (let spin = 0; spin < writes * 40_000; spin++) Math.sqrt(spin);
      child.kill('SIGKILL');
    }
  }
  expect((await exited)[1]).toBe('SIGKILL');
  return last;
}

describe('makeDirectory', () => {
  it('makes what is missing, and nothing twice', async () => {
    const path = join(folder, 'a', 'b', 'c');
    await makeDirectory(path);
    await makeDirectory(path);
    expect((await stat(path)).isDirectory()).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it('rejects when a file is in the way', async () => {
    await writeFile(join(folder, 'a'), '');
    await expect(makeDirectory(join(folder, 'a', 'b'))).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});

describe('syncDirectory', () => {
  it('rejects when there is none', async () => {
    await expect(syncDirectory(join(folder, 'absent'))).rejects.toThrow(/ENOENT/);
  });
});
