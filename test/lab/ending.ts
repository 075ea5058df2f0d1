/**
 * Ends the machine while the link is connected: `ending.ts poweroff|reboot|hang`. The bench tells the host what the pins
 * did; nobody else is left to. Run by scripts/lab/inside.
 */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import { findSim } from '../board/sim.ts';
import { RELAYS } from './bench.ts';
import { Box } from './box.ts';

const [how = ''] = process.argv.slice(2);
const sim = findSim();
if (sim === undefined) throw new Error('The lab has no simulated chip.');

const order = (text: string) => writeFileSync('/run/lab/orders', `${text}\n`);
const box = new Box({ order });
await box.install('gpiochip');
// A line that is not let go by itself: what ends it is what is tested.
sim.persist(true);
await box.start();
await box.connect(600);
if (!RELAYS.every((line) => sim.level(line))) throw new Error('The relays are not energised.');
const watchdog = execFileSync('systemctl', ['show', '-p', 'RuntimeWatchdogUSec'], { encoding: 'utf8' });
console.log(`connected; ${watchdog.trim()}; ${how} now`);
order(`mark ${how}`);
if (how === 'hang') {
  // The mark has to leave the machine before it stands still.
  await delay(systemClock, 200);
  spawn('modprobe', ['portcullis_hang']);
} else {
  spawn('systemctl', [how], { stdio: 'inherit' });
}
// Until there is no machine any more.
await delay(systemClock, 600_000);
