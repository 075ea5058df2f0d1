import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { explained } from './database.ts';
import type { DatabaseKind } from './database-kinds.ts';
import { openTools, type Tools, textOf, versionOf } from './database-tools.ts';
import type { DumpFile, RestoredDatabases } from './dump-file.ts';
import { inRestore, sourceError } from './failure.ts';
import { MARIADB_ADVICE } from './mariadb.ts';
import { restoreMariadb } from './mariadb-restore.ts';
import { MONGODB_ADVICE } from './mongodb.ts';
import { restoreMongodb } from './mongodb-restore.ts';
import { POSTGRESQL_ADVICE } from './postgresql.ts';
import { restorePostgresql } from './postgresql-restore.ts';
import type { Environment } from './program.ts';
import { checkIntegrity } from './sqlite.ts';

/** Where dumps go: a running scratch server, or, for databases that are files, a path that does not exist yet. */
export type RestoreTarget =
  | {
      readonly kind: 'server';
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password?: Secret | undefined;
      readonly ca?: string | undefined;
    }
  | { readonly kind: 'path'; readonly path: string };

export interface DatabaseRestoreOptions {
  readonly preset: DatabaseKind;
  readonly files: readonly DumpFile[];
  readonly target: RestoreTarget;
  /** Folder of the database's programs. */
  readonly tools?: string | undefined;
  /** A folder for temporary files without content of the dumps. */
  readonly workdir: string;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress?: (progress: { readonly what: string; readonly bytes: number }) => void;
}

/** A dump takes as long as it takes; `signal` ends it. */
const NO_TIMEOUT_MS = 7 * 24 * 3_600_000;

/**
 * Brings dumps back with the preset's own restore program, as a stream: nothing of them is written anywhere else. Only into what is new or empty: a
 * database that is there already, and holds something, is refused. Rejects with `restore.failed` at the first that fails, with `source.stopped` at `signal`, and with
 * `usage.wrong` where target and preset do not belong together; what was restored before stays.
 */
export async function restoreDatabase(options: DatabaseRestoreOptions): Promise<RestoredDatabases> {
  const { preset, target, environment, clock, signal, workdir } = options;
  const tools = openTools({ environment, folder: options.tools, signal, clock, timeoutMs: NO_TIMEOUT_MS, workdir });
  const files = options.files.map((file) => told(file, options.progress));
  try {
    return await restoreBy(preset, tools, files, target);
  } catch (error) {
    const advice = {
      postgresql: POSTGRESQL_ADVICE,
      mariadb: MARIADB_ADVICE,
      mysql: MARIADB_ADVICE,
      mongodb: MONGODB_ADVICE,
    };
    const secrets = target.kind === 'server' ? [textOf(target.password)] : [];
    const known = { advice: advice[preset as keyof typeof advice] ?? [], secrets };
    throw inRestore(sourceError(`Restoring ${preset}`, explained(error, known), signal));
  }
}

async function restoreBy(
  preset: DatabaseKind,
  tools: Tools,
  files: readonly DumpFile[],
  target: RestoreTarget,
): Promise<RestoredDatabases> {
  switch (preset) {
    case 'postgresql':
      return restorePostgresql(tools, files, serverOf(preset, target));
    case 'mariadb':
    case 'mysql':
      return restoreMariadb(tools, files, { ...serverOf(preset, target), kind: preset });
    case 'mongodb':
      return restoreMongodb(tools, files, { ...serverOf(preset, target), authDatabase: 'admin' });
    case 'sqlite':
      return restoreSqlite(only(files), pathOf(preset, target));
    case 'redis':
      return restoreRedis(only(files), pathOf(preset, target));
    case 'etcd':
      return restoreEtcd(tools, only(files), pathOf(preset, target));
    default:
      return preset satisfies never;
  }
}

async function restoreSqlite(file: DumpFile, path: string): Promise<RestoredDatabases> {
  await write(file, path, checkIntegrity);
  return { restored: [file.path], notes: [] };
}

async function restoreRedis(file: DumpFile, path: string): Promise<RestoredDatabases> {
  await write(file, path);
  return {
    restored: [file.path],
    notes: [
      `Redis reads ${basename(path)} when it starts: put it into the \`dir\` of a server that is stopped, under the name of its \`dbfilename\`, owned by its user and with \`appendonly no\`, and start it.`,
    ],
  };
}

/** `etcdutl` from 3.5 on, before that `etcdctl`: either checks the hash, and makes a new cluster of one member. */
async function restoreEtcd(tools: Tools, file: DumpFile, path: string): Promise<RestoredDatabases> {
  await expectNothing(path);
  const folder = await mkdtemp(join(tools.workdir, 'etcd-'));
  try {
    const copy = join(folder, 'snapshot.db');
    await write(file, copy);
    const program = await versionOf(tools, 'etcdutl', 'version', 'etcd').then(
      () => 'etcdutl',
      () => 'etcdctl',
    );
    await tools.text([tools.program(program), 'snapshot', 'restore', copy, `--data-dir=${path}`], {
      environment: { ETCDCTL_API: '3' },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    restored: [file.path],
    notes: ['It is a new cluster of one member: start it with this folder as its --data-dir, and add the others.'],
  };
}

/** A new file, whole or not at all. */
async function write(file: DumpFile, path: string, judge: (path: string) => void = () => {}): Promise<void> {
  await expectNothing(path);
  const part = `${path}.part`;
  try {
    await pipeline(file.open(), createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true }));
    judge(part);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function expectNothing(path: string): Promise<void> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there)
    throw new PortcullisError('vault.destination', `${path} exists: a dump is restored only beside what is there.`);
}

function told(file: DumpFile, progress: DatabaseRestoreOptions['progress']): DumpFile {
  if (progress === undefined) return file;
  return {
    path: file.path,
    async *open() {
      let bytes = 0;
      for await (const chunk of file.open()) {
        bytes += chunk.length;
        progress({ what: file.path, bytes });
        yield chunk;
      }
    },
  };
}

function only(files: readonly DumpFile[]): DumpFile {
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new PortcullisError('usage.wrong', `One dump is restored to a path, not ${files.length}.`);
  return file;
}

function serverOf(preset: DatabaseKind, target: RestoreTarget) {
  if (target.kind === 'server') return target;
  throw new PortcullisError('usage.wrong', `${preset} is restored into a running server: name its host and user.`);
}

function pathOf(preset: DatabaseKind, target: RestoreTarget): string {
  if (target.kind === 'path') return target.path;
  throw new PortcullisError('usage.wrong', `${preset} is restored to a path, not into a running server.`);
}
