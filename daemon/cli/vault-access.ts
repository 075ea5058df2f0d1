import { readFile } from 'node:fs/promises';
import { isoTime, parseTime } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { storeFromAddress } from '../config/store-address.ts';
import { parseKeyFile } from '../vault/key-file.ts';
import type { RecoveryKey } from '../vault/recovery-key.ts';
import type { Store } from '../vault/store.ts';
import { findSnapshot, openVault, type Snapshot, snapshotAt, type Vault } from '../vault/vault.ts';
import type { Arguments, Context, Option } from './command.ts';

/** Options of every command that reads a vault; with both, no appliance and no configuration is needed. */
export const VAULT_OPTIONS: Record<string, Option> = {
  store: {
    type: 'string',
    value: 'WHERE',
    about:
      'The vault, on any machine: a directory, or s3:https://HOST/BUCKET/PREFIX with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: the one in the configuration.',
  },
  key: { type: 'string', short: 'k', value: 'FILE', about: 'Recovery key.' },
};

export function nameOf(snapshot: Snapshot): string {
  return snapshot.source?.name ?? `(${snapshot.sourceId.slice(0, 12)})`;
}

export async function openGiven(args: Arguments, context: Context): Promise<Vault> {
  const key = await readKey(args, context);
  const vault = await openVault(await storeOf(args, context), key);
  for (const { object, reason } of vault.refused) context.err(`REFUSED ${object}: it ${reason}.`);
  return vault;
}

/** The snapshot that is meant: SNAPSHOT, or --at TIME, or the newest. Says so when it has expired. */
export async function chosen(vault: Vault, args: Arguments, context: Context): Promise<Snapshot> {
  const snapshot = await meantSnapshot(vault, args);
  const { seq, expires = Number.POSITIVE_INFINITY } = snapshot;
  if (expires <= context.clock.wall())
    context.err(`Snapshot ${seq} expired at ${isoTime(expires)}: parts of it may be gone.`);
  return snapshot;
}

async function meantSnapshot(vault: Vault, args: Arguments): Promise<Snapshot> {
  const [meant] = args.positionals;
  const snapshots = await vault.snapshots();
  if (meant !== undefined) return findSnapshot(snapshots, vault.refused, meant);
  const at = args.text('at');
  const wall = at === undefined ? undefined : parseTime(at);
  if (at !== undefined && wall === undefined)
    throw new PortcullisError('usage.wrong', `--at takes a time such as 2026-11-21T06:30:00Z, not "${at}".`);
  if (wall === undefined && args.text('source') === undefined) {
    throw new PortcullisError('usage.wrong', 'Say which: a snapshot, --at TIME, or --source NAME for its newest.');
  }
  return snapshotAt(snapshots, wall === undefined ? '9999' : isoTime(wall), args.text('source'));
}

export async function readKey(args: Arguments, context: Context): Promise<RecoveryKey> {
  const path = args.text('key');
  if (path === undefined)
    throw new PortcullisError(
      'usage.wrong',
      'The content of a vault can be read only with --key FILE, the recovery key.',
    );
  return readKeyFile(path, context);
}

/** The recovery key in the file at `path`; asks for its passphrase where it has one. Rejects with `vault.key` or `vault.passphrase`. */
export async function readKeyFile(path: string, context: Context): Promise<RecoveryKey> {
  const file = parseKeyFile(await readKeyText(path));
  return file.kind === 'open' ? file.key : file.unlock(await context.ask(`Passphrase of ${path}: `, 'secret'));
}

export async function readKeyText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new PortcullisError('vault.key', `The recovery key ${path} cannot be read: ${reasonOf(error)}.`);
  }
}

export async function storeOf(args: Arguments, context: Context): Promise<Store> {
  const path = args.text('store');
  return await context.openStore(
    path === undefined ? (await context.loadConfig(args.configPath)).vault.store : storeFromAddress(path, context.env),
  );
}

export async function ownVerifyKey(args: Arguments, context: Context): Promise<Buffer> {
  const { verifyKey } = await readIdentity(statePaths(await context.loadConfig(args.configPath)).identity);
  return Buffer.from(verifyKey, 'base64');
}

/** A path as a person types it: without slashes around it. */
export function trimmed(path: string): string {
  return path.replace(/^(\.?\/)+|\/+$/g, '');
}

/** Rewrites one line on a terminal, a few times a second; silent elsewhere. */
export function progressTo<T>(context: Context, words: (progress: T) => string): (progress: T) => void {
  let next = 0;
  return (progress) => {
    const now = context.clock.monotonic();
    if (!context.terminal || now < next) return;
    next = now + 200;
    context.out(`\r\u001b[K${words(progress)}\r`);
  };
}
