import { statfsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { storeContract } from './contract.ts';
import { FaultStore } from './fault.ts';

async function underTest(wrap: (store: DirectoryStore) => DirectoryStore | FaultStore) {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-store-'));
  const root = join(folder, 'vault');
  await mkdir(root);
  return {
    store: wrap(new DirectoryStore(root)),
    reopen: () => wrap(new DirectoryStore(root)),
    takeAway: () => rename(root, join(folder, 'elsewhere')),
    cleanUp: () => rm(folder, { recursive: true, force: true }),
  };
}

storeContract('a directory', () => underTest((store) => store));
storeContract('a fault wrapper that never fires', () =>
  underTest((store) => new FaultStore(store, Number.POSITIVE_INFINITY)),
);

describe('a directory store', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'portcullis-store-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('writes nothing into an empty mount point', async () => {
    const store = new DirectoryStore(root);
    await expect(store.put('packs/ab/abc', Buffer.alloc(1))).rejects.toSatisfy((e) => hasCode(e, 'store.gone'));
    expect(await readdir(root)).toEqual([]);
  });

  it('does not take an empty mount point for an empty vault', async () => {
    const store = new DirectoryStore(root);
    const listing = (async () => {
      for await (const _ of store.list('packs'));
    })();
    await expect(listing).rejects.toSatisfy((e) => hasCode(e, 'store.gone'));
    await expect(store.size('packs/x')).rejects.toSatisfy((e) => hasCode(e, 'store.gone'));
  });

  // On ext4 and xfs, which read directly whatever is asked; others may do without.
  const direct = [0xef53, 0x58465342].includes(statfsSync(tmpdir()).type);
  it.runIf(direct)('reads back from the disk what it has just put', async () => {
    const store = new DirectoryStore(root);
    await store.put('FORMAT', Buffer.from('{}'));
    await store.put('packs/ab/abc', Buffer.alloc(1_000_001, 7));
    expect((await store.readBack('packs/ab/abc')).direct).toBe(true);
    expect((await store.readBack('FORMAT')).direct).toBe(true);
  });

  it('removes what a killed writer left, and leaves nothing itself', async () => {
    await mkdir(join(root, 'tmp'));
    await writeFile(join(root, 'tmp', 'half'), 'unfinished');
    await mkdir(join(root, 'tmp', 'folder'));
    const store = new DirectoryStore(root);
    await store.put('FORMAT', Buffer.from('{}'));
    await expect(store.put('FORMAT', Buffer.from('{}'))).rejects.toThrow();
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });
});
