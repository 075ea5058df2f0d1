import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { tellSeal } from '../../daemon/vault/tell-seal.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, print, readTree, type Tree, World } from './world.ts';

/** Every object of a store, made bad in every way: found and named, nothing else lost, and the next run is fine. */

const FIRST: Tree = { big: noise(600_000, 21), small: Buffer.from('small') };
const SECOND: Tree = { ...FIRST, more: noise(300_000, 22) };
const THIRD: Tree = { ...SECOND, last: noise(50_000, 23) };

let world: World;
let kept: string;
let objects: string[];
beforeEach(async () => {
  world = await World.create();
  for (const tree of [FIRST, SECOND]) {
    await world.seal(tree);
    await world.ship();
  }
  kept = join(world.folder, 'kept');
  for (const part of ['vault', 'state']) await cp(join(world.folder, part), join(kept, part), { recursive: true });
  objects = (await world.objects()).sort();
});
afterEach(() => world.cleanUp());

/** As it was before the fault. */
async function heal(heads: string[]): Promise<void> {
  for (const part of ['vault', 'state', 'staging'])
    await rm(join(world.folder, part), { recursive: true, force: true });
  for (const part of ['vault', 'state']) await cp(join(kept, part), join(world.folder, part), { recursive: true });
  world.heads = heads;
}

const at = (name: string) => join(world.root, name);
const folderOf = (name: string) => name.split('/')[0] ?? '';
/** Another object of the same kind, or of any. */
const other = (name: string) =>
  objects.find((one) => one !== name && folderOf(one) === folderOf(name)) ?? objects.find((one) => one !== name) ?? '';
/** A name of the same form that nothing has. */
const fresh = (name: string) =>
  name
    .replace(/[0-9a-f]{64}$/, createHash('sha256').update(name).digest('hex'))
    .replace(/^(snapshots\/)\d{10}/, '$10000000009');

const FAULTS: Record<string, (name: string, bytes: Buffer) => Promise<string>> = {
  truncated: async (name, bytes) => {
    await writeFile(at(name), bytes.subarray(0, Math.floor(bytes.length / 2)));
    return name;
  },
  empty: async (name) => {
    await writeFile(at(name), '');
    return name;
  },
  flipped: async (name, bytes) => {
    const flipped = Buffer.from(bytes);
    flipped[Math.floor(bytes.length / 3)] = (flipped[Math.floor(bytes.length / 3)] ?? 0) ^ 0x10;
    await writeFile(at(name), flipped);
    return name;
  },
  swapped: async (name, bytes) => {
    const second = other(name);
    const others = await readFile(at(second));
    await writeFile(at(name), others);
    await writeFile(at(second), bytes);
    return name;
  },
  foreign: async (name, bytes) => {
    await writeFile(at(name), noise(bytes.length, 31));
    return name;
  },
  duplicated: async (name, bytes) => {
    const copy = name === 'FORMAT' ? 'packs/FORMAT' : fresh(name);
    await mkdir(dirname(at(copy)), { recursive: true });
    await writeFile(at(copy), bytes);
    return copy;
  },
};

/** Seals and ships until a snapshot is committed: a batch that builds on what is lost is given up once, with an error. */
async function nextRun(tree: Tree): Promise<string[]> {
  const errors: string[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      if ((await listBatches(world.staging)).length === 0) await world.seal(tree);
      if ((await world.ship()).committed.length > 0) return errors;
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      errors.push(`${error.code}: ${error.what}`);
    }
  }
  throw new Error(`no run succeeded: ${errors.join('; ')}`);
}

const check = () =>
  verify({ store: world.store, verifyKey: world.verifyKey, readData: true }).catch((error: unknown) => {
    // What is no vault any more can only be said as a whole.
    if (!(error instanceof PortcullisError)) throw error;
    return error;
  });

describe.each(Object.keys(FAULTS))('an object that is %s', (fault) => {
  it('is found and named, costs nothing else, and the next run is fine', async () => {
    const [heads, seen] = [world.heads, new Set<string>()];
    for (const name of objects) {
      seen.add(folderOf(name));
      const bytes = await readFile(at(name));
      const bad = (await FAULTS[fault]?.(name, bytes)) ?? '';
      const which = `${fault} ${bad}`;

      const verified = await check();
      if (verified instanceof PortcullisError) {
        expect([folderOf(name), verified.what], which).toEqual(['FORMAT', expect.stringContaining('FORMAT')]);
      } else {
        expect(
          verified.findings.map(({ object }) => object),
          which,
        ).toContain(bad);
        await tellSeal(world.store, world.state, world.vaultId, verified);
      }

      // Whatever can be restored is restored right.
      for (const [seq, tree] of [FIRST, SECOND].entries()) {
        const { tree: back } = await world.restore(String(seq + 1)).catch((error: unknown) => {
          if (!(error instanceof PortcullisError)) throw error;
          return { tree: {} };
        });
        for (const [path, content] of Object.entries(print(back))) expect(content, which).toBe(print(tree)[path]);
      }

      // The chain and FORMAT stop every run until somebody has mended them: nobody builds on a vault that may be another's.
      if (name === 'FORMAT' || folderOf(name) === 'snapshots') {
        const stops = await nextRun(THIRD).then(
          () => '',
          (error: unknown) => String(error),
        );
        if (
          fault === 'duplicated' ||
          (folderOf(name) === 'snapshots' && name !== objects.findLast((one) => one.startsWith('snapshots')))
        )
          // An older record, or a copy beside FORMAT, is for `verify`: ship reads the newest record and counts the others.
          expect(stops === '' || /vault\.(forged|head_mismatch)/.test(stops), `${which} ${stops}`).toBe(true);
        else expect(stops, which).toMatch(/vault\.(absent|other|version|forged|head_mismatch)/);
        await writeFile(at(name), bytes);
        if (bad !== name) await rm(at(bad));
        if (fault === 'swapped') await cp(join(kept, 'vault', other(name)), at(other(name)));
        if (stops === '') {
          await heal(heads);
          continue;
        }
      }
      for (const error of await nextRun(THIRD)) expect(error, which).toMatch(/^vault\.(incomplete|damaged)|^store\./);
      const newest = (await world.snapshots()).at(-1);
      expect(newest?.seq, which).toBe(3);
      const { tree: back, restored } = await world.restore('3');
      expect(restored.failures, which).toEqual([]);
      expect(print(back), which).toEqual(print(THIRD));
      await heal(heads);
      await rm(join(world.folder, 'restored'), { recursive: true, force: true });
    }
    // The loop has met every kind there is.
    expect([...seen].sort()).toEqual(['FORMAT', 'index', 'keys', 'manifests', 'packs', 'packsets', 'snapshots']);
  }, 120_000);
});

it('the world the faults are made in is whole', async () => {
  expect(await check()).toMatchObject({ findings: [] });
  const { to } = await world.restore('2');
  expect(print(await readTree(to))).toEqual(print(SECOND));
});
