import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { commandsOf } from '../../daemon/board/files.ts';
import { endSimulatedBoard, press } from '../../daemon/board/simulated.ts';
import { boardContract, eventually } from './contract.ts';
import { type SimulatedRig, simulatedRig } from './rig.ts';

boardContract('simulated', simulatedRig);
boardContract('simulated, with an uplink', () => simulatedRig(true));

let rig: SimulatedRig;
let children: ChildProcess[];
let feeding: NodeJS.Timeout | undefined;

beforeEach(async () => {
  rig = await simulatedRig();
  children = [];
});

afterEach(async () => {
  clearInterval(feeding);
  for (const child of children) child.kill('SIGKILL');
  for (const pid of boardProcesses()) process.kill(pid, 'SIGCONT');
  await rig.board.stop();
  await rig.dispose();
  await eventually(() => expect(boardProcesses()).toEqual([]));
});

/** The processes that are this rig's board. */
function boardProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return args.some((arg) => arg.endsWith('main/board.ts')) && args.includes(rig.directory);
      } catch {
        return false;
      }
    });
}

function boardProcess(): number {
  const [pid, ...others] = boardProcesses();
  if (pid === undefined || others.length > 0) throw new Error('there is not exactly one board');
  return pid;
}

async function connect(board = rig.board): Promise<void> {
  await board.start();
  board.drive(true);
  feeding = setInterval(() => board.beat(), 50);
  await eventually(() => expect(board.read()).toMatchObject({ contact: 'alive', device: 'alive' }));
}

/** Runs `script` in a process of its own until it says something. */
async function run(script: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

/** Starts a driver in a process, and a process group, of its own; resolves once it is connected. */
async function startDriver(door: 'vault' | 'uplink' = 'vault'): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./driver.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, rig.directory, rig.vault, door], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout!, 'data');
  child.stdout!.resume();
  await eventually(() => {
    if (door === 'uplink') expect([rig.value('uplink'), rig.value('uplink.feedback')]).toEqual(['1', '1']);
    else expect([rig.value('relay'), rig.value('feedback'), existsSync(rig.vault)]).toEqual(['1', '1', true]);
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Milliseconds until the relay is off and the vault's path is gone. */
async function untilIsolated(): Promise<number> {
  const from = systemClock.monotonic();
  await eventually(() => expect([rig.value('relay'), existsSync(rig.vault)]).toEqual(['0', false]));
  return systemClock.monotonic() - from;
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

describe('the files and the vault', () => {
  test('tell what is, and the vault is a path that exists only while connected', async () => {
    await rig.board.start();
    expect(existsSync(rig.vault)).toBe(false);
    expect(rig.value('led')).toBe('dark');
    rig.board.show('steady-green');
    await connect();
    expect(rig.value('led')).toBe('steady-green');
    expect(rig.value('heartbeat')).toBe('1');
    writeFileSync(join(rig.vault, 'pack'), 'bytes');
    rig.board.drive(false);
    await untilIsolated();
    expect(readFileSync(rig.onDisk('pack'), 'utf8')).toBe('bytes');
    await eventually(() => expect(rig.value('feedback')).toBe('0'));
    clearInterval(feeding);
    await eventually(() => expect(rig.value('heartbeat')).toBe('0'));
  });

  test('a command takes effect in milliseconds', async () => {
    await connect();
    const times: number[] = [];
    for (let round = 0; round < 21; round++) {
      const from = systemClock.monotonic();
      rig.board.drive(false);
      while (existsSync(rig.vault)) await new Promise(setImmediate);
      times.push(systemClock.monotonic() - from);
      rig.board.drive(true);
      await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'alive', device: 'alive' }));
    }
    console.log(
      `drive(false) → path gone: median ${median(times).toFixed(2)} ms, best ${Math.min(...times).toFixed(2)} ms`,
    );
    expect(median(times)).toBeLessThan(100);
  });

  test('what stands at the vault’s path and is not the link is refused and left alone', async () => {
    await mkdir(rig.vault, { recursive: true });
    await writeFile(join(rig.vault, 'precious'), 'kept');
    await expect(rig.board.start()).rejects.toMatchObject({
      code: 'gate.board',
      what: expect.stringContaining(`${rig.vault} exists and is not`),
    });
    expect(readFileSync(join(rig.vault, 'precious'), 'utf8')).toBe('kept');
    await rm(rig.vault, { recursive: true });
    await connect();
  });

  test('noise on the line does nothing', async () => {
    await rig.board.start();
    writeFileSync(commandsOf(rig.directory), 'relay 2\nrelay\n\nRELAY 1\nrelay 1 \nledger\nled slow-white\n');
    await eventually(() => expect(rig.value('led')).toBe('slow-white'));
    expect(rig.value('relay')).toBe('0');
    expect(existsSync(rig.vault)).toBe(false);
  });
});

describe('no byte changes behind a dead link', () => {
  const WRITER = `
    const fd = require('fs').openSync(process.argv[1], 'a');
    setInterval(() => require('fs').writeSync(fd, 'x'), 1);
    console.log('writing');`;

  test.each([
    ['has a file open for writing', WRITER, 'pack'],
    [
      'keeps a directory open',
      `require('fs').opendirSync(process.argv[1]); setInterval(() => {}, 1000); console.log('open');`,
      '.',
    ],
    ['stands in it', `process.chdir(process.argv[1]); setInterval(() => {}, 1000); console.log('here');`, '.'],
  ])('a process that %s is ended', async (_what, script, target) => {
    await connect();
    const child = await run(script, join(rig.vault, target));
    const ended = once(child, 'exit');
    rig.board.drive(false);
    expect(await ended).toEqual([null, 'SIGKILL']);
    await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'dead', device: 'dead' }));
  });

  test('from the moment the contact reads dead the disk stays as it is, however many were writing', async () => {
    await connect();
    for (let i = 0; i < 5; i++) await run(WRITER, join(rig.vault, `pack-${i}`));
    const sizes = () => readdirSync(rig.onDisk('.')).map((name) => lstatSync(rig.onDisk(name)).size);
    await eventually(() => expect(Math.min(...sizes())).toBeGreaterThan(0));
    rig.board.drive(false);
    await eventually(() => expect(rig.board.read().contact).toBe('dead'));
    const then = sizes();
    expect(then).toHaveLength(5);
    await Promise.all(children.map(ended));
    expect(children.map((child) => child.signalCode)).toEqual(Array(5).fill('SIGKILL'));
    expect(sizes()).toEqual(then);
  });

  test('who only reads, or writes elsewhere, lives on', async () => {
    await connect();
    writeFileSync(join(rig.vault, 'pack'), 'bytes');
    const reader = await run(
      `require('fs').openSync(process.argv[1], 'r'); setInterval(() => {}, 1000); console.log('open');`,
      join(rig.vault, 'pack'),
    );
    const neighbour = await run(WRITER, join(rig.directory, 'diskette'));
    rig.board.drive(false);
    await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'dead', device: 'dead' }));
    expect([reader.exitCode, reader.signalCode, neighbour.exitCode, neighbour.signalCode]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});

describe('faults put in by hand', () => {
  test('both welded: contacts and vault stay, and go when the welds do', async () => {
    await connect();
    const welds = ['relay.welded', 'relay2.welded'].map((name) => join(rig.directory, name));
    for (const weld of welds) writeFileSync(weld, '');
    rig.board.drive(false);
    await eventually(() => expect(rig.value('relay')).toBe('0'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rig.board.read()).toMatchObject({ contact: 'alive', device: 'alive', contacts: ['alive', 'alive'] });
    // A weld outlives the board's process, and a new start.
    await rig.board.stop();
    await endSimulatedBoard(rig.directory, systemClock);
    expect(existsSync(rig.vault)).toBe(true);
    const again = rig.another();
    await again.start();
    expect(again.read()).toMatchObject({ contact: 'alive', device: 'alive' });
    for (const weld of welds) rmSync(weld);
    await eventually(() =>
      expect(again.read()).toMatchObject({ contact: 'dead', device: 'dead', contacts: ['dead', 'dead'] }),
    );
    await again.stop();
  });

  test.each([
    ['relay.welded', 2, ['alive', 'dead']],
    ['relay2.welded', 1, ['dead', 'alive']],
  ] as const)(
    '%s: the vault goes, the contact says so, and the other relay alone connects',
    async (file, other, stay) => {
      await connect();
      const weld = join(rig.directory, file);
      writeFileSync(weld, '');
      rig.board.drive(false);
      const welded = { contact: 'alive', device: 'dead', contacts: stay };
      await eventually(() => expect(rig.board.read()).toMatchObject(welded));
      await rig.board.stop();
      await endSimulatedBoard(rig.directory, systemClock);
      const again = rig.another();
      await again.start();
      expect(again.read()).toMatchObject(welded);
      // What a proof test is there to find.
      again.drive(true, other);
      const both = { contact: 'alive', device: 'alive', contacts: ['alive', 'alive'] };
      await eventually(() => expect(again.read()).toMatchObject(both));
      rmSync(weld);
      await eventually(() => expect(again.read()).toMatchObject({ contact: 'dead', device: 'dead' }));
      await again.stop();
    },
  );

  test('feedback.stuck: the contact’s reading is left alone, and is a person’s to write', async () => {
    await connect();
    const stuck = join(rig.directory, 'feedback.stuck');
    writeFileSync(stuck, '');
    rig.board.drive(false);
    await untilIsolated();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rig.board.read()).toMatchObject({ contact: 'alive', device: 'dead' });
    writeFileSync(join(rig.directory, 'feedback'), '0\n');
    expect(rig.board.read().contact).toBe('dead');
    writeFileSync(join(rig.directory, 'feedback'), '?');
    expect(rig.board.read().contact).toBe('unknown');
    rmSync(stuck);
    await eventually(() => expect(rig.board.read().contact).toBe('dead'));
  });

  test('the button: a press through the files arrives as two edges, and a board that is not there says so', async () => {
    const told: boolean[] = [];
    rig.board.onButton((pressed) => told.push(pressed));
    await rig.board.start();
    await press(rig.directory, 100, systemClock);
    await eventually(() => expect(told).toEqual([false, true, false]));
    writeFileSync(join(rig.directory, 'button'), '');
    writeFileSync(join(rig.directory, 'button'), 'x');
    rig.board.read();
    expect(told).toEqual([false, true, false]);
    await expect(press(join(rig.directory, 'none'), 1, systemClock)).rejects.toMatchObject({ code: 'gate.board' });
  });
});

describe('two doors', () => {
  const uplink = () => [rig.value('uplink'), rig.value('uplink.feedback')];
  const connectUplink = async () => {
    await rig.dispose();
    rig = await simulatedRig(true);
    await rig.board.start();
    rig.board.driveUplink(true);
    await eventually(() => expect(uplink()).toEqual(['1', '1']));
  };

  test('a board without the second door has no file of it', async () => {
    await rig.board.start();
    expect(uplink()).toEqual(['', '']);
  });

  test('uplink.welded: its contact stays, over a new start too, and goes when the weld does', async () => {
    await connectUplink();
    const weld = join(rig.directory, 'uplink.welded');
    writeFileSync(weld, '');
    rig.board.driveUplink(false);
    await eventually(() => expect(rig.value('uplink')).toBe('0'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rig.board.read().uplink).toBe('alive');
    await rig.board.stop();
    await endSimulatedBoard(rig.directory, systemClock);
    const again = rig.another();
    await again.start();
    expect(again.read().uplink).toBe('alive');
    rmSync(weld);
    await eventually(() => expect(again.read().uplink).toBe('dead'));
    await again.stop();
  });

  test('uplink.stuck: what its contact says is left alone', async () => {
    await connectUplink();
    const stuck = join(rig.directory, 'uplink.stuck');
    writeFileSync(stuck, '');
    rig.board.driveUplink(false);
    await eventually(() => expect(rig.value('uplink')).toBe('0'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rig.board.read().uplink).toBe('alive');
    rmSync(stuck);
    await eventually(() => expect(rig.board.read().uplink).toBe('dead'));
  });

  test('supply.stuck: a pole that does not open goes on saying that there is current', async () => {
    await rig.board.start();
    const stuck = join(rig.directory, 'supply.stuck');
    writeFileSync(stuck, '');
    rig.push(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rig.board.read().supply).toBe('alive');
    rmSync(stuck);
    await eventually(() => expect(rig.board.read().supply).toBe('dead'));
  });

  test('the uplink needs no beat, and drops with its driver, with another one’s start, and with the board', async () => {
    await connectUplink();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(uplink()).toEqual(['1', '1']);
    await rig.another().start();
    expect(rig.value('uplink')).toBe('0');
    await rig.dispose();
    await connectUplink();
    process.kill(boardProcess(), 'SIGTERM');
    await eventually(() => expect(boardProcesses()).toEqual([]));
    expect(uplink()).toEqual(['0', '0']);
    await eventually(() => expect(rig.board.read().uplink).toBe('unknown'));
    await rig.dispose();
    await connectUplink();
    process.kill(boardProcess(), 'SIGKILL');
    await eventually(() => expect(rig.value('uplink')).toBe('0'));
    await rig.dispose();
    rig = await simulatedRig(true);
    const driver = await startDriver('uplink');
    driver.kill('SIGKILL');
    await eventually(() => expect(uplink()).toEqual(['0', '0']));
  });
});

describe('when processes die', () => {
  test.each(['SIGKILL', 'SIGSTOP'] as const)(
    '%s of the driver while energised isolates within a second',
    async (signal) => {
      const times: number[] = [];
      for (let round = 0; round < 10; round++) {
        const driver = await startDriver();
        // The whole group, as when a supervisor and its children go together.
        process.kill(-driver.pid!, signal);
        times.push(await untilIsolated());
        await eventually(() => expect(rig.value('feedback')).toBe('0'));
        driver.kill('SIGKILL');
        await ended(driver);
      }
      const worst = Math.max(...times);
      console.log(`${signal} → isolated: median ${median(times).toFixed(1)} ms, worst ${worst.toFixed(1)} ms`);
      expect(worst).toBeLessThan(1000);
      expect(rig.value('led')).toBe('dark');
    },
    120_000,
  );

  test('what the dead-man dropped comes back only after an explicit off', async () => {
    const driver = await startDriver();
    process.kill(driver.pid!, 'SIGSTOP');
    await untilIsolated();
    process.kill(driver.pid!, 'SIGCONT');
    await eventually(() => expect(rig.value('heartbeat')).toBe('1'));
    for (let i = 0; i < 5; i++) await once(driver.stdout!, 'data');
    expect([rig.value('relay'), existsSync(rig.vault)]).toEqual(['0', false]);
    writeFileSync(commandsOf(rig.directory), 'relay 0\n');
    await eventually(() => expect(rig.value('relay')).toBe('1'));
  });

  test('SIGKILL of the board: commands are refused, the contact is unknown, the vault is gone, and a start heals', async () => {
    await connect();
    process.kill(boardProcess(), 'SIGKILL');
    await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'unknown', device: 'dead' }));
    expect([rig.value('relay'), rig.value('led')]).toEqual(['0', 'dark']);
    expect(() => rig.board.drive(false)).toThrow(expect.objectContaining({ code: 'gate.board' }));
    expect(() => rig.board.drive(true)).toThrow(expect.objectContaining({ code: 'gate.board' }));
    rig.board.beat();
    rig.board.show('triple-red');
    await rig.board.stop();
    await connect(rig.another());
  });

  test('SIGKILL of board and driver together: the next start takes the vault away first', async () => {
    const driver = await startDriver();
    process.kill(boardProcess(), 'SIGSTOP');
    process.kill(-driver.pid!, 'SIGKILL');
    process.kill(boardProcess(), 'SIGKILL');
    await eventually(() => expect(boardProcesses()).toEqual([]));
    expect(existsSync(rig.vault)).toBe(true);
    await rig.board.start();
    await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'dead', device: 'dead' }));
    expect(rig.value('relay')).toBe('0');
  });

  test('SIGSTOP of the board: no command waits for it, and a full line is an error', async () => {
    await connect();
    process.kill(boardProcess(), 'SIGSTOP');
    const from = systemClock.monotonic();
    let refused = 0;
    for (let i = 0; i < 20_000 && refused === 0; i++) {
      try {
        rig.board.drive(false);
      } catch (error) {
        expect(error).toMatchObject({ code: 'gate.board' });
        refused++;
      }
    }
    expect(refused).toBe(1);
    expect(systemClock.monotonic() - from).toBeLessThan(5000);
    // It says what it measures: the contact has not broken.
    expect(rig.board.read()).toMatchObject({ contact: 'alive', device: 'alive' });
    await expect(rig.another().start()).rejects.toMatchObject({ code: 'gate.board' });
    expect(existsSync(rig.vault)).toBe(false);
  });

  test('a signal to the board, and the loss of its directory, end it with the vault gone', async () => {
    await connect();
    process.kill(boardProcess(), 'SIGTERM');
    await eventually(() => expect(boardProcesses()).toEqual([]));
    expect([rig.value('relay'), rig.value('feedback'), rig.value('heartbeat'), existsSync(rig.vault)]).toEqual([
      '0',
      '0',
      '0',
      false,
    ]);
    const again = rig.another();
    await connect(again);
    rmSync(rig.directory, { recursive: true });
    await eventually(() => expect(boardProcesses()).toEqual([]));
    expect(lstatSync(rig.vault, { throwIfNoEntry: false })).toBeUndefined();
    await again.stop();
  });
});

describe('starting', () => {
  test('several drivers at once find one board', async () => {
    const drivers = [rig.board, rig.another(), rig.another(), rig.another()];
    await Promise.all(drivers.map((driver) => driver.start()));
    await eventually(() => expect(boardProcesses()).toHaveLength(1));
    for (const driver of drivers) await driver.stop();
  });

  test('a board that lives is found again, and its relay is driven off', async () => {
    const driver = await startDriver();
    const pid = boardProcess();
    await rig.board.start();
    expect(rig.board.read().device).toBe('dead');
    process.kill(-driver.pid!, 'SIGKILL');
    expect(boardProcess()).toBe(pid);
  });

  test('a stale file of commands, and a vault that was left behind, are no obstacle', async () => {
    await mkdir(rig.directory, { recursive: true });
    await mkdir(dirname(rig.vault), { recursive: true });
    writeFileSync(commandsOf(rig.directory), 'relay 1\n');
    writeFileSync(join(rig.directory, 'feedback'), '1\n');
    await rig.board.start();
    await eventually(() => expect(rig.board.read()).toMatchObject({ contact: 'dead', device: 'dead' }));
  });

  test('a board that cannot start is an error that says why', async () => {
    const { SimulatedBoard } = await import('../../daemon/board/simulated.ts');
    const broken = (...command: [string, ...string[]]) =>
      new SimulatedBoard({
        directory: rig.directory,
        vault: rig.vault,
        uplink: false,
        command,
        clock: systemClock,
      }).start();
    await expect(broken('/nonexistent')).rejects.toMatchObject({
      code: 'gate.board',
      what: expect.stringContaining('ENOENT'),
    });
    await expect(broken(process.execPath, '-e', 'process.exit(7)')).rejects.toMatchObject({
      code: 'gate.board',
      what: expect.stringContaining('status 7'),
    });
  });

  test('ending a board that is not there is no error', async () => {
    await endSimulatedBoard(rig.directory, systemClock);
    await rig.board.start();
    await endSimulatedBoard(rig.directory, systemClock);
    await eventually(() => expect(boardProcesses()).toEqual([]));
    await endSimulatedBoard(rig.directory, systemClock);
  });
});
