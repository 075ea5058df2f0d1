import { describe, expect, it } from 'vitest';
import { silentLog } from '../../daemon/base/log.ts';
import { watchdog } from '../../daemon/main/watchdog.ts';
import { FakeClock } from '../base/fake-clock.ts';

function rig() {
  const clock = new FakeClock();
  const board = { attempts: 0 };
  const pings: number[] = [];
  const errors: string[] = [];
  let arrives = true;
  const turn = watchdog(
    clock,
    board,
    () => {
      if (!arrives) throw new Error('EAGAIN');
      pings.push(clock.monotonic());
    },
    { ...silentLog, error: (message) => errors.push(message) },
  );
  /** Turns of the loop, 50 ms each, and in each as many attempts that end. */
  const turns = (count: number, attempts: number) => {
    for (let index = 0; index < count; index += 1) {
      board.attempts += attempts;
      turn();
      clock.advance(50);
    }
  };
  return {
    clock,
    pings,
    errors,
    turns,
    arrive: (does: boolean) => {
      arrives = does;
    },
  };
}

describe('the watchdog', () => {
  it('is not fed while no read-back has ended, however long the loop turns', () => {
    const { pings, turns } = rig();
    turns(100, 0);
    expect(pings).toEqual([]);
  });

  it('is fed at the first one, and then every 150 ms', () => {
    const { pings, turns, clock } = rig();
    const start = clock.monotonic();
    turns(13, 1);
    expect(pings.map((at) => at - start)).toEqual([0, 150, 300, 450, 600]);
  });

  it('is fed no more once read-backs no longer end, and again when they do', () => {
    const { pings, turns } = rig();
    turns(3, 1);
    expect(pings).toHaveLength(1);
    // What has ended since is good for one ping, and not for two.
    turns(1, 1);
    expect(pings).toHaveLength(2);
    turns(100, 0);
    expect(pings).toHaveLength(2);
    turns(1, 1);
    expect(pings).toHaveLength(3);
  });

  it('is fed by nothing but the turns of the loop', () => {
    const { pings, turns, clock } = rig();
    turns(1, 1);
    clock.advance(10_000);
    expect(pings).toHaveLength(1);
  });

  it('tries again in the next turn what did not arrive, and says so once', () => {
    const { pings, errors, turns, arrive } = rig();
    arrive(false);
    turns(5, 1);
    expect(pings).toEqual([]);
    expect(errors).toHaveLength(1);
    arrive(true);
    turns(1, 0);
    expect(pings).toHaveLength(1);
  });
});
