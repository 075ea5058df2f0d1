import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { statePaths } from '../config/state.ts';
import { exportLedger } from '../ledger/export.ts';
import { showPath } from '../vault/paths.ts';
import { findSnapshot } from '../vault/vault.ts';
import type { Arguments, Command, Context } from './command.ts';
import { restoreCommand } from './restore.ts';
import { nameOf, openGiven, trimmed, VAULT_OPTIONS } from './vault-access.ts';
import { verifyCommand } from './verify.ts';
import { amount, table } from './words.ts';

const snapshotsCommand: Command = {
  name: 'snapshots',
  about: 'List the snapshots: with a key, what the vault holds; without, what the ledger of this appliance says.',
  positionals: [],
  options: { ...VAULT_OPTIONS, source: { type: 'string', short: 's', value: 'NAME', about: 'Only of this source.' } },
  examples: ['portcullis snapshots', 'portcullis snapshots --store /mnt/vault --key recovery.key --json'],
  async run(args, context) {
    const rows = (args.text('key') === undefined ? await recorded(args, context) : await held(args, context)).filter(
      ({ source }) => args.text('source') === undefined || source === args.text('source'),
    );
    if (args.json) context.out(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) context.out('There is no snapshot yet.\n');
    else
      context.out(
        table(
          ['seq', 'time', 'source', 'status', 'snapshot'],
          rows.map((row) => [String(row.seq), row.time, row.source, row.status, row.snapshot]),
        ),
      );
    return 0;
  },
};

interface Row {
  readonly seq: number;
  readonly time: string;
  readonly source: string;
  readonly status: string;
  readonly snapshot: string;
}

async function held(args: Arguments, context: Context): Promise<Row[]> {
  const vault = await openGiven(args, context);
  return (await vault.snapshots()).map((snapshot) => ({
    seq: snapshot.seq,
    time: snapshot.time,
    source: nameOf(snapshot),
    status: snapshot.status,
    snapshot: snapshot.name,
  }));
}

async function recorded(args: Arguments, context: Context): Promise<Row[]> {
  if (args.text('store') !== undefined) throw new PortcullisError('usage.wrong', 'Listing a store needs --key.');
  const rows: Row[] = [];
  const { ledger } = statePaths(await context.loadConfig(args.configPath));
  if (!existsSync(ledger)) return rows;
  await exportLedger(ledger, (line) => {
    const { type, data } = JSON.parse(line) as { type: string; data: Record<string, unknown> };
    if (type !== 'snapshot.committed') return;
    const status = data['partial'] === true ? 'partial' : 'complete';
    rows.push({
      seq: Number(data['seq']),
      time: isoTime(Number(data['sealedWall'])),
      source: String(data['source']),
      status,
      snapshot: String(data['snapshot']),
    });
  });
  return rows;
}

const lsCommand: Command = {
  name: 'ls',
  about: 'List the files of a snapshot.',
  positionals: ['SNAPSHOT', '[PATH]'],
  options: VAULT_OPTIONS,
  examples: [
    'portcullis ls 12 --key recovery.key',
    'portcullis ls 12 app.git/objects --store /mnt/vault --key recovery.key',
  ],
  async run(args, context) {
    const [meant = '', path = ''] = args.positionals;
    const vault = await openGiven(args, context);
    const snapshot = findSnapshot(await vault.snapshots(), vault.refused, meant);
    for await (const entry of vault.listFiles(snapshot, Buffer.from(trimmed(path)))) {
      const size = entry.type === 'file' ? entry.size : 0;
      const mtime = entry.type === 'problem' ? '' : isoTime(Number(entry.mtimeNs / 1_000_000n));
      const problem = entry.type === 'problem' ? entry.reason : entry.type === 'file' ? entry.problem : undefined;
      if (args.json) {
        context.out(
          `${JSON.stringify({ path: showPath(entry.path), type: entry.type, size, mtime, ...(problem === undefined ? {} : { problem }) })}\n`,
        );
      } else {
        context.out(
          `${entry.type.padEnd(9)} ${amount(size).padStart(10)}  ${mtime.padEnd(24)}  ${showPath(entry.path)}${problem === undefined ? '' : `  PROBLEM: ${problem}`}\n`,
        );
      }
    }
    return 0;
  },
};

export const vaultCommands: readonly Command[] = [snapshotsCommand, lsCommand, restoreCommand, verifyCommand];
