import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openVault } from '../../daemon/vault/vault.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { killTree } from './kill-tree.ts';
import { print, World } from './world.ts';

/** Kills of each kind. `npm run test:kills` does a thousand. */
const KILLS = Number(process.env['KILLS'] ?? '4');
/** So many in one vault: then everything in it is restored again and again in reasonable time. */
const IN_ONE_VAULT = 8;
const CHILD = new URL('./kill-child.ts', import.meta.url).pathname;

type What = 'seal' | 'ship' | 'sweep';

/** A process that is ready to do what it is told. */
class Child {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ready: Promise<unknown>;
  #told = '';

  constructor(folder: string) {
    this.#process = spawn(process.execPath, ['--import', 'tsx', CHILD, folder]);
    this.#process.stderr.on('data', (bytes: Buffer) => {
      this.#told += bytes.toString();
    });
    this.#process.stdin.on('error', () => {});
    this.#ready = once(this.#process.stdout, 'data');
  }

  /** Is killed so long after it began. Whether that came in time to cut it short. */
  async kill(what: What, round: number, ms: number): Promise<boolean> {
    await this.#ready;
    const exit = once(this.#process, 'exit');
    this.#begin(what, round);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), ms);
    const [code, signal] = (await exit) as [number | null, string | null];
    clearTimeout(timer);
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`${what} ${round} failed: ${this.#told}`);
    return signal === 'SIGKILL';
  }

  #begin(what: What, round: number): void {
    this.#process.stdin.write(`${what} ${round}\n`);
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }
}

/** The run after the kill, in this process: it has to succeed. How long it took, in milliseconds. */
async function finish(world: World, what: What, round: number): Promise<number> {
  world.heads = await readHeads(world);
  const began = performance.now();
  if (what === 'seal') await world.seal(killTree(round), { wall: round * 1000 });
  else if (what === 'ship') await world.ship();
  else await world.sweep({ wall: round * 1000, graceMs: 0, rules: { floor: 2, last: 2 } });
  const took = performance.now() - began;
  await writeFile(join(world.folder, 'heads'), world.heads.map((head) => `${head}\n`).join(''));
  return took;
}

async function readHeads(world: World): Promise<string[]> {
  return (await readFile(join(world.folder, 'heads'), 'utf8')).trim().split('\n');
}

async function boxed(): Promise<World> {
  const world = await World.create();
  const { secrets, vaultId, verifyKey, key } = world;
  const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
  await writeFile(
    join(world.folder, 'box.json'),
    JSON.stringify({
      sealing: hex(secrets.sealing.reveal()),
      signing: hex(secrets.signing.reveal()),
      vaultId: hex(vaultId),
      verifyKey: hex(verifyKey),
      recipient: hex(key.publicKey),
    }),
  );
  await writeFile(join(world.folder, 'heads'), `${world.heads[0]}\n`);
  return world;
}

/** Every snapshot that has not expired is what its source was, and nothing in the vault is damaged. Their number. */
async function everythingRestores(world: World): Promise<number> {
  const wall = Number.MAX_SAFE_INTEGER;
  const checked = await verify({
    store: world.store,
    verifyKey: world.verifyKey,
    key: world.key,
    readData: true,
    wall,
  });
  expect(checked.findings).toEqual([]);
  const snapshots = (await (await openVault(world.store, world.key)).snapshots()).filter(
    ({ expires }) => expires === undefined,
  );
  for (const { seq, time } of snapshots) {
    const { tree, restored } = await world.restore(String(seq));
    expect(restored.failures).toEqual([]);
    expect(print(tree)).toEqual(print(killTree(Date.parse(time) / 1000)));
  }
  return snapshots.length;
}

describe('a kill at any moment', () => {
  it(
    `loses nothing that was committed, and the next run succeeds (${KILLS} kills of each)`,
    async () => {
      const landed = { seal: 0, ship: 0, sweep: 0 };
      const took = { seal: 100, ship: 100, sweep: 100 };
      for (let round = 1; round <= KILLS; ) {
        const world = await boxed();
        let kept = 0;
        let next = new Child(world.folder);
        const child = () => {
          const ready = next;
          // Starting one takes longer than what it does: the next one starts meanwhile.
          next = new Child(world.folder);
          return ready;
        };
        try {
          for (let here = 0; here < IN_ONE_VAULT && round <= KILLS; here++, round++) {
            for (const what of ['seal', 'ship', 'sweep'] as const) {
              const before = kept;
              const cut = await child().kill(what, round, Math.random() * 1.1 * took[what]);
              if (cut) landed[what]++;
              kept = await everythingRestores(world);
              // What is kept by the rules of the sweep is two, and only a sweep takes away.
              expect(kept).toBeGreaterThanOrEqual(what === 'sweep' ? Math.min(2, before) : before);
              const ms = await finish(world, what, round);
              took[what] = 0.7 * took[what] + 0.3 * ms;
            }
            kept = await everythingRestores(world);
            expect(kept).toBeLessThanOrEqual(2);
            expect(await readHeads(world)).toHaveLength(1);
          }
        } finally {
          next.end();
          await world.cleanUp();
        }
      }
      if (KILLS >= 100) console.log(`kills that cut a run short, of ${KILLS} each: ${JSON.stringify(landed)}`);
      // About a tenth come too late.
      for (const count of Object.values(landed)) expect(count).toBeGreaterThan(KILLS / 4);
    },
    60_000 + KILLS * 30_000,
  );
});
