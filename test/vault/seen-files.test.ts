import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { directorySource } from '../../daemon/sources/directory.ts';
import { rememberLost } from '../../daemon/vault/lost-packs.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { SeenFiles } from '../../daemon/vault/seen-files.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { noise, print, type Tree, World } from './world.ts';

const reads = vi.hoisted(() => ({ paths: [] as string[] }));
vi.mock('../../daemon/vault/read-file.ts', async (original) => {
  const real = await original<typeof import('../../daemon/vault/read-file.ts')>();
  return {
    ...real,
    readFilePieces: (...args: Parameters<typeof real.readFilePieces>) => {
      reads.paths.push(args[0].toString().split('/').at(-1) ?? '');
      return real.readFilePieces(...args);
    },
    readFileBytes: (...args: Parameters<typeof real.readFileBytes>) => {
      reads.paths.push(args[0].toString().split('/').at(-1) ?? '');
      return real.readFileBytes(...args);
    },
  };
});

const tree: Tree = {
  a: noise(300_000, 1),
  b: Buffer.from('small'),
  c: Buffer.alloc(0),
  d: null,
  'd/e': Buffer.alloc(17_000_000, 'long'),
};
const names = ['a', 'b', 'c', 'e'];
/** What consists of nothing needs no blob. */
const withContent = ['a', 'b', 'e'];

describe('files that are what they were', () => {
  let world: World;
  let source: string;
  let memory: string;
  /** Well after the files were written: nothing is too young. */
  const later = () => Date.now() + 10_000;
  beforeEach(async () => {
    world = await World.create();
    source = join(world.folder, 'source');
    memory = join(world.folder, 'work', 'seen');
    await mkdir(join(source, 'd'), { recursive: true });
    for (const [name, what] of Object.entries(tree))
      if (Buffer.isBuffer(what)) await writeFile(join(source, name), what);
  });
  afterEach(() => world.cleanUp());

  /** Seals the source as it is, and returns the names of the files that were read. */
  async function seal(now: () => number): Promise<string[]> {
    reads.paths = [];
    const { signal } = new AbortController();
    const { entries } = await directorySource({ name: 'files', path: source, exclude: [] }).pull({
      workdir: '',
      signal,
    });
    const seen = new SeenFiles(now, { path: memory, secret: world.secrets.sealing.reveal(), vaultId: world.vaultId });
    await world.seal(entries, { seen });
    return [...reads.paths].sort();
  }

  async function expectRestored(expected: Tree = tree): Promise<void> {
    await world.ship();
    const seq = (await world.snapshots()).length;
    const { tree: back, restored } = await world.restore(String(seq));
    expect(restored.failures).toEqual([]);
    expect(print(back)).toEqual(print(expected));
  }

  it('are not read again, and are in the snapshot', async () => {
    expect(await seal(later)).toEqual(names);
    await world.ship();
    for (let round = 0; round < 3; round++) {
      expect(await seal(later)).toEqual([]);
      await expectRestored();
    }
  });

  it.each([
    [
      'has other content of the same length and the same mtime',
      async (file: string) => writeFile(file, noise(300_000, 9)),
    ],
    [
      'is another file with the same size and mtime',
      async (file: string) => {
        await writeFile(`${file}.new`, noise(300_000, 9));
        await rename(`${file}.new`, file);
      },
    ],
  ])('are read again when one %s', async (_, change) => {
    const file = join(source, 'a');
    // Whole seconds, for nanoseconds could not be put back.
    await utimes(file, 1_700_000_000, 1_700_000_000);
    await seal(later);
    await change(file);
    await utimes(file, 1_700_000_000, 1_700_000_000);
    expect(await seal(later)).toEqual(['a']);
    await expectRestored({ ...tree, a: noise(300_000, 9) });
  });

  it('are read again when they are too young to tell a change, until two sealings have found them the same', async () => {
    let now = Date.now();
    const young = () => now;
    // A change in the same tick would show in nothing.
    expect(await seal(young)).toEqual(names);
    expect(await seal(young)).toEqual(names);
    now -= 3_600_000;
    // The clock was set back: they are of a time to come. Two looks so far apart settle it all the same.
    expect(await seal(young)).toEqual(names);
    expect(await seal(young)).toEqual([]);
    await expectRestored();
  });

  it('are read again for other recipients', async () => {
    await seal(later);
    world.recipients = [world.key.publicKey, createRecoveryKey(world.vaultId, world.verifyKey).publicKey];
    expect(await seal(later)).toEqual(withContent);
    await expectRestored();
  });

  it('are read again when a pack of theirs is lost, or nothing of the vault is known', async () => {
    await seal(later);
    const [batch] = await listBatches(world.staging);
    await world.ship();
    const packs = (batch?.draft.objects ?? [])
      .filter((name) => name.startsWith('packs/'))
      .map((name) => name.slice(-64));
    await rememberLost(world.state, [{ pack: packs[0] ?? '', problem: 'gone' }]);
    expect((await seal(later)).length).toBeGreaterThan(0);
    await world.ship();
    await rm(world.state, { recursive: true });
    expect(await seal(later)).toEqual(withContent);
    await expectRestored();
  });

  it('are in the snapshot whatever has become of the memory', async () => {
    await rm(join(source, 'd', 'e'));
    const { 'd/e': _, ...left } = tree;
    await seal(later);
    await world.ship();
    const whole = readFileSync(memory);
    let read = 0;
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 6)) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 4;
      for (const bytes of [flipped, whole.subarray(0, at)]) {
        writeFileSync(memory, bytes);
        read += (await seal(later)).length;
        await world.ship();
      }
    }
    await expectRestored(left);
    expect(read).toBeGreaterThan(6);
    // Another appliance's is none.
    writeFileSync(memory, whole);
    const other = await World.create();
    await mkdir(join(other.folder, 'work'));
    const seen = new SeenFiles(later, { path: memory, secret: other.secrets.sealing.reveal(), vaultId: other.vaultId });
    const { signal } = new AbortController();
    const { entries } = await directorySource({ name: 'files', path: source, exclude: [] }).pull({
      workdir: '',
      signal,
    });
    reads.paths = [];
    await other.seal(entries, { seen });
    expect(reads.paths.sort()).toEqual(['a', 'b', 'c']);
    await other.cleanUp();
  });

  it('are remembered without a name of theirs in the clear', async () => {
    await mkdir(join(source, 'a-telling-name'));
    await writeFile(join(source, 'a-telling-name', 'another-telling-name'), 'x');
    await seal(later);
    expect(readFileSync(memory).includes('telling')).toBe(false);
  });
});
