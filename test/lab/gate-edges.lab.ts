import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import { connectUnix } from '../../daemon/base/listen.ts';
import { answerOf, signedAlert, toIntake } from './alert.ts';
import { BUTTON, HEARTBEAT, RELAYS } from './bench.ts';
import { DRIVERS, RUNTIME } from './box.ts';
import { ended, labRig, sim } from './rig.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

/** How the machine's time goes: as the processor's (`native`), as instructions are executed, or as an emulated, ten times slower one's. */
const CLOCK = process.env['LAB_CLOCK'];
const SLOWER = CLOCK === 'wall' ? 5 : 1;
const TRIP_MS = 5 * SLOWER;
const BUTTON_MS = 20 * SLOWER;
const WELD_MS = 2000;
/** Of a round in which the bench, which comes before everything, could not look for as long, nothing is believed. */
const STALL_MS = 3;
/** 10 Hz ±20 %. */
const BEAT_HZ = [8, 12] as const;

const rig = labRig();
const { bench, box } = rig;

/** Repeats a measurement until it has as many as asked for, without those in which the machine itself stood still. */
async function measure(
  once: () => Promise<{ ms: number; from: number; to: number }>,
): Promise<{ times: number[]; void: number }> {
  const times: number[] = [];
  let stalls = 0;
  while (times.length < ROUNDS) {
    const { ms, from, to } = await once();
    if (bench.stalled(from, to) < STALL_MS) times.push(ms);
    else if (++stalls > 10 * ROUNDS + 50) throw new Error('this machine stands still too often to measure anything');
  }
  return { times, void: stalls };
}

const measured = ({ times, void: stalls }: { times: number[]; void: number }) =>
  `${figures(times)}${stalls === 0 ? '' : `; ${stalls} more not counted, the machine itself stood still`}`;

describe.each(DRIVERS)('%s', (driver) => {
  beforeAll(async () => {
    sim.persist(false);
    await box.install(driver);
    await box.override('gate', []);
    await box.start();
  }, 300_000);

  beforeEach(() => box.tidy());

  test('a trip drops the relay', async () => {
    const socket = await connectUnix(join(RUNTIME, 'trip'));
    const results = await measure(async () => {
      const trip = () =>
        socket.write(`${JSON.stringify({ type: 'trip', id: 1, cause: { kind: 'command', reason: 'lab' } })}\n`);
      const { before: from, low: to } = await ended(rig, 'gate', trip);
      await box.reset();
      return { ms: to - from, from, to };
    });
    socket.destroy();
    // By the wall clock the machine, or what else is on it, may keep one waiting.
    const tolerated = CLOCK === 'instructions' ? 0 : Math.max(1, Math.floor(results.times.length / 50));
    const late = results.times.filter((ms) => ms >= TRIP_MS).length;
    row(
      `${driver}: trip written to the gate's socket`,
      `both relays off within ${TRIP_MS} ms`,
      `${measured(results)}; ${late} later`,
    );
    expect(late).toBeLessThanOrEqual(tolerated);
    expect(spread(results.times).worst).toBeLessThan(10 * TRIP_MS);
  });

  test('a signed alert drops the relay', async () => {
    const results = await measure(async () => {
      const request = signedAlert();
      let socket: Socket | undefined;
      const ready = async () => {
        await box.connect();
        socket = await toIntake();
      };
      const { before: from, low: to } = await ended(rig, 'gate', () => socket?.write(request), ready);
      expect(JSON.parse(await answerOf(socket))).toMatchObject({ tripped: true });
      await box.reset();
      return { ms: to - from, from, to };
    });
    const late = results.times.filter((ms) => ms >= TRIP_MS).length;
    row(
      `${driver}: first byte of a signed alert written to intake's port`,
      `both relays off within ${TRIP_MS} ms`,
      `${measured(results)}; ${late} later`,
    );
    expect(spread(results.times).worst).toBeLessThan(10 * TRIP_MS);
  });

  // Counting each instruction of a machine that is never idle takes hours.
  const saturated = CLOCK === 'instructions' ? () => {} : test;
  saturated('the button drops the relay while keeper, disk and processors are saturated', async () => {
    const load = await saturate();
    try {
      const results = await measure(async () => {
        for (;;) {
          await box.connect(60);
          const ordered = systemClock.monotonic();
          bench.order(`pull ${BUTTON} 1`);
          await bench.until(() => bench.after(ordered, 'pull', BUTTON).length > 0, 10_000, 'the button is pressed');
          const from = bench.after(ordered, 'pull', BUTTON)[0]?.at ?? 0;
          // Under such a load a lease may lapse before the finger is there: then there is nothing to measure.
          const lapsed = bench.after(ordered - 200, 'level', RELAYS[0]).some(({ at }) => at < from);
          const to = lapsed ? 0 : await bench.low(from - 1);
          systemClock.after(300, () => bench.order(`pull ${BUTTON} 0`));
          await bench.until(() => bench.after(from + 1, 'pull', BUTTON).length > 0, 10_000, 'the button is let go');
          if (lapsed) continue;
          await box.reset();
          return { ms: to - from, from, to };
        }
      });
      row(
        `${driver}: edge of the button while keeper, disk and processors are saturated`,
        `both relays off within ${BUTTON_MS} ms`,
        measured(results),
      );
      expect(spread(results.times).worst).toBeLessThan(BUTTON_MS);
    } finally {
      await load();
    }
  });

  test('the heartbeat beats at 10 Hz, and only while connecting or connected', async () => {
    const idle = systemClock.monotonic();
    await delay(systemClock, 1000);
    expect(bench.after(idle, 'level', HEARTBEAT)).toEqual([]);
    await box.connect(4);
    const up = bench.after(idle, 'level', RELAYS[0])[0]?.at ?? 0;
    const low = await bench.low(up);
    await delay(systemClock, 1000);
    const edges = bench.after(idle, 'level', HEARTBEAT).map(({ at }) => at);
    const [first = 0, last = 0] = [edges[0], edges.at(-1)];
    const hertz = (edges.length - 1) / 2 / ((last - first) / 1000);
    row(
      `${driver}: heartbeat`,
      `${BEAT_HZ[0]} to ${BEAT_HZ[1]} Hz while connecting or connected, and else none`,
      `${hertz.toFixed(2)} Hz over ${((last - first) / 1000).toFixed(1)} s; first edge ${(first - up).toFixed(1)} ms after the relay is on, last ${(low - last).toFixed(1)} ms before it is off`,
    );
    expect(hertz).toBeGreaterThan(BEAT_HZ[0]);
    expect(hertz).toBeLessThan(BEAT_HZ[1]);
    expect(first).toBeGreaterThan(up - 1);
    // The edge of the turn that drops the relay is at most the line's way back to low.
    expect(last).toBeLessThan(low + 60);
  });

  test('a welded contact is a fault, and nothing connects until a person resets it', async () => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = systemClock.monotonic();
      await box.connect(2);
      bench.order('weld 1');
      const low = await bench.low(began);
      const { at } = await box.sees(({ latch }) => latch.kind === 'fault');
      times.push(at - low);
      // Also once the contact is free again: it is latched.
      bench.order('weld 0');
      const { code, out } = await box.cli('connect', '--for', '5s', '--reason', 'lab');
      expect(out).toContain('Fault');
      expect(code).toBe(3);
      expect(bench.after(low, 'level').filter(({ values }) => values[0] !== HEARTBEAT && values[1] === 1)).toEqual([]);
      await box.reset();
    }
    await box.connect(2);
    row(`${driver}: welded contact, seen by its mirror contact`, `a fault within ${WELD_MS} ms`, figures(times));
    expect(spread(times).worst).toBeLessThan(WELD_MS);
  });
});

/** Processors, disk and the keeper, as busy as they get; the returned function ends it. */
async function saturate(): Promise<() => Promise<void>> {
  for (let index = 0; index < 8; index += 1) writeFileSync(`/srv/documents/load-${index}`, randomBytes(4 << 20));
  const stress = spawn(
    'stress-ng',
    ['--quiet', '--cpu', '4', '--io', '2', '--hdd', '2', '--hdd-bytes', '64M', '--temp-path', '/var/lib/portcullis'],
    { stdio: 'ignore' },
  );
  let over = false;
  const sync = async () => {
    while (!over) {
      const { out } = await box.cli('sync');
      if (!over && out.includes('unreachable')) await delay(systemClock, 500);
    }
  };
  const synced = sync();
  return async () => {
    over = true;
    const ended = once(stress, 'exit');
    stress.kill('SIGTERM');
    await ended;
    await synced;
  };
}
