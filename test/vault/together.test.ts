import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adoptLeft } from '../../daemon/vault/adopt.ts';
import { sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { readKnown } from '../../daemon/vault/known-packs.ts';
import { epochOf } from '../../daemon/vault/recipients.ts';
import { createBatch, listBatches, removeBatch, stageObject } from '../../daemon/vault/staging.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, print, type Tree, World } from './world.ts';

describe('a seal while a ship runs', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  it('leaves alone what ship is writing into the memories', async () => {
    await mkdir(join(world.state, 'index'), { recursive: true });
    const temporary = `.${'a'.repeat(64)}.tmp`;
    await writeFile(join(world.state, 'index', temporary), 'half');
    const keys = sealingKeys(world.secrets.sealing, world.vaultId);
    await readKnown(world.state, world.staging, keys, epochOf(world.recipients));
    expect(await readdir(join(world.state, 'index'))).toEqual([temporary]);
  });

  it('may remove the same batch', async () => {
    const keys = sealingKeys(world.secrets.sealing, world.vaultId);
    const source = { name: 'files', kind: 'directory' };
    for (let round = 0; round < 30; round++) {
      const batch = await createBatch(world.staging);
      for (let file = 0; file < 3; file++) {
        await stageObject(world.staging, batch, `packs/a${file}/x`, Buffer.from('x'));
      }
      await Promise.all([
        removeBatch(world.staging, batch),
        adoptLeft(world.staging, keys, epochOf(world.recipients), source),
      ]);
      expect(await readdir(world.staging)).toEqual([]);
      await removeBatch(world.staging, batch);
    }
  });

  it('gives whole snapshots, however the two meet', async () => {
    const trees: Tree[] = [];
    for (let round = 0; round < 12; round++) {
      trees.push({ same: noise(500_000, 1), own: noise(200_000, round + 2), small: Buffer.from(`${round}`) });
    }
    let sealing = true;
    const sealed = (async () => {
      for (const tree of trees) await world.seal(tree);
    })().finally(() => {
      sealing = false;
    });
    while (sealing) await world.ship();
    await sealed;
    await world.ship();
    expect(await listBatches(world.staging)).toEqual([]);
    for (const [index, tree] of trees.entries()) {
      expect(print((await world.restore(String(index + 1))).tree)).toEqual(print(tree));
    }
    const checked = await verify({ ...world, key: world.key, readData: true });
    expect(checked).toMatchObject({ findings: [], orphans: 0 });
  }, 60_000);

  it('builds on a batch that ship then drops, and the content comes back with the next seal', async () => {
    const big = noise(3_000_000, 1);
    const tree: Tree = { big };
    const first = await world.seal(tree);
    let go = () => {};
    const dropped = new Promise<void>((resolve) => {
      go = resolve;
    });
    const second = world.seal(
      (async function* () {
        // By now this seal knows the first batch.
        await dropped;
        const open = async function* () {
          yield big;
        };
        const common = { path: Buffer.from('big'), mode: 0o600, mtimeNs: 0n, uid: 0, gid: 0 };
        yield { ...common, kind: 'file', content: { from: 'stream', open } } as const;
      })(),
    );
    await new Promise((resolve) => setImmediate(resolve));
    while ((await readdir(world.staging)).length < 2) await new Promise((resolve) => setImmediate(resolve));
    await removeBatch(world.staging, first.batch);
    go();
    await second;
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.incomplete' });
    await world.seal(tree);
    await world.ship();
    expect(print((await world.restore('1')).tree)).toEqual(print(tree));
  });
});
