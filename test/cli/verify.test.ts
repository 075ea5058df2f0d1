import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { COMMANDS } from '../../daemon/cli/commands.ts';
import { loadConfig } from '../../daemon/config/load.ts';
import { statePaths, writeIdentity } from '../../daemon/config/state.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { noise, print, type Tree, World } from '../vault/world.ts';

describe('portcullis verify', () => {
  const tree: Tree = { a: noise(400_000, 1) };
  let world: World;
  let config: string;
  let out: string;
  let clock: FakeClock;
  let reads: number;
  beforeEach(async () => {
    world = await World.create();
    config = join(world.folder, 'portcullis.yaml');
    clock = new FakeClock();
    await writeFile(
      config,
      JSON.stringify({
        appliance: { state: 'box', runtime: 'run' },
        board: { driver: 'simulated', directory: 'board' },
        windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
        vault: { store: { kind: 'directory', path: 'vault' } },
        sources: [{ name: 'documents', kind: 'directory', path: 'documents' }],
      }),
    );
    const paths = statePaths(await loadConfig(config));
    Object.assign(world, { state: paths.index, staging: paths.staging });
    await mkdir(join(world.folder, 'box'));
    await writeIdentity(paths.identity, {
      version: 1,
      id: 'a',
      vaultId: world.vaultId.toString('hex'),
      verifyKey: world.verifyKey.toString('base64'),
      recipients: [],
    });
    for (let n = 0; n < 3; n++) {
      await world.seal({ ...tree, [`f${n}`]: noise(60_000, 10 + n) });
      await world.ship();
    }
  });
  afterEach(() => world.cleanUp());

  /** Each object takes 10 ms to read. */
  class SlowStore extends DirectoryStore {
    override readBack(name: string): ReturnType<DirectoryStore['readBack']> {
      clock.advance(10);
      reads++;
      return super.readBack(name);
    }
  }

  async function cli(...args: string[]): Promise<number> {
    out = '';
    reads = 0;
    const context = {
      clock,
      env: {},
      version: '0',
      terminal: false,
      interrupted: new AbortController().signal,
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        out += text;
      },
      loadConfig,
      openStore: ({ path }: { path: string }) => new SlowStore(path),
    } as unknown as Context;
    return runCli(['verify', ...args, '--config', config], COMMANDS, context);
  }
  async function spoilContent(): Promise<string> {
    for (const name of await world.objects()) {
      if (!name.startsWith('packs/') || ((await world.store.size(name)) ?? 0) < 400_000) continue;
      const path = join(world.root, name);
      await chmod(path, 0o600);
      const bytes = await readFile(path);
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      await writeFile(path, bytes);
      return name;
    }
    throw new Error('no such pack');
  }

  it('on the appliance tells the next seal, which writes the content again', async () => {
    const pack = await spoilContent();
    expect(await cli()).toBe(0);
    expect(out).toContain('packs looked for, not read');
    expect(await cli('--read-data')).toBe(1);
    expect(out).toContain(`BAD ${pack}: is damaged`);
    expect(out).toContain('needed by snapshots 1, 2, 3');
    expect(out).toMatch(/Lost: 1 pack\. Nothing is built on what is lost/);
    // Now it is known: also a run that reads no pack says so.
    expect(await cli()).toBe(1);
    expect(out).toContain(`BAD ${pack}: was found bad by an earlier run: is damaged`);
    await world.seal(tree);
    await world.ship();
    const { tree: back, restored } = await world.restore('4');
    expect(restored.failures).toEqual([]);
    expect(print(back)).toEqual(print(tree));
    expect(await cli('--read-data')).toBe(1);
    expect(out).toContain('needed by snapshots 1, 2, 3.');
  });

  it('of any other store says where the finding is to be told', async () => {
    await spoilContent();
    const key = join(world.folder, 'key');
    await writeFile(key, formatRecoveryKey(world.key));
    expect(await cli('--store', world.root, '--key', key, '--read-data')).toBe(1);
    expect(out).toContain('Run `portcullis verify` on the appliance');
    expect((await world.seal(tree)).newBytes).toBeLessThan(10_000);
  });

  it('goes on share by share, and says how far it is', async () => {
    expect(await cli('--read-data', '--share', '1/100')).toBe(0);
    expect(out).toMatch(/a share of the packs read/);
    expect(out).toMatch(/This round: \d packs?, .* read since .*; \d packs? left\. None has been finished yet\./);
    expect(await cli('--read-data', '--share', '1/1', '--json')).toBe(0);
    const { round } = JSON.parse(out) as { round: Record<string, unknown> };
    expect(round).toMatchObject({ packs: 6, left: 0 });
    expect(await cli('--read-data', '--for', '1ms', '--share', '1/1')).toBe(0);
    expect(out).toMatch(/This round: 1 pack, .*; 5 packs left\. The last one ended /);
  });

  it.each([
    ['--share', '1/30'],
    ['--read-data', '--share', '0/3'],
    ['--read-data', '--share', '4/3'],
    ['--read-data', '--share', '1/0'],
    ['--read-data', '--share', 'half'],
    ['--read-data', '--for', 'long'],
    ['--read-data', '--for', '0s'],
    ['--read-data', '--share', '1/2', '--key', 'KEY'],
  ])('refuses %s %s %s %s', async (...args) => {
    const key = join(world.folder, 'key');
    await writeFile(key, formatRecoveryKey(world.key));
    expect(await cli(...args.map((each) => (each === 'KEY' ? key : each)))).toBe(2);
    expect(out).toContain('usage.wrong');
  });

  it('of another vault than its own stops before it reads it', async () => {
    const other = await World.create();
    try {
      await writeFile(config, (await readFile(config, 'utf8')).replace('"path":"vault"', `"path":"${other.root}"`));
      expect(await cli('--read-data')).toBe(2);
      expect(out).toContain('[vault.other]');
      expect(reads).toBe(1);
    } finally {
      await other.cleanUp();
    }
  });
});
