import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { directorySource } from '../../daemon/sources/directory.ts';
import { listBatches, unfinishedBatches } from '../../daemon/vault/staging.ts';
import { verify } from '../../daemon/vault/verify.ts';
import type { ChildSetup } from './seal-child.ts';
import { noise, print, readTree, type Tree, WALL, World } from './world.ts';

/** Ends a thread before it gets its n-th request, as a lack of memory would. */
const fault = vi.hoisted(() => ({ requests: 0, endAt: Number.POSITIVE_INFINITY }));
vi.mock('../../daemon/base/thread.ts', async (original) => {
  const real = await original<typeof import('../../daemon/base/thread.ts')>();
  return {
    startThread: (...args: Parameters<typeof real.startThread>): Worker => {
      const worker = real.startThread(...args);
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (message: unknown) => {
        if (++fault.requests === fault.endAt) void worker.terminate();
        post(message);
      };
      return worker;
    },
  };
});

const long = noise(21_000_000, 1);
const tree: Tree = {
  a: null,
  'a/empty': Buffer.alloc(0),
  'a/long': long,
  'a/same': long.subarray(0, 9_000_000),
  b: null,
  ...Object.fromEntries(
    Array.from({ length: 700 }, (_, index) => [`b/${String(index).padStart(4, '0')}`, noise(index * 37, index + 2)]),
  ),
  c: noise(5_000_000, 5000),
  d: noise(5_000_000, 5000),
};

describe('sealing by several threads', () => {
  let world: World;
  let source: string;
  beforeEach(async () => {
    fault.requests = 0;
    fault.endAt = Number.POSITIVE_INFINITY;
    world = await World.create();
    source = join(world.folder, 'source');
    await mkdir(source);
    for (const [name, what] of Object.entries(tree)) {
      if (Buffer.isBuffer(what)) await writeFile(join(source, name), what);
      else await mkdir(join(source, name));
    }
  });
  afterEach(() => world.cleanUp());

  async function entries(path = source) {
    const { signal } = new AbortController();
    return (await directorySource({ name: 'files', path, exclude: [] }).pull({ workdir: '', signal })).entries;
  }

  const whole = async () =>
    expect(await verify({ ...world, key: world.key, readData: true })).toMatchObject({ findings: [], orphans: 0 });

  async function expectNewest(expected: Tree): Promise<void> {
    const seq = (await world.snapshots()).length;
    const { tree: back, restored } = await world.restore(String(seq));
    expect(restored.failures).toEqual([]);
    expect(print(back)).toEqual(print(expected));
  }

  it('gives what one thread gives, and writes no content twice', async () => {
    const alone = await world.seal(await entries());
    const again = await world.seal(await entries(), { threads: 2 });
    expect(again).toMatchObject({ files: alone.files, bytes: alone.bytes, problemCount: 0 });
    // What is small is in new bundles.
    expect(again.newBytes).toBeLessThan(3_000_000);
    await world.ship();
    await expectNewest(tree);
    await rm(world.state, { recursive: true });
    const afresh = await world.seal(await entries(), { threads: 3 });
    expect(afresh.newBytes).toBeLessThan(alone.newBytes * 1.02);
    await world.ship();
    await expectNewest(tree);
    await whole();
  }, 300_000);

  it('shares a long stream among them', async () => {
    const stream = async function* () {
      const open = async function* () {
        for (let at = 0; at < long.length; at += 65_536) yield long.subarray(at, at + 65_536);
      };
      const common = { path: Buffer.from('dump'), mode: 0o600, mtimeNs: 0n, uid: 0, gid: 0 };
      yield { ...common, kind: 'file', content: { from: 'stream', open } } as const;
    };
    await world.seal(stream(), { threads: 2 });
    expect(fault.requests).toBeGreaterThan(10);
    await world.ship();
    await expectNewest({ dump: long });
  });

  it('comes to nothing when a thread ends, at whatever request, and the next one is whole', async () => {
    const count = { fired: 0 };
    for (let endAt = 1; ; endAt += 3) {
      fault.requests = 0;
      fault.endAt = endAt;
      const failed = await world.seal(await entries(), { threads: 2 }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (fault.requests < endAt) {
        expect(failed).toBeUndefined();
        break;
      }
      count.fired++;
      expect(failed).toBeInstanceOf(Error);
      expect(await listBatches(world.staging)).toEqual([]);
    }
    expect(count.fired).toBeGreaterThan(5);
    await world.ship();
    await expectNewest(tree);
    await whole();
  }, 300_000);

  function start(staging = world.staging): ChildProcess {
    const setup: ChildSetup = {
      path: source,
      staging,
      state: world.state,
      sealing: Buffer.from(world.secrets.sealing.reveal()).toString('hex'),
      vaultId: world.vaultId.toString('hex'),
      recipients: world.recipients.map((one) => one.toString('hex')),
      threads: 2,
      wall: WALL,
    };
    const script = join(import.meta.dirname, 'seal-child.ts');
    return spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(setup)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  async function packsLeft(): Promise<string[]> {
    const left: string[] = [];
    for (const batch of await unfinishedBatches(world.staging).catch(() => [])) {
      const files = await readdir(join(world.staging, batch, 'packs')).catch(() => []);
      left.push(...files.filter((name) => !name.startsWith('.')));
    }
    return left;
  }

  it('is killed after every pack in turn, and the next one takes over what was there', async () => {
    let killed = 0;
    let tookOver = 0;
    for (let packs = 0; ; packs++) {
      await rm(world.staging, { recursive: true, force: true });
      const child = start();
      const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
      let over = false;
      void ended.then(() => {
        over = true;
      });
      while (!over && (await packsLeft()).length < packs) await new Promise((resolve) => setTimeout(resolve, 1));
      child.kill('SIGKILL');
      await ended;
      const left = (await packsLeft()).length;
      const done = (await listBatches(world.staging)).length > 0;
      if (!done) killed++;
      const { adopted } = await world.seal(await entries());
      if (!done) expect(adopted).toBe(left);
      tookOver += adopted;
      if (done) break;
    }
    expect(killed).toBeGreaterThan(2);
    expect(tookOver).toBeGreaterThan(2);
    await world.ship();
    await expectNewest(tree);
    await whole();
  }, 300_000);

  it.skipIf(process.geteuid?.() !== 0)(
    'has no room in staging, at every size of it, and is whole once there is',
    async () => {
      const full = join(world.folder, 'full');
      await mkdir(full);
      let fired = 0;
      for (let mib = 1; ; mib += 3) {
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'none', full]);
        try {
          const child = start(full);
          let said = '';
          child.stdout?.on('data', (chunk) => {
            said += String(chunk);
          });
          await new Promise((resolve) => child.on('close', resolve));
          if (said.startsWith('done')) break;
          fired++;
          expect(said).toMatch(/^failed PortcullisError: .*ENOSPC/);
          // Nothing is left that takes the room from the next one.
          expect(await readdir(full)).toEqual([]);
        } finally {
          execFileSync('umount', [full]);
        }
      }
      expect(fired).toBeGreaterThan(3);
      await world.seal(await entries(), { threads: 2 });
      await world.ship();
      await expectNewest(tree);
      expect(print(await readTree(source))).toEqual(print(tree));
    },
    120_000,
  );
});
