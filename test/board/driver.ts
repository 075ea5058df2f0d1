/** A gate in miniature, to be killed: `driver.ts DIRECTORY VAULT [uplink]`. Energises, feeds, commands for ever. */
import { systemClock } from '../../daemon/base/clock.ts';
import { SimulatedBoard } from '../../daemon/board/simulated.ts';
import { BOARD_COMMAND } from './rig.ts';

const [directory = '', vault = '', door = 'vault'] = process.argv.slice(2);
const uplink = door === 'uplink';
const board = new SimulatedBoard({ directory, vault, uplink, command: BOARD_COMMAND, clock: systemClock });
await board.start();
setInterval(() => {
  if (uplink) board.driveUplink(true);
  else board.drive(true);
  board.beat();
  process.stdout.write('commanded\n');
}, 20);
