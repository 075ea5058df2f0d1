import type { Secret } from '../base/secret.ts';
import { type Dump, dumpFile, type Preset } from './database.ts';
import { isSocket, type ToolRun, type Tools, textOf, versionOf } from './database-tools.ts';
import { checked, endMarker } from './dump-checks.ts';
import { HANDED } from './handed-file.ts';
import { readerCheck } from './reader-check.ts';

export interface PostgresqlServer {
  /** Or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: Secret | undefined;
  /** Certificates the server's must be signed by; then TLS is required, and its name checked. */
  readonly ca?: string | undefined;
}

export interface PostgresqlOptions extends PostgresqlServer {
  /** None: all that accept connections. */
  readonly databases: readonly string[];
  /** Database that is asked which others there are. */
  readonly maintenance: string;
  /** Whether roles and tablespaces are dumped too. */
  readonly accounts: boolean;
}

/** Seconds a dump waits for a lock that somebody holds: beyond it, its waiting would make others wait. */
const LOCK_WAIT_S = 60;

export const POSTGRESQL_ADVICE: Preset['advice'] = [
  [
    /password authentication failed|no password supplied/,
    'The server refuses this user with this password: correct `user` or `password` of the source',
  ],
  [/no pg_hba\.conf entry/, 'The server lets this user in from nowhere here: add a line to its pg_hba.conf'],
  [/role ".*" does not exist/, 'The server does not know this user: create it as docs/sources-databases.md says'],
  [/permission denied/, 'This user may not read everything: grant it pg_read_all_data, and CONNECT'],
  [
    /canceling statement due to lock timeout|LOCK TABLE/,
    'Somebody held a lock on a table for too long, and dumping it was given up',
  ],
  [/server version mismatch/, "The tools are older than the server: install those of the server's version"],
];

/** How the programs reach a database of the server, as libpq's connection string. No secret is in it. */
export function connection({ host, port, user, ca }: PostgresqlServer, database: string): string {
  const words: Record<string, string> = {
    host,
    port: String(port),
    user,
    dbname: database,
    connect_timeout: '30',
    application_name: 'portcullis',
    // A server that has gone without a word is noticed after three minutes.
    ...(isSocket(host)
      ? {}
      : { keepalives_idle: '60', keepalives_interval: '30', keepalives_count: '4', tcp_user_timeout: '180000' }),
    ...(ca === undefined ? {} : { sslmode: 'verify-full', sslrootcert: ca }),
  };
  return Object.entries(words)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}

/** How the password reaches libpq: as a password file without a name. */
export function passwordFor({ password }: PostgresqlServer): ToolRun {
  const text = textOf(password);
  return text === undefined
    ? { environment: { PGPASSFILE: '/dev/null' } }
    : {
        handed: `*:*:*:*:${text.replace(/[\\:]/g, '\\$&')}\n`,
        environment: { PGPASSFILE: HANDED },
      };
}

/** What one statement gives, as the one JSON value it is. */
export async function ask<T>(tools: Tools, server: PostgresqlServer, database: string, sql: string): Promise<T> {
  const printed = await tools.text(
    [
      tools.program('psql'),
      '--no-psqlrc',
      '--quiet',
      '--no-align',
      '--tuples-only',
      '--no-password',
      '--set=ON_ERROR_STOP=1',
      `--dbname=${connection(server, database)}`,
      `--command=${sql}`,
    ],
    passwordFor(server),
  );
  return JSON.parse(printed) as T;
}

interface Answer {
  readonly version: string;
  readonly number: number;
  readonly passwords: boolean;
  readonly databases: readonly { readonly name: string; readonly bytes: number | null }[] | null;
}

const SURVEY = `SELECT json_build_object(
  'version', current_setting('server_version'),
  'number', current_setting('server_version_num')::int,
  'passwords', has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  'databases', (SELECT json_agg(json_build_object('name', datname, 'bytes',
      CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END) ORDER BY datname)
    FROM pg_database WHERE datallowconn AND NOT datistemplate))`;

/**
 * Each database as `pg_dump` has it in its custom format, from one snapshot of its own, and what belongs to no database (roles, tablespaces) as SQL. The
 * archives are not compressed: seal does that, and finds what it has already. `pg_restore` reads each along to its end.
 */
export function postgresqlPreset(options: PostgresqlOptions): Preset {
  const password = passwordFor(options);
  return {
    advice: POSTGRESQL_ADVICE,
    secrets: [textOf(options.password)],
    async survey(tools) {
      const tool = await versionOf(tools, 'pg_dump', '--version', 'postgresql-client');
      const { version, number, passwords, databases } = await ask<Answer>(tools, options, options.maintenance, SURVEY);
      const major = Math.trunc(number / 10_000);
      if (major > tool.major)
        throw new Error(
          `The server is PostgreSQL ${version}, and pg_dump is ${tool.text}, which cannot dump a newer server: install postgresql-client-${major}, and name its folder with \`tools\``,
        );
      const sizes = new Map((databases ?? []).map(({ name, bytes }) => [name, bytes ?? undefined]));
      const names = options.databases.length > 0 ? options.databases : [...sizes.keys()];
      const accounts = options.accounts ? [globals(tools, options, passwords)] : [];
      return {
        server: `PostgreSQL ${version}`,
        tool: `pg_dump ${tool.text}`,
        notes:
          options.accounts && !passwords ? ['Roles are without their passwords: only a superuser may read those.'] : [],
        dumps: [...accounts, ...names.map((name) => database(tools, options, name, sizes.get(name)))],
      };
    },
  };

  function database(tools: Tools, server: PostgresqlOptions, name: string, serverBytes?: number): Dump {
    return {
      file: dumpFile(name, 'dump'),
      what: `database ${name}`,
      data: true,
      database: { name, ...(serverBytes === undefined ? {} : { serverBytes }) },
      open: () =>
        checked(
          tools.stream(
            [
              tools.program('pg_dump'),
              '--format=custom',
              '--compress=0',
              '--no-password',
              `--lock-wait-timeout=${LOCK_WAIT_S}s`,
              `--dbname=${connection(server, name)}`,
            ],
            password,
          ),
          readerCheck({
            command: [tools.program('pg_restore'), '--file=/dev/null'],
            environment: tools.environment,
            signal: tools.signal,
            clock: tools.clock,
          }),
        ),
    };
  }

  function globals(tools: Tools, server: PostgresqlOptions, passwords: boolean): Dump {
    return {
      file: 'globals.sql',
      what: 'roles and tablespaces',
      secret: true,
      data: false,
      open: () =>
        checked(
          tools.stream(
            [
              tools.program('pg_dumpall'),
              '--globals-only',
              ...(passwords ? [] : ['--no-role-passwords']),
              '--no-password',
              `--lock-wait-timeout=${LOCK_WAIT_S}s`,
              `--database=${connection(server, server.maintenance)}`,
            ],
            password,
          ),
          endMarker(GLOBALS_END),
        ),
    };
  }
}

/** Since August 2025 the line that leaves psql's restricted mode may follow. */
const GLOBALS_END = /\n-- PostgreSQL database cluster dump complete\n--\n\s*(?:\\unrestrict \S+\s*)?$/;
