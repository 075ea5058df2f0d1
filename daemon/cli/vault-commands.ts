import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { exportLedger } from '../ledger/export.ts';
import { readChain } from '../vault/chain.ts';
import { expectVault } from '../vault/format-object.ts';
import { showPath } from '../vault/paths.ts';
import { findSnapshot } from '../vault/vault.ts';
import type { Arguments, Command, Context } from './command.ts';
import { diffCommand } from './diff.ts';
import { type Fate, fateText, foretell } from './fates.ts';
import { fetchCommand } from './fetch.ts';
import { findCommand } from './find.ts';
import { restoreCommand } from './restore.ts';
import { restoreBucketCommand } from './restore-bucket.ts';
import { restoreDatabaseCommand } from './restore-database.ts';
import { nameOf, openGiven, ownVerifyKey, storeOf, trimmed, VAULT_OPTIONS } from './vault-access.ts';
import { verifyCommand } from './verify.ts';
import { amount, table } from './words.ts';

const snapshotsCommand: Command = {
  name: 'snapshots',
  about:
    'List the snapshots: with a key, what the vault holds; without, what the ledger of this appliance says; with --dry-run, what goes, when, and why the rest stays.',
  positionals: [],
  options: {
    ...VAULT_OPTIONS,
    source: { type: 'string', short: 's', value: 'NAME', about: 'Only of this source.' },
    'dry-run': { type: 'boolean', about: 'On the appliance, while connected: what the next sweep would do.' },
  },
  examples: [
    'portcullis snapshots',
    'portcullis snapshots --dry-run',
    'portcullis snapshots --store /mnt/vault --key recovery.key --json',
  ],
  async run(args, context) {
    const given = args.flag('dry-run') ? foretold : args.text('key') === undefined ? recorded : held;
    const rows = (await given(args, context)).filter(
      ({ source }) => args.text('source') === undefined || source === args.text('source'),
    );
    if (args.json) context.out(`${JSON.stringify(rows)}\n`);
    else if (args.flag('dry-run') && rows.length > 0)
      context.out(
        table(
          ['seq', 'time', 'source', 'status', 'what becomes of it'],
          rows.map((row) => [
            String(row.seq),
            row.time,
            row.source,
            row.status,
            row.fate === undefined ? '' : fateText(row.fate),
          ]),
        ),
      );
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
  readonly fate?: Fate;
}

/** From the chain in the vault, which needs no recovery key; names of sources from the ledger. */
async function foretold(args: Arguments, context: Context): Promise<Row[]> {
  if (args.text('store') !== undefined || args.text('key') !== undefined)
    throw new PortcullisError('usage.wrong', '--dry-run is for the appliance: without --store and --key.');
  const config = await context.loadConfig(args.configPath);
  const { vaultId } = await readIdentity(statePaths(config).identity);
  const store = await storeOf(args, context);
  await expectVault(store, Buffer.from(vaultId, 'hex'));
  const chain = await readChain(store, Buffer.from(vaultId, 'hex'), await ownVerifyKey(args, context));
  const fates = await foretell(chain, config, context);
  if (fates.paused !== undefined) context.err(`Nothing expires: ${fates.paused}.`);
  const sources = new Map((await recorded(args, context)).map(({ seq, source }) => [seq, source]));
  return chain.records.flatMap(({ seq, hash, name, time, snapshot }) => {
    const fate = fates.of.get(hash);
    if (snapshot === undefined || fate === undefined) return [];
    const source = sources.get(seq) ?? `(${snapshot.source.slice(0, 12)})`;
    return [{ seq, time, source, status: snapshot.status, snapshot: name.slice('snapshots/'.length), fate }];
  });
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
    // Of those that another appliance made it knows the newest of each source.
    if (type === 'vault.adopted')
      for (const one of data['sources'] as Record<string, unknown>[])
        rows.push(rowOf({ ...one, sealedWall: one['wall'] }));
    if (type === 'snapshot.committed') rows.push(rowOf(data));
  });
  return rows;
}

function rowOf(data: Record<string, unknown>): Row {
  return {
    seq: Number(data['seq']),
    time: isoTime(Number(data['sealedWall'])),
    source: String(data['source']),
    status: data['suspicious'] === true ? 'suspicious' : data['partial'] === true ? 'partial' : 'complete',
    snapshot: String(data['snapshot']),
  };
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
      const mtime = 'mtimeNs' in entry ? isoTime(Number(entry.mtimeNs / 1_000_000n)) : '';
      const problem = 'mtimeNs' in entry ? (entry.problem ?? entry.unusable) : entry.reason;
      if (args.json) {
        context.out(
          `${JSON.stringify({ path: showPath(entry.path), type: entry.type, size, mtime, ...(problem === undefined ? {} : { problem }) })}\n`,
        );
      } else {
        context.out(
          `${entry.type.padEnd(9)} ${amount(size).padStart(10)}  ${mtime.padEnd(24)}  ${showPath(entry.path)}${problem === undefined ? '' : `  ${entry.type === 'skipped' ? 'NOT KEPT' : 'PROBLEM'}: ${problem}`}\n`,
        );
      }
    }
    return 0;
  },
};

export const vaultCommands: readonly Command[] = [
  snapshotsCommand,
  lsCommand,
  findCommand,
  diffCommand,
  fetchCommand,
  restoreCommand,
  restoreDatabaseCommand,
  restoreBucketCommand,
  verifyCommand,
];
