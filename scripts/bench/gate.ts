/**
 * The gate as daemon/main/gate.ts puts it together, with a person who presses the moment a request is announced: a press of a real button
 * takes a tenth of a second, which ten thousand rounds have no use for. `gate.ts GATE_JSON`
 */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../daemon/base/clock.ts';
import { makeDirectory } from '../../daemon/base/durable.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { boardConfig, gateConfig } from '../../daemon/gate/config.ts';
import { GateFiles } from '../../daemon/gate/files.ts';
import { Gate } from '../../daemon/gate/gate.ts';
import { GateServer } from '../../daemon/gate/server.ts';
import { createBoard } from '../../daemon/main/boards.ts';

/** Longer than a spike, shorter than what would have to move the button's second pole. */
const HELD_MS = 120;

const content: unknown = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const config = gateConfig(content);
const board = createBoard(boardConfig((content as { board: unknown }).board, 'board'));
await board.start();
await makeDirectory(config.runtime, 0o750);
const gate = new Gate({
  board,
  files: new GateFiles(config.state, config.appliance),
  clock: systemClock,
  log: silentLog,
  config,
  alive: () => {},
  proposal: async () => config,
});
const server = new GateServer(gate, config.runtime, silentLog);
server.watch();
await gate.start();
gate.watch({
  view: ({ presence }) => {
    if (presence.kind !== 'pending') return;
    setImmediate(() => {
      gate.dispatch({ type: 'press' });
      gate.dispatch({ type: 'firm' });
      gate.dispatch({ type: 'unpress', heldMs: HELD_MS });
    });
  },
  record: () => {},
});
await server.start();
process.on('SIGTERM', async () => {
  await gate.stop();
  await server.stop();
  process.exit();
});
