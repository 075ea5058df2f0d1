import { systemClock } from '../base/clock.ts';
import { SimulatedBoard } from '../board/simulated.ts';
import type { Board } from '../gate/board.ts';
import type { BoardConfig } from '../gate/config.ts';
import { scriptCommand } from './scripts.ts';

/** Puts together the board that the configuration names. */
export function createBoard(config: BoardConfig): Board {
  return new SimulatedBoard({ ...config, command: scriptCommand('board'), clock: systemClock });
}
