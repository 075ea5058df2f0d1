import { dirname, join, resolve } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { RELAY_OFF_NAME, relayOffFile } from '../board/relay-off.ts';
import type { Config } from '../config/schema.ts';

/**
 * Writes what the off-helper reads, beside the configuration: /etc/portcullis/relay-off.env on an appliance. The
 * simulated board has no line that anybody could drive, and gets none.
 */
export async function writeRelayOff(configPath: string, { board }: Config): Promise<void> {
  if (board.driver === 'simulated') return;
  await writeDurably(join(dirname(resolve(configPath)), RELAY_OFF_NAME), relayOffFile(board), 0o644);
}
