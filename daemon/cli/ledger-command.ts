import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { statePaths } from '../config/state.ts';
import { exportLedger } from '../ledger/export.ts';
import { verifyLedger } from '../ledger/verify.ts';
import type { Arguments, Command, Context } from './command.ts';

export const ledgerCommand: Command = {
  name: 'ledger',
  about: 'Show the newest entries of the ledger, verify its hash chain, or export it.',
  positionals: ['[verify|export]'],
  options: {
    'expect-head': {
      type: 'string',
      value: 'HASH',
      about: 'verify: the hash the newest entry or an older one must have; finds a cut tail.',
    },
    limit: { type: 'string', short: 'n', value: 'N', about: 'How many entries to show. Default: 20.' },
  },
  examples: ['portcullis ledger', 'portcullis ledger verify', 'portcullis ledger export > ledger.jsonl'],
  async run(args, context) {
    const config = await context.loadConfig(args.configPath);
    const path = statePaths(config).ledger;
    switch (args.positionals[0]) {
      case undefined:
        return await show(path, args, context);
      case 'verify':
        return verify(path, args, context);
      case 'export':
        await exportLedger(path, (line) => context.out(`${line.trimEnd()}\n`));
        return 0;
      default:
        throw new PortcullisError(
          'usage.wrong',
          `ledger does not know "${args.positionals[0]}": it takes verify, export or nothing.`,
        );
    }
  },
};

function verify(path: string, args: Arguments, context: Context): number {
  const result = verifyLedger(path, args.text('expect-head'));
  if (args.json) context.out(`${JSON.stringify(result)}\n`);
  else if (result.ok) context.out(`The ledger is whole: ${result.entries} entries, head ${result.head}.\n`);
  else if (result.kind === 'entry') context.err(`The ledger is BROKEN at entry ${result.seq}: ${result.why}`);
  else context.err(`The ledger's database is DAMAGED: ${result.why}`);
  return result.ok ? 0 : 1;
}

async function show(path: string, args: Arguments, context: Context): Promise<number> {
  const limit = Number(args.text('limit') ?? '20');
  if (!Number.isInteger(limit) || limit < 1)
    throw new PortcullisError('usage.wrong', '--limit takes a whole number from 1.');
  if (!existsSync(path)) {
    if (!args.json) context.out('The ledger is empty: nothing has happened yet.\n');
    return 0;
  }
  const newest: string[] = [];
  await exportLedger(path, (line) => {
    newest.push(line);
    if (newest.length > limit) newest.shift();
  });
  for (const line of newest) {
    const { seq, wall, type, data } = JSON.parse(line) as { seq: number; wall: number; type: string; data: unknown };
    context.out(
      args.json
        ? `${line.trimEnd()}\n`
        : `${String(seq).padStart(6)}  ${isoTime(wall)}  ${type.padEnd(20)} ${JSON.stringify(data)}\n`,
    );
  }
  return 0;
}
