import { readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../daemon/base/clock.ts';
import { writeValue } from '../../daemon/board/files.ts';
import { endSimulatedBoard, SimulatedBoard } from '../../daemon/board/simulated.ts';
import type { Rig } from './contract.ts';

export const BOARD_COMMAND = [
  process.execPath,
  '--import',
  'tsx',
  fileURLToPath(new URL('../../daemon/main/board.ts', import.meta.url)),
] as const;

/** A simulated board with its real process, in a folder of its own. */
export interface SimulatedRig extends Rig {
  readonly board: SimulatedBoard;
  readonly directory: string;
  readonly vault: string;
  /** A path on the disk behind the relay. */
  onDisk(name: string): string;
  value(file: string): string;
  /** Another driver of the same board. */
  another(): SimulatedBoard;
}

export async function simulatedRig(uplink = false): Promise<SimulatedRig> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'portcullis-board-')));
  const directory = join(folder, 'board');
  const vault = join(folder, 'mnt', 'vault');
  const drivers: SimulatedBoard[] = [];
  const another = () => {
    const driver = new SimulatedBoard({ directory, vault, uplink, command: BOARD_COMMAND, clock: systemClock });
    drivers.push(driver);
    return driver;
  };
  const value = (file: string) => {
    try {
      return readFileSync(join(directory, file), 'utf8').trim();
    } catch {
      return '';
    }
  };
  return {
    board: another(),
    directory,
    vault,
    onDisk: (name) => join(directory, 'disk', name),
    value,
    another,
    push: (pressed) => writeValue(directory, 'button', pressed ? '1' : '0'),
    energised: () => value('relay') === '1' || value('relay2') === '1',
    uplinkEnergised: () => value('uplink') === '1',
    async dispose() {
      for (const driver of drivers) await driver.stop();
      await endSimulatedBoard(directory, systemClock);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
