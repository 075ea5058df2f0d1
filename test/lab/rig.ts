import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { findSim, type Sim } from '../board/sim.ts';
import { Bench } from './bench.ts';
import { Box, type Unit } from './box.ts';

const found = findSim();
if (found === undefined) throw new Error('The lab has no simulated chip.');
export const sim: Sim = found;

/** The bench and the appliance, for all tests of a file. */
export function labRig(): { bench: Bench; box: Box } {
  const bench = new Bench(sim.path);
  const box = new Box(bench);
  beforeAll(() => bench.start());
  afterAll(async () => {
    await box.override('gate', []);
    await box.stop();
    sim.persist(false);
    await bench.stop();
  });
  return { bench, box };
}

/** How often in a row a connection may end by itself before the lab gives up: on a busy machine a lease may lapse. */
const TRIES = 10;

/**
 * Connects and, with the link alive to the last moment, does what is to be measured. Returns the moment before it, and
 * when the relays were off.
 */
export async function ended(
  { bench, box }: { bench: Bench; box: Box },
  of: Unit,
  act: (pid: number) => unknown,
  connect = () => box.connect(),
): Promise<{ pid: number; before: number; low: number; done: unknown }> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    await connect();
    const pid = await box.pid(of);
    const before = systemClock.monotonic();
    if (!bench.energised) continue;
    const done = act(pid);
    return { pid, before, low: await bench.low(before), done };
  }
  throw new Error(`no connection lasted long enough, ${TRIES} times in a row`);
}
