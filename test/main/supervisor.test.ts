import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import { Supervisor } from '../../daemon/main/supervisor.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { until } from '../gate/rig.ts';

let clock: FakeClock;
let ended: string[];
let refused: string[];
let failed: string[];
let log: Log;
const supervisors: Supervisor[] = [];

beforeEach(() => {
  clock = new FakeClock();
  ended = [];
  refused = [];
  failed = [];
  log = {
    ...silentLog,
    error: (message, fields) => (message === 'a process ended' ? ended : refused).push(String(fields?.['name'])),
  };
});

afterEach(async () => {
  // What does not go by itself is killed after six seconds of this clock.
  await Promise.all(
    supervisors.splice(0).map(async (each) => {
      const stopped = each.stop();
      let done = false;
      void stopped.then(() => {
        done = true;
      });
      await until(() => {
        clock.advance(6000);
        return done;
      });
    }),
  );
});

const LIVES = 'setInterval(() => {}, 1000)';

function supervise(scripts: Record<string, string | string[]>): Supervisor {
  const specs = Object.entries(scripts).map(([name, script]) => ({
    name,
    command: typeof script === 'string' ? [process.execPath, '-e', script] : script,
  }));
  const supervisor = new Supervisor(specs, clock, log, (name) => failed.push(name));
  supervisors.push(supervisor);
  supervisor.start();
  return supervisor;
}

describe('the supervisor', () => {
  it('starts again what dies, after a wait that doubles, and is short again after a sound life', async () => {
    const supervisor = supervise({ one: LIVES });
    for (const [round, wait] of [100, 200, 400, 800, 1600, 3200, 5000, 5000].entries()) {
      const pid = supervisor.pids()['one'] ?? 0;
      process.kill(pid, 'SIGKILL');
      await until(() => ended.length === round + 1);
      clock.advance(wait - 1);
      expect(supervisor.pids()['one']).toBeUndefined();
      clock.advance(1);
      expect(supervisor.pids()['one']).toBeGreaterThan(0);
      expect(supervisor.pids()['one']).not.toBe(pid);
    }
    clock.advance(10_001);
    process.kill(supervisor.pids()['one'] ?? 0, 'SIGKILL');
    await until(() => ended.length === 9);
    clock.advance(100);
    expect(supervisor.pids()['one']).toBeGreaterThan(0);
  });

  it('does not start again what says that its configuration is wrong', async () => {
    const supervisor = supervise({ one: 'process.exit(2)', two: LIVES });
    await until(() => failed.length === 1);
    expect(failed).toEqual(['one']);
    clock.advance(60_000);
    expect(supervisor.pids()['one']).toBeUndefined();
    expect(supervisor.pids()['two']).toBeGreaterThan(0);
  });

  it('outlives a program that cannot be started, and tries it again', async () => {
    supervise({ one: ['/nowhere/at/all'] });
    await until(() => refused.length === 1 && ended.length === 1);
    clock.advance(100);
    await until(() => refused.length === 2 && ended.length === 2);
  });

  it('takes them down in reverse order, and by force what does not go', async () => {
    const supervisor = supervise({ one: LIVES, two: `process.on('SIGTERM', () => {}); ${LIVES}` });
    const pids = supervisor.pids();
    // Once it has its handler: it says nothing, so ask for what only a running Node has.
    await until(() => isHandled(pids['two'] ?? 0));
    let done = false;
    const stopped = supervisor.stop().then(() => {
      done = true;
    });
    clock.advance(5999);
    expect(isAlive(pids['one'] ?? 0)).toBe(true);
    expect(isAlive(pids['two'] ?? 0)).toBe(true);
    clock.advance(1);
    await stopped;
    expect(done).toBe(true);
    expect(supervisor.pids()).toEqual({ one: undefined, two: undefined });
    clock.advance(60_000);
    expect(supervisor.pids()).toEqual({ one: undefined, two: undefined });
  });

  it('may be stopped twice, and while a start is being waited for', async () => {
    const supervisor = supervise({ one: 'process.exit(1)' });
    await until(() => ended.length === 1);
    await supervisor.stop();
    await supervisor.stop();
    clock.advance(60_000);
    expect(supervisor.pids()['one']).toBeUndefined();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether the process catches SIGTERM by now. */
function isHandled(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
}
