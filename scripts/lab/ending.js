/**
 * One ending of the lab's machine, seen from outside: `ending.js HOW WATCHDOG QEMU ARGUMENTS…`. Boots it, follows what the
 * bench says over its port, and prints the row of it and whether it held, as lines of JSON.
 */
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const [how, watchdog, qmp, program, ...words] = process.argv.slice(2);
/** From the mark to the relay's low level. */
const OFF_MS = 1500;
/** The SoC's watchdog of a Pi counts at most as long. */
const RESET_MS = 15_000;
/** Long after any watchdog that is fed would have struck. */
const STAYS_MS = 30_000;
/** Until the mark; an emulated machine is slow. */
const BOOT_MS = 300_000;
const RELAYS = ['17', '27'];

// Its standard input stays open: at its end QEMU would take the bench's port for closed.
const machine = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
const gone = new Promise((resolve) => machine.on('close', resolve));
const events = [];
let marked;
const mark = new Promise((resolve) => {
  createInterface(machine.stdout).on('line', (line) => {
    const [at, what, ...values] = line.split(' ');
    events.push({ at: Number(at), what, values });
    if (what !== 'mark') return;
    marked = { inside: Number(at), outside: performance.now() };
    resolve();
  });
});

/** Whether QEMU itself says that the watchdog struck. */
let struck = false;
function follow() {
  const socket = createConnection(qmp);
  socket.on('error', () => setTimeout(follow, 200));
  socket.on('connect', () => socket.write('{"execute":"qmp_capabilities"}\n'));
  createInterface(socket)
    .on('line', (line) => {
      if (JSON.parse(line).event === 'WATCHDOG') struck = true;
    })
    .on('error', () => {});
}
follow();

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'time'));
const say = (scenario, expected, measured, held) => {
  console.log(JSON.stringify({ scenario, expected, measured }));
  console.log(JSON.stringify({ ending: scenario, held }));
};

await Promise.race([mark, gone, after(BOOT_MS)]);
if (marked === undefined) {
  say(`${how}, watchdog ${watchdog}`, 'a machine that comes up and connects', 'it did not', false);
} else if (how === 'hang') {
  const end = await Promise.race([gone.then(() => 'gone'), after(watchdog === 'fed' ? 2 * RESET_MS : STAYS_MS)]);
  const ms = performance.now() - marked.outside;
  const seconds = (ms / 1000).toFixed(1);
  if (watchdog === 'fed') {
    const held = end === 'gone' && struck && ms <= RESET_MS;
    const what = end === 'gone' ? `reset after ${seconds} s${struck ? '' : ', but not by the watchdog'}` : 'no reset';
    say(
      'stuck kernel while connected, hardware watchdog fed by systemd',
      `reset within ${RESET_MS / 1000} s`,
      what,
      held,
    );
  } else {
    const what = end === 'gone' ? `reset after ${seconds} s` : `no reset in ${seconds} s`;
    say(
      'stuck kernel while connected, hardware watchdog not fed (the check can fail)',
      'no reset',
      what,
      end !== 'gone',
    );
  }
} else {
  await Promise.race([gone, after(BOOT_MS)]);
  const since = events.filter(({ at }) => at >= marked.inside);
  const falls = RELAYS.map((line) => since.find(({ what, values }) => what === 'level' && values[0] === line)?.at);
  const rises = since.filter(({ what, values }) => what === 'level' && RELAYS.includes(values[0]) && values[1] === '1');
  const last = since.at(-1)?.at ?? marked.inside;
  const off = Math.max(...falls.map((at) => (at ?? Number.POSITIVE_INFINITY) - marked.inside));
  const held = off <= OFF_MS && rises.length === 0 && last > marked.inside + off;
  say(
    `systemctl ${how} while connected, outputs persist`,
    `relay off within ${OFF_MS} ms, and before the machine is gone`,
    Number.isFinite(off)
      ? `off after ${off.toFixed(1)} ms; the bench watched ${((last - marked.inside - off) / 1000).toFixed(1)} s longer`
      : 'the relay was never off',
    held,
  );
}
machine.kill('SIGKILL');
process.exit(0);
