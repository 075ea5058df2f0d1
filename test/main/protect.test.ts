import { chmod, mkdir, mkdtemp, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import type { ProtectFile } from '../../daemon/config/protect.ts';
import { runProtect } from '../../daemon/keeper/jobs.ts';
import { clockSynchronised } from '../../daemon/main/clock-trust.ts';
import { jobsOf } from '../../daemon/main/jobs.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { tryImmutable } from '../../daemon/store/immutable-canary.ts';
import { type LoopDisk, loopDisk, noLoopDisk } from '../store/loop-disk.ts';
import { noise, print, World } from '../vault/world.ts';
import { acceptProtect } from './accept.ts';

const DAY = 86_400_000;
const RULES = { last: 1, floor: 1 };
const synchronised = await clockSynchronised();
const reason = await noLoopDisk();
if (reason !== undefined) process.stderr.write(`protect.test.ts is skipped: ${reason}\n`);

describe.skipIf(reason !== undefined)('the protecting process', () => {
  let disk: LoopDisk;
  let world: World;
  let folder: string;
  let unit: { close(): Promise<void> };
  let file: ProtectFile;

  beforeEach(async () => {
    disk = await loopDisk();
    folder = await mkdtemp(join(tmpdir(), 'pc-protect-'));
    const root = join(disk.path, 'vault');
    await mkdir(root);
    world = await World.create(new DirectoryStore(root));
    file = {
      version: 1,
      path: root,
      vaultId: world.vaultId.toString('hex'),
      verifyKey: world.verifyKey.toString('base64'),
      clock: 'system',
      keep: { rules: RULES, graceMs: 0 },
      cleared: [],
    };
    await writeFile(join(folder, 'protect.json'), JSON.stringify(file));
    unit = await acceptProtect(join(folder, 'protect'), join(folder, 'protect.json'));
  });
  afterEach(async () => {
    await unit.close();
    await disk.unmount();
    await rm(folder, { recursive: true });
    await world.cleanUp();
  });

  const ask = (verb: 'protect' | 'expire') => runProtect(jobsOf(folder), verb, new AbortController().signal);
  const configure = (more: Partial<ProtectFile>) =>
    writeFile(join(folder, 'protect.json'), JSON.stringify({ ...file, ...more }));

  /** Three snapshots, and a tombstone for two of them that counts from now on. */
  async function commit(): Promise<void> {
    const wall = systemClock.wall();
    for (const age of [3, 2, 1]) {
      await world.seal({ shared: noise(50_000, 1), own: noise(50_000, 9 + age) }, { wall: wall - age * DAY });
      await world.ship();
    }
    await world.sweep({ rules: RULES, wall, graceMs: 0 });
  }

  async function* files(at: string): AsyncGenerator<string> {
    for (const entry of await readdir(at, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) yield join(entry.parentPath, entry.name);
  }

  it('lets go of exactly what has expired, and the sweep removes exactly that', async () => {
    await commit();
    expect(await ask('protect')).toMatchObject({ type: 'protected', left: 0 });
    const sweep = () => world.sweep({ rules: RULES, wall: systemClock.wall(), graceMs: 0 });
    expect(await sweep()).toMatchObject({ removed: 0, held: expect.any(Number) });
    const released = await ask('expire');
    expect(released).toMatchObject({ type: 'released', objects: expect.any(Number) });
    const swept = await sweep();
    expect(swept).toMatchObject({ held: 0, left: 0 });
    expect(released).toMatchObject({ objects: swept.removed });
    expect(swept.removed).toBeGreaterThan(1);
    // Everything else is held, each file of it.
    for await (const path of files(file.path)) await expect(unlink(path)).rejects.toMatchObject({ code: 'EPERM' });
    const wall = systemClock.wall();
    await world.seal({ shared: noise(50_000, 1), own: noise(50_000, 12) }, { wall });
    await world.ship();
    expect(await ask('protect')).toMatchObject({ left: 0 });
    expect(print((await world.restore('5')).tree)).toEqual(print({ shared: noise(50_000, 1), own: noise(50_000, 12) }));
  }, 120_000);

  it('lets nothing go before the tombstone has been immutable for a grace of its own', async () => {
    await commit();
    await configure({ keep: { rules: RULES, graceMs: DAY } });
    await ask('protect');
    expect(await ask('expire')).toEqual({ type: 'released', objects: 0 });
    await configure({ keep: { rules: { ...RULES, last: 3 }, graceMs: 0 } });
    expect(await ask('expire')).toEqual({ type: 'released', objects: 0 });
  }, 120_000);

  it('goes only by a file that root alone can write, and only where that vault is', async () => {
    await chmod(join(folder, 'protect.json'), 0o664);
    await expect(ask('expire')).rejects.toMatchObject({ code: 'config.protect' });
    await chmod(join(folder, 'protect.json'), 0o644);
    await configure({ vaultId: '00'.repeat(16) });
    await expect(ask('protect')).rejects.toMatchObject({ code: 'vault.other' });
    await unlink(join(folder, 'protect.json'));
    await expect(ask('protect')).rejects.toMatchObject({ code: 'config.protect' });
    await unlink(join(file.path, 'FORMAT'));
  }, 120_000);

  it.skipIf(synchronised)(
    'neither dates nor lets go by a clock that is not trusted (needs one that is not)',
    async () => {
      await commit();
      await configure({ clock: 'synchronised' });
      await ask('protect');
      const records = await readdir(join(file.path, 'snapshots'));
      // The last of them is the tombstone.
      await unlink(join(file.path, 'snapshots', records.sort().at(-1) ?? ''));
      expect(await ask('expire')).toMatchObject({ objects: 0, paused: 'the clock is not trusted' });
    },
    120_000,
  );

  it('takes no word that would widen what it does, and ends when nobody listens', async () => {
    const socket = connect(join(folder, 'protect'));
    socket.write(`${JSON.stringify({ type: 'expire', wall: systemClock.wall() + DAY, rules: { floor: 1 } })}\n`);
    let heard = '';
    for await (const bytes of socket) heard += String(bytes);
    expect(heard).toBe('');
    const idle = connect(join(folder, 'protect'));
    idle.end();
    for await (const bytes of idle) heard += String(bytes);
    expect(heard).toBe('');
  }, 120_000);

  it('is what a canary is tried with', async () => {
    const ports = { protect: () => ask('protect'), writerMayClear: undefined };
    expect(await tryImmutable(file.path, ports)).toMatchObject({
      kind: 'enforced',
      detail: expect.stringContaining("enforced against the appliance's user, not against root or another machine"),
    });
    const [first = ''] = await readdir(join(file.path, 'canary'));
    await ask('expire');
    expect(await tryImmutable(file.path, { ...ports, writerMayClear: 'whoever ships is root.' })).toMatchObject({
      kind: 'advisory',
      detail: expect.stringMatching(/could not be harmed, but whoever ships is root\.$/),
    });
    expect(await readdir(join(file.path, 'canary'))).not.toContain(first);
    expect(await tryImmutable(file.path, { ...ports, protect: async () => {} })).toMatchObject({
      kind: 'advisory',
      detail: expect.stringContaining('after an attempt to overwrite it'),
    });
    await unit.close();
    expect(await tryImmutable(file.path, ports)).toMatchObject({
      kind: 'advisory',
      detail: expect.stringMatching(/could not be protected.*ENOENT/),
    });
    await expect(tryImmutable(join(disk.path, 'elsewhere'), ports)).rejects.toMatchObject({ code: 'store.gone' });
    expect((await stat(join(file.path, 'tmp'))).isDirectory()).toBe(true);
  }, 120_000);
});
