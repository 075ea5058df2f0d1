/** The gate's process: `gate.js GATE_JSON`. Imports no npm package but what a board driver needs to move a pin. */
import { readFile } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { AssembledBoard } from '../board/assembled.ts';
import { type ButtonEvent, type ButtonInput, decodeButton, UNKNOWN_BUTTON } from '../board/button.ts';
import type { Board } from '../gate/board.ts';
import { boardConfig, gateConfig } from '../gate/config.ts';
import { GateFiles } from '../gate/files.ts';
import { Gate, type Happening } from '../gate/gate.ts';
import { GateServer } from '../gate/server.ts';
import { createBoard } from './boards.ts';
import { openNotify } from './notify.ts';
import { live, processLog, type Running } from './process.ts';
import { watchdog } from './watchdog.ts';

/** How often the button is told that time has passed. */
const BUTTON_MS = 20;

const log = processLog('gate');
let board: Board | undefined;

async function start(): Promise<Running> {
  const path = process.argv[2] ?? '/var/lib/portcullis/gate.json';
  const unknown = (what: string) => new PortcullisError('config.gate', `${path}: ${what}.`);
  const content = await readJson(path, unknown);
  // The board first, and its relay off, whatever the rest of the file may say.
  const hardware = createBoard(
    read(unknown, () => boardConfig((content as { board?: unknown } | null)?.board, 'board')),
  );
  board = hardware;
  await hardware.start();
  // Under our own supervisor nothing of systemd's stands behind us: the board itself must.
  if (process.env['PORTCULLIS_SUPERVISED'] === '1' && hardware instanceof AssembledBoard && !hardware.dropsAlone) {
    throw new PortcullisError(
      'gate.unsafe',
      'Nothing outside these processes drops the relay of this board when they die.',
    );
  }
  const notify = await openNotify(process.env['NOTIFY_SOCKET']);
  for (const caveat of hardware.caveats) log.warn('the board cannot guarantee everything', { caveat });
  const config = read(unknown, () => gateConfig(content));
  await makeDirectory(config.runtime, 0o750);
  await makeDirectory(config.state);
  const gate = new Gate({
    board: hardware,
    files: new GateFiles(config.state, config.appliance),
    clock: systemClock,
    log,
    config,
    alive: watchdog(systemClock, hardware, () => notify.send('WATCHDOG=1'), log),
    proposal: async () => {
      const proposed = await readJson(path, unknown);
      return read(unknown, () => gateConfig(proposed));
    },
  });
  const server = new GateServer(gate, config.runtime, log);
  server.watch();
  await gate.start();
  const cancelButton = followButton(hardware, gate);
  hardware.onFault((reason) => gate.dispatch({ type: 'board-failed', reason: reason.slice(0, 400) }));
  await server.start();
  notify.send('READY=1\nSTATUS=The relay is held by a lease alone.');
  return {
    async stop() {
      notify.try('STOPPING=1');
      cancelButton();
      await gate.stop();
      await server.stop();
    },
  };
}

/** Decodes the button's raw edges, and lets time pass for it, until cancelled. */
function followButton(hardware: Board, gate: Gate): () => void {
  let button = UNKNOWN_BUTTON;
  const feed = (input: ButtonInput) => {
    const step = decodeButton(button, input);
    button = step.button;
    for (const event of step.events) gate.dispatch(happeningOf(event));
  };
  hardware.onButton((pressed, at) => feed({ pressed, at }));
  return systemClock.every(BUTTON_MS, () => feed({ at: systemClock.monotonic() }));
}

function happeningOf(event: ButtonEvent): Happening {
  switch (event.type) {
    case 'press':
      return { type: 'press' };
    case 'firm':
      return { type: 'firm' };
    case 'release':
      return { type: 'unpress', heldMs: event.heldMs };
    case 'stuck':
      return { type: 'button-stuck' };
    case 'freed':
      return { type: 'unpress', heldMs: 0 };
    default:
      return event satisfies never;
  }
}

async function readJson(path: string, unknown: (what: string) => PortcullisError): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw unknown(reasonOf(error));
  }
}

function read<T>(unknown: (what: string) => PortcullisError, shape: () => T): T {
  try {
    return shape();
  } catch (error) {
    throw unknown(reasonOf(error));
  }
}

await live(log, start, () => {
  // Each by itself: what becomes of the uplink keeps nothing from the vault's relay.
  try {
    board?.drive(false);
  } catch (error) {
    log.error('the relay could not be commanded off on the way out', { error });
  }
  try {
    if (board?.wiring.uplink) board.driveUplink(false);
  } catch (error) {
    log.error("the uplink's relay could not be commanded off on the way out", { error });
  }
});
