import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { loadSecret } from '../config/secret.ts';
import { fileBytes } from '../restore/contents.ts';
import { DATABASE_KINDS, type DatabaseKind, defaultPort } from '../sources/database-kinds.ts';
import { type RestoreTarget, restoreDatabase } from '../sources/database-restore.ts';
import type { DumpFile } from '../sources/dump-file.ts';
import { showPath } from '../vault/paths.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Arguments, Command, Context } from './command.ts';
import { chosen, nameOf, openGiven, progressTo, VAULT_OPTIONS } from './vault-access.ts';
import { amount, printable } from './words.ts';

export const restoreDatabaseCommand: Command = {
  name: 'restore-database',
  about: 'Restore dumps of a database into a scratch server, or a database that is a file to a path.',
  positionals: ['[SNAPSHOT]'],
  options: {
    ...VAULT_OPTIONS,
    at: { type: 'string', value: 'TIME', about: 'The newest snapshot at or before this time, instead of SNAPSHOT.' },
    source: { type: 'string', short: 's', value: 'NAME', about: 'Of this source.' },
    dump: {
      type: 'string',
      value: 'PATH',
      multiple: true,
      about: 'Only this dump, as `ls` shows it, such as databases/app.dump. May be given more than once. Default: all.',
    },
    host: { type: 'string', value: 'HOST', about: 'Scratch server, or its Unix socket. Default: localhost.' },
    port: { type: 'string', value: 'PORT', about: "Its port. Default: the database's usual one." },
    user: { type: 'string', value: 'USER', about: 'User of the scratch server who may make databases and users.' },
    'password-file': { type: 'string', value: 'FILE', about: 'File that holds the password, and nothing else.' },
    ca: { type: 'string', value: 'FILE', about: "Certificates the server's must be signed by: the connection is TLS." },
    to: {
      type: 'string',
      short: 't',
      value: 'PATH',
      about: 'sqlite, redis, etcd: where to; nothing may be there yet.',
    },
    tools: { type: 'string', value: 'DIR', about: "Folder of the database's programs. Default: found by PATH." },
  },
  examples: [
    'portcullis restore-database --source orders --host localhost --port 5433 --user postgres --password-file pw --key recovery.key',
    'portcullis restore-database 12 --dump databases/shop.sql --user root --password-file pw --store /mnt/vault --key recovery.key',
    'portcullis restore-database --source app --to ./app.db --key recovery.key',
  ],
  async run(args, context) {
    const vault = await openGiven(args, context);
    const snapshot = await chosen(vault, args, context);
    const preset = presetOf(snapshot);
    const target = targetOf(args, preset, context);
    const files = await dumpsOf(vault, snapshot, args.texts('dump'), context.interrupted);
    const workdir = await mkdtemp(join(tmpdir(), 'portcullis-database-'));
    try {
      const tools = args.text('tools');
      const report = await restoreDatabase({
        preset,
        files,
        target,
        ...(tools === undefined ? {} : { tools: resolve(tools) }),
        workdir,
        environment: context.env,
        clock: context.clock,
        signal: context.interrupted,
        progress: progressTo(context, ({ what, bytes }) => `${printable(what)}: ${amount(bytes)}`),
      });
      const from = { snapshot: snapshot.name, seq: snapshot.seq, time: snapshot.time, source: nameOf(snapshot) };
      if (args.json) context.out(`${JSON.stringify({ preset, from, ...report })}\n`);
      else {
        for (const note of report.notes) context.err(`NOTE ${printable(note)}`);
        context.out(
          `Restored ${report.restored.map(printable).join(', ')} of ${from.source} as of ${from.time} (snapshot ${from.seq}).\n`,
        );
      }
      return 0;
    } finally {
      await rm(workdir, { recursive: true, force: true });
    }
  },
};

function presetOf(snapshot: Snapshot): DatabaseKind {
  const kind = DATABASE_KINDS.find((one) => one === snapshot.source?.kind);
  if (kind !== undefined) return kind;
  throw new PortcullisError(
    'usage.wrong',
    `${nameOf(snapshot)} is no database (${snapshot.source?.kind ?? 'of unknown kind'}): \`portcullis restore\` restores it.`,
  );
}

function targetOf(args: Arguments, preset: DatabaseKind, context: Context): RestoreTarget {
  const port = defaultPort(preset);
  if (port === undefined) {
    const to = args.text('to');
    if (to === undefined)
      throw new PortcullisError('usage.wrong', `A ${preset} dump is restored to a path: name it with --to.`);
    return { kind: 'path', path: resolve(to) };
  }
  const user = args.text('user');
  if (user === undefined)
    throw new PortcullisError(
      'usage.wrong',
      `A ${preset} dump goes into a scratch server: name its --host and --user.`,
    );
  const given = Number(args.text('port') ?? port);
  if (!Number.isInteger(given) || given < 1 || given > 65_535)
    throw new PortcullisError('usage.wrong', `--port takes a number from 1 to 65535, not "${args.text('port')}".`);
  const ca = args.text('ca');
  const password = passwordOf(args, context);
  return {
    kind: 'server',
    host: args.text('host') ?? 'localhost',
    port: given,
    user,
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca: resolve(ca) }),
  };
}

function passwordOf(args: Arguments, context: Context): Secret | undefined {
  const file = args.text('password-file');
  return file === undefined ? undefined : loadSecret({ file: resolve(file) }, context.env);
}

/** The dumps that are meant. Rejects with `restore.partial` where one of them was lost when the snapshot was made. */
async function dumpsOf(
  vault: Vault,
  snapshot: Snapshot,
  meant: readonly string[],
  signal: AbortSignal,
): Promise<DumpFile[]> {
  const found: DumpFile[] = [];
  const lost: string[] = [];
  for await (const entry of vault.listFiles(snapshot)) {
    const path = showPath(entry.path);
    if (meant.length > 0 && !meant.includes(path)) continue;
    if (entry.type === 'problem') lost.push(`${path}: ${entry.reason}`);
    if (entry.type === 'file') found.push({ path, open: () => fileBytes(vault, entry, signal) });
  }
  const absent = meant.filter(
    (path) => !found.some((file) => file.path === path) && !lost.some((text) => text.startsWith(`${path}:`)),
  );
  if (absent.length > 0)
    throw new PortcullisError(
      'usage.wrong',
      `Snapshot ${snapshot.seq} has no ${absent.join(', ')}: \`portcullis ls\` lists what it has.`,
    );
  const [first] = lost;
  if (first !== undefined)
    throw new PortcullisError(
      'restore.partial',
      `Snapshot ${snapshot.seq} lacks ${first}. Nothing was restored; name the others with --dump, or take an older snapshot.`,
    );
  return found;
}
