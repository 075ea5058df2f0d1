import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { exportLedger } from '../ledger/export.ts';
import { showPath } from '../vault/paths.ts';
import type { Store } from '../vault/store.ts';
import { tellSeal } from '../vault/tell-seal.ts';
import { findSnapshot } from '../vault/vault.ts';
import { type Finding, type Verified, verify } from '../vault/verify.ts';
import type { Arguments, Command, Context } from './command.ts';
import { restoreCommand } from './restore.ts';
import {
  nameOf,
  openGiven,
  ownVerifyKey,
  progressTo,
  readKey,
  storeOf,
  trimmed,
  VAULT_OPTIONS,
} from './vault-access.ts';
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

const verifyCommand: Command = {
  name: 'verify',
  about: 'Check the vault: structure, chain and signatures; with --read-data every byte; with --key every file.',
  positionals: [],
  options: {
    ...VAULT_OPTIONS,
    'read-data': { type: 'boolean', about: 'Read and hash every pack.' },
    'expect-head': {
      type: 'string',
      value: 'HASH',
      about: 'Hash of a commit record that must be there; finds a cut tail.',
    },
  },
  examples: ['portcullis verify --read-data', 'portcullis verify --store /mnt/vault --key recovery.key --read-data'],
  async run(args, context) {
    const key = args.text('key') === undefined ? undefined : await readKey(args);
    const expectHead = args.text('expect-head');
    const store = await storeOf(args, context);
    const result = await verify({
      store,
      verifyKey: key?.verifyKey ?? (await ownVerifyKey(args, context)),
      ...(key === undefined ? {} : { key }),
      ...(expectHead === undefined ? {} : { expectHead }),
      readData: args.flag('read-data'),
      signal: context.interrupted,
      progress: progressTo(context, ({ objects, bytes }) => `${objects} objects, ${amount(bytes)}`),
    });
    if (args.text('store') === undefined) await tellOwnSeal(args, context, store, result);
    const { findings, unusable, ...figures } = result;
    if (args.json) context.out(`${JSON.stringify(result)}\n`);
    else {
      for (const finding of findings) context.out(describe(finding));
      if (unusable.packs.length > 0) context.out(afterwards(unusable.packs.length, args.text('store') === undefined));
      const verdict = findings.length === 0 ? 'The vault is sound' : `The vault has ${findings.length} findings`;
      const packs = args.flag('read-data') ? 'every byte read' : 'packs looked for, not read';
      const cached = figures.cachedBytes > 0 ? `, ${amount(figures.cachedBytes)} of it from memory (cached)` : '';
      context.out(
        `${verdict}: ${figures.snapshots} snapshots, ${figures.objects} objects, ${amount(figures.bytes)} hashed${cached} (${packs}), ${figures.orphans} packs no snapshot needs.\n`,
      );
    }
    return findings.length === 0 ? 0 : 1;
  },
};

/** The vault of this appliance: its next seal hears of what is lost. */
async function tellOwnSeal(args: Arguments, context: Context, store: Store, result: Verified): Promise<void> {
  const { identity, index } = statePaths(await context.loadConfig(args.configPath));
  await tellSeal(store, index, Buffer.from((await readIdentity(identity)).vaultId, 'hex'), result);
}

function afterwards(packs: number, own: boolean): string {
  const lost = packs === 1 ? '1 pack is lost' : `${packs} packs are lost`;
  return own
    ? `${lost}: nothing is built on them any more; the next seal writes again what the sources still have of it.\n`
    : `${lost}: run \`portcullis verify\` on the appliance, without --store, so that its next seal writes the content again.\n`;
}

function describe({ object, problem, snapshots, path }: Finding): string {
  const hurt =
    snapshots.length === 0 ? 'no snapshot' : `snapshot${snapshots.length === 1 ? '' : 's'} ${snapshots.join(', ')}`;
  return `BAD ${object}: ${problem}${path === undefined ? '' : ` (${path})`}; needed by ${hurt}.\n`;
}

export const vaultCommands: readonly Command[] = [snapshotsCommand, lsCommand, restoreCommand, verifyCommand];
