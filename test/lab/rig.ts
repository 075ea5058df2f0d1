import { afterAll, beforeAll } from 'vitest';
import { findSim, type Sim } from '../board/sim.ts';
import { Bench } from './bench.ts';
import { Box } from './box.ts';

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
