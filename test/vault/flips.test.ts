import { chmod, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { noise, World } from './world.ts';

const FLIPS = 500;
const SEED = 20_261_127;

/** Mulberry32: the same flips in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

let world: World;
beforeAll(async () => {
  world = await World.create();
  await world.seal({ a: noise(150_000, 1), b: Buffer.from('small') });
  await world.ship();
  await world.seal({ a: noise(150_000, 1), b: Buffer.from('changed'), c: noise(60_000, 2) });
  await world.ship();
  await world.seal({ c: noise(60_000, 2) }, { source: { name: 'other', kind: 'directory' } });
  await world.ship();
});
afterAll(() => world.cleanUp());

/** The objects that verify names; what stops it is told by its error, which has to name the object as well. */
async function named(): Promise<string> {
  try {
    const { findings } = await verify({ store: world.store, verifyKey: world.verifyKey, readData: true });
    return findings.map(({ object }) => object).join(' ');
  } catch (error) {
    if (error instanceof PortcullisError && error.code.startsWith('vault.')) return error.what;
    throw error;
  }
}

async function flip(name: string, bit: number): Promise<void> {
  const path = join(world.root, name);
  await chmod(path, 0o600);
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, bit >> 3);
  byte[0] = (byte[0] ?? 0) ^ (1 << (bit & 7));
  await file.write(byte, 0, 1, bit >> 3);
  await file.close();
}

it(`each of ${FLIPS} random single-bit flips anywhere in a store is found, and the object named`, async () => {
  const names = (await world.objects()).sort();
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(world.root, name))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const next = random(SEED);
  const hit = new Set<string>();
  for (let round = 0; round < FLIPS; round++) {
    // Half of them anywhere in the bytes, which is nearly always a pack; half in any object, so that the small ones get theirs.
    let at = Math.floor(next() * (round % 2 === 0 ? total : names.length));
    if (round % 2 !== 0)
      at = sizes.slice(0, at).reduce((sum, size) => sum + size, 0) + Math.floor(next() * (sizes[at] ?? 0));
    const index = sizes.findIndex((size) => {
      if (at < size) return true;
      at -= size;
      return false;
    });
    const name = names[index] ?? '';
    const bit = at * 8 + Math.floor(next() * 8);
    await flip(name, bit);
    expect(await named(), `bit ${bit} of ${name}, flip ${round}`).toContain(name);
    await flip(name, bit);
    hit.add(name);
  }
  expect([...hit].sort()).toEqual(names);
  expect(await named()).toBe('');
}, 120_000);
