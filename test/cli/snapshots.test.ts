import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime } from '../../daemon/base/clock.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { COMMANDS } from '../../daemon/cli/commands.ts';
import { loadConfig } from '../../daemon/config/load.ts';
import { statePaths, writeIdentity } from '../../daemon/config/state.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { noise, World } from '../vault/world.ts';

const DAY = 86_400_000;

describe('portcullis snapshots --dry-run', () => {
  let world: World;
  let config: string;
  let clock: FakeClock;
  let synchronised: boolean;
  beforeEach(async () => {
    world = await World.create();
    config = join(world.folder, 'portcullis.yaml');
    clock = new FakeClock();
    synchronised = true;
    for (let n = 1; n <= 3; n++) {
      await world.seal({ own: noise(10_000, n) }, { wall: clock.wall() - (4 - n) * DAY });
      await world.ship();
    }
    await configure({ daily: 1, floor: 2 });
    await mkdir(join(world.folder, 'box'));
    await writeIdentity(statePaths(await loadConfig(config)).identity, {
      version: 1,
      id: 'a',
      vaultId: world.vaultId.toString('hex'),
      verifyKey: world.verifyKey.toString('base64'),
      recipients: [],
    });
  });
  afterEach(() => world.cleanUp());

  async function configure(keep: unknown): Promise<void> {
    await writeFile(
      config,
      JSON.stringify({
        appliance: { state: 'box', runtime: 'run' },
        board: { driver: 'simulated', directory: 'board' },
        windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
        vault: { store: { kind: 'directory', path: 'vault' }, keep },
        sources: [{ name: 'files', kind: 'directory', path: 'documents' }],
      }),
    );
  }

  async function cli(...args: string[]): Promise<{ status: number; out: string; err: string }> {
    const told = { out: '', err: '' };
    const context = {
      clock,
      env: {},
      version: '0',
      terminal: false,
      interrupted: new AbortController().signal,
      out: (text: string) => {
        told.out += text;
      },
      err: (text: string) => {
        told.err += text;
      },
      loadConfig,
      clockSynchronised: async () => synchronised,
      openStore: ({ path }: { path: string }) => new DirectoryStore(path),
    } as unknown as Context;
    const status = await runCli(['snapshots', '--dry-run', ...args, '--config', config], COMMANDS, context);
    return { status, ...told };
  }

  it('says what goes and when, and why the rest stays', async () => {
    const { status, out } = await cli('--json');
    expect(status).toBe(0);
    expect((JSON.parse(out) as { fate: unknown }[]).map(({ fate }) => fate)).toEqual([
      { fate: 'goes', earliest: isoTime(clock.wall() + 7 * DAY) },
      { fate: 'stays', because: ['floor'] },
      { fate: 'stays', because: ['floor', 'daily'] },
    ]);
    expect((await cli()).out).toContain(`goes, not before ${isoTime(clock.wall() + 7 * DAY)}`);
  });

  it('changes nothing, and says when nothing expires at all', async () => {
    const before = await world.objects();
    synchronised = false;
    expect((await cli()).err).toContain('Nothing expires: the clock is not trusted.');
    synchronised = true;
    await configure(undefined);
    expect((await cli()).err).toContain('Nothing expires: no rule says what to keep');
    expect(await world.objects()).toEqual(before);
    expect((await cli('--store', world.root)).status).toBe(2);
  });
});
