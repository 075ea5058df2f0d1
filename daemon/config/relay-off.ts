import { dirname, join } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import type { Config } from './schema.ts';

/**
 * What the off-helper of the gate's unit drives low, in a form that a shell reads: it knows nothing of our configuration.
 * Undefined where no relay hangs on a line of this box. The helper takes one chip, and the lines of the first relay's.
 */
export function relayOffLines({ board }: Config): string | undefined {
  if (board.driver === 'simulated') return undefined;
  const lines = [board.relay, board.relay2].flatMap((part) =>
    part === undefined || part.driver === 'serial' ? [] : [part],
  );
  const [first, second] = lines;
  if (first === undefined) return undefined;
  return [
    '# Written by `portcullis config apply`: what systemd drives low after the gate, however it has ended.',
    `CHIP_LABEL=${first.chip}`,
    `LINE=${first.line}`,
    ...(second !== undefined && second.chip === first.chip ? [`LINE2=${second.line}`] : []),
    '',
  ].join('\n');
}

/** Writes them beside the configuration, where the helper looks for them. Returns the path, or undefined for none. */
export async function writeRelayOff(config: Config, configPath: string): Promise<string | undefined> {
  const lines = relayOffLines(config);
  if (lines === undefined) return undefined;
  const path = join(dirname(configPath), 'relay-off.env');
  await writeDurably(path, lines, 0o644);
  return path;
}
