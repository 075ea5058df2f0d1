import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { windowsOf } from '../config/gate.ts';
import { upcoming } from '../schedule/window.ts';
import type { Command } from './command.ts';
import { clearing } from './protect-file.ts';
import { askKeeper } from './sockets.ts';
import { ago, table } from './words.ts';

export const syncCommand: Command = {
  name: 'sync',
  about: 'Seal now; what comes of it ships in this window, or in the next one.',
  positionals: [],
  options: { source: { type: 'string', short: 's', value: 'NAME', about: 'Only this source. Default: all.' } },
  examples: ['portcullis sync', 'portcullis sync --source orders-db'],
  async run(args, context) {
    const { appliance } = await context.loadConfig(args.configPath);
    const source = args.text('source');
    if (!args.json) context.out(`Sealing ${source ?? 'every source'} ...\n`);
    await askKeeper(
      appliance.runtime,
      { type: 'sync', id: 1, ...(source === undefined ? {} : { source }) },
      context.interrupted,
    );
    context.out(
      args.json
        ? `${JSON.stringify({ sealed: true })}\n`
        : 'Sealed. It ships as soon as a window permits connecting.\n',
    );
    return 0;
  },
};

export const clearCommand: Command = {
  name: 'clear',
  about: 'Say that a suspicious snapshot was looked at: what has expired may go again.',
  positionals: ['SEQ'],
  options: {},
  examples: ['portcullis clear 12'],
  async run(args, context) {
    const seq = Number(args.positionals[0]);
    if (!Number.isSafeInteger(seq) || seq < 1)
      throw new PortcullisError('usage.wrong', `clear takes the number of a snapshot, not "${args.positionals[0]}".`);
    const { appliance } = await context.loadConfig(args.configPath);
    const note = await clearing(args.configPath);
    await askKeeper(appliance.runtime, { type: 'clear', id: 1, seq }, context.interrupted);
    await note(seq);
    context.out(args.json ? `${JSON.stringify({ cleared: seq })}\n` : `Snapshot ${seq} is cleared.\n`);
    return 0;
  },
};

export const windowsCommand: Command = {
  name: 'windows',
  about: 'Show the next windows.',
  positionals: [],
  options: { next: { type: 'string', short: 'n', value: 'N', about: 'How many. Default: 5.' } },
  examples: ['portcullis windows --next 10'],
  async run(args, context) {
    const count = Number(args.text('next') ?? '5');
    if (!Number.isInteger(count) || count < 1 || count > 1000)
      throw new PortcullisError('usage.wrong', '--next takes a whole number from 1 to 1000.');
    const wall = context.clock.wall();
    const next = upcoming(windowsOf(await context.loadConfig(args.configPath)), wall, count);
    if (args.json) context.out(`${JSON.stringify(next)}\n`);
    else {
      const rows = next.map(({ name, startWall, endWall }) => [
        name,
        isoTime(startWall),
        isoTime(endWall),
        `in ${ago(startWall - wall)}`,
      ]);
      context.out(table(['window', 'opens', 'closes', ''], rows));
    }
    return 0;
  },
};
