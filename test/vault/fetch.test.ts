import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { readChain } from '../../daemon/vault/chain.ts';
import { fetchSnapshot } from '../../daemon/vault/fetch.ts';
import { noise, print, type Tree, World } from './world.ts';

const FIRST: Tree = { big: noise(700_000, 3), small: Buffer.from('a few words') };
const SECOND: Tree = { ...FIRST, more: noise(400_000, 4) };

let world: World;
let to: DirectoryStore;
beforeEach(async () => {
  world = await World.create();
  for (const tree of [FIRST, SECOND]) {
    await world.seal(tree);
    await world.ship();
  }
});
afterEach(() => world.cleanUp());

async function fetch(seq: number, signal?: AbortSignal, progress?: () => void) {
  await mkdir(join(world.folder, 'fetched'), { recursive: true });
  // A process of its own each time: a store remembers which folders it has made.
  to = new DirectoryStore(join(world.folder, 'fetched'));
  const chain = await readChain(world.store, world.vaultId, world.verifyKey);
  const record = chain.records.find((one) => one.seq === seq);
  if (record === undefined) throw new Error('no record');
  const more = { ...(signal === undefined ? {} : { signal }), ...(progress === undefined ? {} : { progress }) };
  return fetchSnapshot({ from: world.store, to, chain, record, ...more });
}

/** The one with `big` in it, which each snapshot needs. */
async function largestPack(): Promise<string> {
  const packs: { name: string; size: number }[] = [];
  for await (const pack of world.store.list('packs')) packs.push(pack);
  return packs.sort((one, two) => two.size - one.size)[0]?.name ?? '';
}

it('what one snapshot needs is enough to restore it, with the vault gone', async () => {
  const fetched = await fetch(2);
  expect(fetched.missing).toEqual([]);
  await rm(world.root, { recursive: true });
  expect(print((await world.restore('2', '', to)).tree)).toEqual(print(SECOND));
});

it('goes on where it was cut off, after any object, and reads nothing twice', async () => {
  const { objects } = await fetch(1);
  for (let after = 1; after < objects; after++) {
    await rm(join(world.folder, 'fetched'), { recursive: true });
    const cut = new AbortController();
    let seen = 0;
    await expect(
      fetch(1, cut.signal, () => {
        if (++seen === after) cut.abort();
      }),
    ).rejects.toThrow();
    expect(seen).toBe(after);
    expect(await fetch(1)).toMatchObject({ objects, missing: [] });
  }
  expect(print((await world.restore('1', '', to)).tree)).toEqual(print(FIRST));
});

it('names what is damaged in the vault, and everything else comes', async () => {
  const pack = await largestPack();
  const bytes = await readFile(join(world.root, pack));
  await writeFile(join(world.root, pack), bytes.subarray(1));
  const { missing } = await fetch(2);
  expect(missing.map(({ object }) => object)).toEqual([pack]);
  expect((await world.restore('2', '', to)).restored.failures.length).toBeGreaterThan(0);
});

it('takes nothing for whole that was damaged in the copy', async () => {
  await fetch(2);
  const [pack = ''] = (await world.objects()).filter((name) => name.startsWith('packs/'));
  await writeFile(join(world.folder, 'fetched', pack), 'rubbish');
  const { missing } = await fetch(2);
  expect(missing).toEqual([{ object: pack, reason: expect.stringContaining('is there already, and is damaged') }]);
});
