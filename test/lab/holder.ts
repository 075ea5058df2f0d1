/** A process that holds the relay's line high by the driver it is told, and does nothing about its own end. */
import { GpiochipOutput } from '../../daemon/board/gpiochip.ts';
import { OnoffOutput } from '../../daemon/board/onoff.ts';
import { SIM_LABEL } from '../board/sim.ts';

const [driver, line] = process.argv.slice(2);
const wanted = { label: SIM_LABEL, line: Number(line), what: 'relay' };
const output = driver === 'onoff' ? new OnoffOutput(wanted) : new GpiochipOutput(wanted);
await output.start();
output.write(true);
// A message is the order to die of an exception that nobody catches.
process.on('message', () => {
  throw new Error('as ordered');
});
process.send?.('held');
