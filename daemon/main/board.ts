/**
 * The simulated board's own process: `board DIRECTORY`. The driver starts it detached; it ends 60 s after the last
 * driver has gone, on `quit`, on a signal, or when the directory is taken away. However it ends, the relay drops.
 */

import { systemClock } from '../base/clock.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { boardDirectory } from '../board/files.ts';
import { SimulatedHardware } from '../board/hardware.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: board DIRECTORY');
  process.exit(2);
}

const end = () => process.exit(0);
const hardware = new SimulatedHardware({ directory: boardDirectory(directory), clock: systemClock, end });
process.on('exit', () => hardware.unpower());
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);

try {
  await hardware.start();
} catch (error) {
  // Another one has this directory, and will do as well.
  if (errnoOf(error) === 'EADDRINUSE') end();
  console.error(`board: ${reasonOf(error)}`);
  process.exit(1);
}
