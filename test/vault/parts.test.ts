import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { listBatches, unfinishedBatches } from '../../daemon/vault/staging.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { entriesOf, noise, print, type Tree, World } from './world.ts';

const MARK = 'This sentence is the plaintext that staging must never show.';
const tree: Tree = {
  a: noise(30_000_000, 1),
  b: Buffer.from(`${MARK}\n`.repeat(200_000)),
  c: noise(30_000_000, 2),
  d: Buffer.from(MARK),
  'secret-name-of-a-file': noise(20_000_000, 3),
};

async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) sum += (await stat(join(file.parentPath, file.name))).size;
  }
  return sum;
}

describe('staging with a limit', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  const whole = async () =>
    expect(await verify({ ...world, key: world.key, readData: true })).toMatchObject({ findings: [], orphans: 0 });

  it.each([0, 2])('is filled with parts that ship takes while sealing waits (threads: %s)', async (threads) => {
    const limit = 32 << 20;
    let waited = 0;
    let most = 0;
    const parts: string[] = [];
    const sealed = await world.seal(tree, {
      threads,
      stagingLimit: limit,
      part: (batch) => void parts.push(batch),
      full: async () => {
        waited++;
        most = Math.max(most, await bytesIn(world.staging));
        // As it lies on the disk, and for names as well.
        for (const known of [MARK, 'secret-name']) {
          const found = () => execFileSync('grep', ['-r', '-l', '-a', '-F', known, world.staging]);
          expect(found).toThrow(expect.objectContaining({ status: 1 }));
        }
        // No record comes of a part.
        expect((await world.ship()).committed).toEqual([]);
        expect(await world.snapshots()).toEqual([]);
      },
    });
    expect(waited).toBeGreaterThan(0);
    expect(parts.length).toBeGreaterThan(2);
    expect(most).toBeLessThan(limit + (16 << 20));
    expect(sealed.newBytes).toBeGreaterThan(80_000_000);
    const { committed } = await world.ship();
    expect(committed).toHaveLength(1);
    expect(print((await world.restore('1')).tree)).toEqual(print(tree));
    await whole();
  });

  it('that is stopped while it waits goes on from what was shipped', async () => {
    const stop = new AbortController();
    const options = {
      stagingLimit: 32 << 20,
      full: async () => stop.abort(new Error('tripped')),
      signal: stop.signal,
    };
    await expect(world.seal(tree, options)).rejects.toThrow('tripped');
    await world.ship();
    const rest = await world.seal(tree);
    // Less than half was left to do.
    expect(rest.newBytes).toBeLessThan(60_000_000);
    await world.ship();
    expect(print((await world.restore('1')).tree)).toEqual(print(tree));
    await whole();
  });
});

describe('what a killed seal left', () => {
  let world: World;
  const half: Tree = { a: noise(18_000_000, 1), b: noise(5_000_000, 2) };
  beforeEach(async () => {
    world = await World.create();
    const stop = new AbortController();
    const entries = async function* () {
      yield* entriesOf(half);
      stop.abort(new Error('killed'));
      yield* entriesOf({ z: Buffer.alloc(0) });
    };
    await expect(world.seal(entries(), { signal: stop.signal })).rejects.toThrow('killed');
  });
  afterEach(() => world.cleanUp());

  const left = async () => join(world.staging, (await unfinishedBatches(world.staging))[0] ?? '');

  it('is taken over, with its packs and no more than is new', async () => {
    expect(await readdir(join(await left(), 'packs'))).toHaveLength(2);
    const sealed = await world.seal(half);
    expect(sealed).toMatchObject({ adopted: 2, removed: [] });
    expect(sealed.newBytes).toBeLessThan(8_000_000);
    expect(await listBatches(world.staging)).toHaveLength(2);
    await world.ship();
    expect(print((await world.restore('1')).tree)).toEqual(print(half));
  });

  it.each(['draft.json', 'a pack', 'manifests'])(
    'is built on only as far as it will be shipped, when it was killed before %s',
    async (what) => {
      await world.seal(half);
      const [, batch = ''] = (await readdir(world.staging)).sort();
      const folder = join(world.staging, batch);
      // The draft is written last; before it pack set, manifest and index are there.
      await rm(join(folder, 'draft.json'));
      if (what === 'manifests') await rm(join(folder, 'manifests'), { recursive: true });
      if (what === 'a pack') await rm(join(folder, 'packs', (await readdir(join(folder, 'packs')))[0] ?? ''));
      const tree = { ...half, later: Buffer.from('later') };
      await world.seal(tree);
      expect((await world.ship()).committed).toHaveLength(1);
      expect(print((await world.restore('1')).tree)).toEqual(print(tree));
    },
  );

  it('is not, where it is damaged, torn, foreign or cannot be opened any more', async () => {
    const folder = join(await left(), 'packs');
    const [first = '', second = ''] = await readdir(folder);
    const bytes = await readFile(join(folder, first));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(join(folder, first), bytes);
    await writeFile(join(folder, `.${second}.tmp`), 'half');
    await writeFile(join(folder, 'a'.repeat(64)), 'foreign');
    expect(await world.seal(half)).toMatchObject({ adopted: 1 });
    await world.ship();
    expect(print((await world.restore('1')).tree)).toEqual(print(half));
  });

  it.each([
    [
      'its session key object is damaged',
      async () => writeFile(join(await left(), 'keys', (await readdir(join(await left(), 'keys')))[0] ?? ''), '{}'),
    ],
    ['its session key object is gone', async () => rm(join(await left(), 'keys'), { recursive: true })],
    [
      'it is for other recipients',
      async () => {
        world.recipients = [world.key.publicKey, createRecoveryKey(world.vaultId, world.verifyKey).publicKey];
      },
    ],
  ])('is removed when %s', async (_, change) => {
    await change();
    const sealed = await world.seal(half);
    expect(sealed.adopted).toBe(0);
    expect(sealed.removed).toHaveLength(1);
    await world.ship();
    expect(print((await world.restore('1')).tree)).toEqual(print(half));
  });
});
