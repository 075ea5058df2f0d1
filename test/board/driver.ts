/** A gate in miniature, to be killed: `driver.ts DIRECTORY VAULT`. Energises, feeds, and goes on commanding for ever. */
import { systemClock } from '../../daemon/base/clock.ts';
import { SimulatedBoard } from '../../daemon/board/simulated.ts';
import { BOARD_COMMAND } from './rig.ts';

const [directory = '', vault = ''] = process.argv.slice(2);
const board = new SimulatedBoard({ directory, vault, command: BOARD_COMMAND, clock: systemClock });
await board.start();
setInterval(() => {
  board.drive(true);
  board.beat();
  process.stdout.write('commanded\n');
}, 20);
