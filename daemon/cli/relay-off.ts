import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { RELAY_OFF_NAME, relayOffFile, relayOffFileKeeping } from '../board/relay-off.ts';
import type { Config } from '../config/schema.ts';

/**
 * Writes what the off-helper reads, beside the configuration: /etc/portcullis/relay-off.env on an appliance. The
 * simulated board has no line that anybody could drive, and gets none. `keeping`: what the file names now stays in it, for
 * a gate that may still run on it.
 */
export async function writeRelayOff(configPath: string, { board }: Config, keeping = false): Promise<void> {
  if (board.driver === 'simulated') return;
  const path = join(dirname(resolve(configPath)), RELAY_OFF_NAME);
  const before = keeping ? await readFile(path, 'utf8').catch(() => '') : '';
  await writeDurably(path, keeping ? relayOffFileKeeping(board, before) : relayOffFile(board), 0o644);
}
