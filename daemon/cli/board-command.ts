import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { press } from '../board/simulated.ts';
import type { Command } from './command.ts';
import { table } from './words.ts';

export const boardCommand: Command = {
  name: 'board',
  about: 'Show the simulated board, or press its button.',
  positionals: ['show|press', '[MS]'],
  options: {},
  examples: [
    'portcullis board show',
    'portcullis board press 200',
    'portcullis board press 5500   # long enough to reset',
  ],
  async run(args, context) {
    const { board } = await context.loadConfig(args.configPath);
    if (board.driver !== 'simulated') {
      throw new PortcullisError(
        'usage.wrong',
        'Only the simulated board can be shown or pressed from here: this one is real.',
      );
    }
    const [verb, ms = '200'] = args.positionals;
    if (verb === 'show') {
      const lines = await readLines(board.directory);
      if (args.json) context.out(`${JSON.stringify(lines)}\n`);
      else context.out(table(['line', 'value'], Object.entries(lines)));
      return 0;
    }
    if (verb !== 'press')
      throw new PortcullisError('usage.wrong', `board does not know "${verb}": it takes show or press.`);
    const held = Number(ms);
    if (!Number.isInteger(held) || held < 1 || held > 600_000) {
      throw new PortcullisError('usage.wrong', 'board press takes how long to hold the button: 1 to 600000 ms.');
    }
    await press(board.directory, held, context.clock);
    context.out(args.json ? `${JSON.stringify({ pressedMs: held })}\n` : `Pressed for ${held} ms.\n`);
    return 0;
  },
};

/** The board's one-value files, by name. */
async function readLines(directory: string): Promise<Record<string, string>> {
  const values = ['relay', 'relay2', 'contact1', 'contact2', 'feedback', 'uplink', 'uplink.feedback'];
  const faults = ['relay.welded', 'relay2.welded', 'feedback.stuck', 'uplink.welded', 'uplink.stuck', 'supply.stuck'];
  const names = [...values, 'supply', 'led', 'heartbeat', 'button', ...faults];
  const present = new Set(await readdir(directory).catch(() => [] as string[]));
  const lines: Record<string, string> = {};
  for (const name of names) {
    if (present.has(name)) lines[name] = (await readFile(join(directory, name), 'utf8')).trim();
  }
  return lines;
}
