import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import { Carrier } from '../../daemon/keeper/carrier.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { until } from '../gate/rig.ts';

const CHANGES = [
  ['1\n', 'alive'],
  ['0\n', 'dead'],
] as const;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A folder that looks like the kernel's, with one interface whose carrier a test writes. */
async function sysfs(): Promise<{ folder: string; file: string; set(value: string): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-carrier-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'eth1'));
  const file = join(folder, 'eth1', 'carrier');
  await writeFile(file, '0\n');
  return { folder, file, set: (value) => writeFile(file, value) };
}

/** A monitor that prints a line whenever `say` is called, and leaves a line in `runs` whenever it is started. */
async function fakeMonitor(folder: string) {
  const [lines, runs] = [join(folder, 'lines'), join(folder, 'runs')];
  await Promise.all([lines, runs].map((file) => writeFile(file, '')));
  return {
    command: ['sh', '-c', `echo $$ >> ${runs}; exec tail -n 0 -f ${lines}`],
    say: async () => {
      const file = await open(lines, 'a');
      await file.write('3: eth1: changed\n');
      await file.close();
    },
    pids: async () => (await readFile(runs, 'utf8')).split('\n').filter(Boolean).map(Number),
  };
}

function started(clock: FakeClock | typeof systemClock, folder: string, monitor: readonly string[]) {
  const carrier = new Carrier('eth1', clock, folder, monitor);
  cleanups.push(() => carrier.stop());
  const told: string[] = [];
  carrier.start(() => told.push(carrier.find().reading));
  return { carrier, told };
}

describe('the carrier', () => {
  it('is unknown before it has been read, then what the kernel says, told on a change alone', async () => {
    const { folder, set } = await sysfs();
    const clock = new FakeClock();
    // It stays, and says nothing: one that ends is a change too, as nobody says then when something changes.
    const { carrier, told } = started(clock, folder, ['sleep', '60']);
    expect(carrier.find()).toEqual({ reading: 'unknown' });
    await until(() => told.length === 1);
    carrier.look(true);
    // Long enough for what is read to be the same.
    let turns = 0;
    await until(() => ++turns === 500);
    await set('1\n');
    await until(() => {
      clock.advance(1000);
      return carrier.find().reading === 'alive';
    });
    // A read that this clock overtakes is unknown in between.
    expect(told.filter((reading, index) => reading === told[index - 1])).toEqual([]);
    expect([told[0], told.at(-1)]).toEqual(['dead', 'alive']);
  });

  it('of an interface that is not there is unknown, and says so', async () => {
    const { folder } = await sysfs();
    await rm(join(folder, 'eth1'), { recursive: true });
    const { carrier } = started(systemClock, folder, ['sleep', '60']);
    await until(() => carrier.find().caveat !== undefined);
    expect(carrier.find()).toEqual({
      reading: 'unknown',
      caveat: 'There is no network interface eth1, whose carrier is to be a proof.',
    });
    await mkdir(join(folder, 'eth1'));
  });

  it('that cannot be read in time says nothing, and is read once at a time however often it is looked at', async () => {
    const { folder, file } = await sysfs();
    await rm(file);
    execFileSync('mkfifo', [file]);
    const clock = new FakeClock();
    const { carrier, told } = started(clock, folder, ['sleep', '60']);
    for (let looks = 0; looks < 20; looks += 1) carrier.look(true);
    clock.advance(2000);
    expect(carrier.find()).toEqual({
      reading: 'unknown',
      caveat: 'The carrier of eth1 cannot be read: no answer in 2 s.',
    });
    expect(told).toEqual(['unknown']);
    // One reader, not twenty: a second would hang for ever, for nobody writes any more.
    const writer = await open(file, 'w');
    await rm(file);
    await writeFile(file, '0\n');
    await writer.write('1\n');
    await writer.close();
    await until(() => carrier.find().reading === 'dead');
  });

  it('is looked at when the monitor prints, long before the next look of its own', async () => {
    const { folder, set } = await sysfs();
    const monitor = await fakeMonitor(folder);
    const { carrier } = started(systemClock, folder, monitor.command);
    await until(() => carrier.find().reading === 'dead');
    await set('1\n');
    // The monitor may still be starting: it is told until it passes it on.
    await until(() => {
      void monitor.say();
      return carrier.find().reading === 'alive';
    });
  });

  it('runs the monitor again when it ends, and leaves none behind', async () => {
    const { folder } = await sysfs();
    const monitor = await fakeMonitor(folder);
    const clock = new FakeClock();
    const { carrier } = started(clock, folder, monitor.command);
    await until(async () => (await monitor.pids()).length === 1);
    process.kill((await monitor.pids())[0] ?? 0, 'SIGKILL');
    await until(() => carrier.find().caveat?.startsWith('`ip monitor` does not run') === true);
    clock.advance(1000);
    await until(async () => (await monitor.pids()).length === 2);
    await until(() => carrier.find().caveat === undefined);
    carrier.stop();
    carrier.stop();
    const last = (await monitor.pids())[1] ?? 0;
    await until(() => !runs(last));
    clock.advance(120_000);
    expect(clock.timers).toBe(0);
    expect(await monitor.pids()).toHaveLength(2);
  });

  it('is polled where there is no monitor, and says that it is late', async () => {
    const { folder, set } = await sysfs();
    const clock = new FakeClock();
    const { carrier, told } = started(clock, folder, ['/nowhere/ip']);
    await until(() => carrier.find().caveat !== undefined && carrier.find().reading === 'dead');
    const began = clock.monotonic();
    for (const [value, reading] of [...CHANGES, ...CHANGES, ...CHANGES]) {
      await set(value);
      await until(async () => {
        clock.advance(100);
        await delay(systemClock, 2);
        return carrier.find().reading === reading;
      });
    }
    // About 12 s. Attempts to run the monitor, ever further apart, would take half a minute to find six changes.
    expect(clock.monotonic() - began).toBeLessThan(22_000);
    expect(carrier.find().caveat).toMatch(/^`ip monitor` does not run/);
    expect(told.at(-1)).toBe('dead');
    carrier.stop();
    expect(clock.timers).toBe(0);
  });

  it('stops before it has begun', () => {
    const carrier = new Carrier('eth1', new FakeClock());
    carrier.stop();
    carrier.look(true);
    expect(carrier.find()).toEqual({ reading: 'unknown' });
  });
});

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether this user may have a network namespace of his own, with a pair of interfaces in it. */
function mayPair(): boolean {
  try {
    execFileSync('unshare', ['--net', '--mount', 'ip', 'link', 'add', 'pv0', 'type', 'veth', 'peer', 'name', 'pv1'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

describe('a real pair of interfaces', () => {
  const reason = 'needs root, unshare and ip: a network namespace with a pair of interfaces';
  it.skipIf(!mayPair())(
    `is alive, dead, down and gone as the kernel has it, and ip says when (${reason})`,
    async () => {
      const pair = 'ip link add pv0 type veth peer name pv1 && ip link set pv0 up && ip link set pv1 up';
      const box = spawn(
        'unshare',
        ['--net', '--mount', 'sh', '-c', `mount -t sysfs none /sys && ${pair} && echo && cat`],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      cleanups.push(() => box.kill('SIGKILL'));
      await once(box.stdout, 'data');
      const inside = ['nsenter', '--target', String(box.pid), '--net'];
      const ip = (...words: string[]) => execFileSync('nsenter', [...inside.slice(1), 'ip', 'link', ...words]);
      const clock = new FakeClock();
      // No time passes: whatever is seen is seen because the kernel said so.
      const carrier = new Carrier('pv0', clock, `/proc/${box.pid}/root/sys/class/net`, [
        ...inside,
        ...['ip', '-o', 'monitor', 'link'],
      ]);
      cleanups.push(() => carrier.stop());
      const told: string[] = [];
      carrier.start(() => told.push(carrier.find().reading));
      await until(() => carrier.find().reading === 'alive');
      // Until the monitor listens a change goes unseen: change it until one is seen.
      await until(async () => {
        ip('set', 'pv1', 'down');
        await delay(systemClock, 50);
        if (carrier.find().reading === 'dead') return true;
        ip('set', 'pv1', 'up');
        return false;
      });
      ip('set', 'pv1', 'up');
      await until(() => carrier.find().reading === 'alive');
      ip('set', 'pv0', 'down');
      await until(() => carrier.find().reading === 'unknown');
      expect(carrier.find().caveat).toBe(
        'The network interface pv0 is down, so its carrier says nothing: bring it up, and keep it up.',
      );
      ip('delete', 'pv0');
      await until(() => carrier.find().caveat?.startsWith('There is no network interface') === true);
      expect(told.filter((reading, index) => reading !== told[index - 1]).slice(-3)).toEqual([
        'dead',
        'alive',
        'unknown',
      ]);
    },
  );
});
