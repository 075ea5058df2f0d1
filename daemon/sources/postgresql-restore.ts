import { type Tools, versionOf } from './database-tools.ts';
import type { DumpFile, RestoredDatabases } from './dump-file.ts';
import { ask, connection, type PostgresqlServer, passwordFor } from './postgresql.ts';

const MAINTENANCE = 'postgres';

/** A line that makes a role or gives it its attributes, and the name as it stands there. */
const ROLE_LINE = /^(?:CREATE|ALTER) ROLE ("(?:[^"]|"")+"|[^\s;"]+)(?: WITH .*)?;$/;

/**
 * Roles first, then each database with `pg_restore --create`, which stops at the first error. A role that is there already stays as it is, the one that
 * restores among them. Tablespaces are not made again: what was in them comes into the default one.
 */
export async function restorePostgresql(
  tools: Tools,
  files: readonly DumpFile[],
  server: PostgresqlServer,
): Promise<RestoredDatabases> {
  await versionOf(tools, 'pg_restore', '--version', 'postgresql-client');
  const { roles, databases } = await ask<{ roles: string[]; databases: string[] }>(
    tools,
    server,
    MAINTENANCE,
    `SELECT json_build_object('roles', (SELECT json_agg(quote_ident(rolname)) FROM pg_roles),
      'databases', (SELECT json_agg(datname) FROM pg_database))`,
  );
  const there = new Set(databases);
  const notes: string[] = [];
  const restored: string[] = [];
  const ordered = [...files].sort((a, b) => Number(b.path === GLOBALS) - Number(a.path === GLOBALS));
  for (const file of ordered) {
    if (file.path === GLOBALS) await restoreGlobals(tools, file, server, new Set(roles), notes);
    else await restoreArchive(tools, file, server, there, notes);
    restored.push(file.path);
  }
  return { restored, notes };
}

const GLOBALS = 'globals.sql';

async function restoreGlobals(
  tools: Tools,
  file: DumpFile,
  server: PostgresqlServer,
  roles: ReadonlySet<string>,
  notes: string[],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.open()) chunks.push(chunk);
  const kept: string[] = [];
  const left = new Set<string>();
  let tablespaces = 0;
  for (const line of Buffer.concat(chunks).toString('utf8').split('\n')) {
    const role = ROLE_LINE.exec(line)?.[1];
    if (role !== undefined && roles.has(role)) left.add(role);
    else if (/^(?:CREATE TABLESPACE |ALTER TABLESPACE |GRANT .* ON TABLESPACE )/.test(line)) tablespaces++;
    else kept.push(line);
  }
  if (left.size > 0) notes.push(`Roles that were there already stay as they are: ${[...left].join(', ')}.`);
  if (tablespaces > 0) notes.push('Tablespaces were not made again; what was in them is in the default one.');
  const text = Buffer.from(kept.join('\n'));
  await tools.text(
    [
      tools.program('psql'),
      '--no-psqlrc',
      '--quiet',
      '--no-password',
      '--set=ON_ERROR_STOP=1',
      '--single-transaction',
      `--dbname=${connection(server, MAINTENANCE)}`,
      '--file=-',
    ],
    {
      ...passwordFor(server),
      input: (async function* () {
        yield text;
      })(),
    },
  );
}

async function restoreArchive(
  tools: Tools,
  file: DumpFile,
  server: PostgresqlServer,
  there: Set<string>,
  notes: string[],
): Promise<void> {
  // The maintenance database exists everywhere: it is restored into, if it is empty, and any other is made.
  const into = file.path === `databases/${MAINTENANCE}.dump`;
  if (into) {
    const tables = await ask<number>(
      tools,
      server,
      MAINTENANCE,
      "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'",
    );
    if (tables > 0) throw new Error(`database ${MAINTENANCE} of the target holds something: take an empty server`);
  }
  await tools
    .text(
      [
        tools.program('pg_restore'),
        '--exit-on-error',
        '--no-password',
        '--no-tablespaces',
        ...(into ? ['--single-transaction'] : ['--create']),
        `--dbname=${connection(server, MAINTENANCE)}`,
      ],
      { ...passwordFor(server), input: file.open() },
    )
    .catch((error: unknown) => {
      if (into || there.size === 0) throw error;
      throw new Error(
        `${file.path} was not restored whole; drop the database before another attempt, unless it was there before: ${error instanceof Error ? error.message : error}`,
        { cause: error },
      );
    });
  if (into) notes.push(`${MAINTENANCE} was restored into the database of that name, which every server has.`);
}
