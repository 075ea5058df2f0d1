import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { noise, print, readTree, type Tree, World } from '../vault/world.ts';
import { PORTCULLIS } from './appliance.ts';

const FILES = 1500;
let world: World;
let tree: Tree;
beforeEach(async () => {
  world = await World.create();
  tree = { folder: null };
  for (let n = 0; n < FILES; n++) tree[`folder/${n}`] = noise(n % 50 === 0 ? 300_000 : 5000, n + 1);
  await writeFile(join(world.folder, 'recovery.key'), formatRecoveryKey(world.key));
  await world.seal(tree);
  await world.ship();
});
afterEach(() => world.cleanUp());

function restore(...more: string[]): ChildProcess {
  const key = join(world.folder, 'recovery.key');
  const argv = ['restore', '1', '--to', join(world.folder, 'out'), '--store', world.root, '--key', key, ...more];
  return spawn(process.execPath, [PORTCULLIS, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
}

const there = () => {
  const folder = join(world.folder, 'out', 'folder');
  return existsSync(folder) ? readdirSync(folder).length : 0;
};

it('a restore that is killed over and over goes on, and in the end every file is what it was', async () => {
  const reached: number[] = [];
  for (let kill = 1; kill <= 5; kill++) {
    const child = restore(...(kill === 1 ? [] : ['--resume']));
    const exit = once(child, 'exit');
    const aim = Math.floor((FILES * kill) / 6);
    while (there() < aim && child.exitCode === null) await delay(1);
    child.kill('SIGKILL');
    const [, signal] = (await exit) as [number | null, string | null];
    expect(signal, `kill ${kill} came too late`).toBe('SIGKILL');
    reached.push(there());
  }
  // Each went on from where the last one was.
  expect(reached).toEqual([...reached].sort((a, b) => a - b));
  expect(reached[0]).toBeLessThan(FILES);
  const child = restore('--resume', '--check');
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code, said).toBe(0);
  const back = await readTree(join(world.folder, 'out'));
  expect(print(back)).toEqual(print(tree));
}, 120_000);
