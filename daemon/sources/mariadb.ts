import type { Secret } from '../base/secret.ts';
import { type Dump, dumpFile, type Preset } from './database.ts';
import { isSocket, type Tools, textOf, versionOf } from './database-tools.ts';
import { checked, endMarker } from './dump-checks.ts';
import { HANDED } from './handed-file.ts';

export interface MariadbServer {
  readonly kind: 'mariadb' | 'mysql';
  /** Or the path of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: Secret | undefined;
  /** Certificates the server's must be signed by; then TLS is required, and its name checked. */
  readonly ca?: string | undefined;
}

export interface MariadbOptions extends MariadbServer {
  /** None: all but the server's own. */
  readonly databases: readonly string[];
  /** Whether users and their grants are dumped too. */
  readonly accounts: boolean;
}

export const MARIADB_ADVICE: Preset['advice'] = [
  [/GRANT PROXY/, 'Users are restored only by one who may grant PROXY, such as root of the server'],
  [
    /Access denied for user '.*' \(using password|ERROR 1045|1698/,
    'The server refuses this user with this password: correct `user` or `password` of the source',
  ],
  [
    /denied|1044|1142|1227|insufficient privileges/i,
    'This user may not read everything: grant it what docs/sources-databases.md lists',
  ],
  [/Lost connection|gone away|2013|2006/, 'The server ended the connection before the dump was whole'],
];

/** The configuration file of the client programs; nothing else configures them. */
export function clientFile({ kind, host, port, user, password, ca }: MariadbServer): string {
  const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
  const secret = textOf(password);
  const lines = [
    ...(isSocket(host) ? [`socket=${quoted(host)}`] : [`host=${quoted(host)}`, `port=${port}`, 'protocol=tcp']),
    `user=${quoted(user)}`,
    ...(secret === undefined ? [] : [`password=${quoted(secret)}`]),
    ...(ca === undefined ? [] : [`ssl-ca=${quoted(ca)}`, ...verification(kind)]),
  ];
  return `[client]\n${lines.join('\n')}\n`;
}

function verification(kind: MariadbServer['kind']): string[] {
  return kind === 'mariadb' ? ['ssl-verify-server-cert'] : ['ssl-mode=VERIFY_IDENTITY'];
}

/** Names of the programs: MariaDB's own, or MySQL's. */
export const programs = (kind: MariadbServer['kind']) =>
  kind === 'mariadb'
    ? { client: 'mariadb', dump: 'mariadb-dump', from: 'mariadb-client' }
    : { client: 'mysql', dump: 'mysqldump', from: "MySQL's client programs" };

/** The rows a batch of statements gives, each column as text. */
export async function ask(tools: Tools, server: MariadbServer, sql: string): Promise<string[][]> {
  const printed = await tools.text(
    [
      tools.program(programs(server.kind).client),
      `--defaults-file=${HANDED}`,
      '--batch',
      '--skip-column-names',
      '--default-character-set=utf8mb4',
      '--connect-timeout=30',
      `--execute=${sql}`,
    ],
    { handed: clientFile(server) },
  );
  const plain = (text: string) =>
    text.replace(/\\([tn0\\])/g, (_, escaped: string) => ({ t: '\t', n: '\n', '0': '\0' })[escaped] ?? escaped);
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t').map(plain));
}

/** Sizes, and how many tables are outside any transaction: those are read one after the other, not from one snapshot. */
const SURVEY = `SELECT 'version', VERSION();
SELECT 'database', s.SCHEMA_NAME, COALESCE(SUM(t.DATA_LENGTH + t.INDEX_LENGTH), 0),
  COALESCE(SUM(t.TABLE_TYPE = 'BASE TABLE' AND t.ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB', 'ndbcluster')), 0)
FROM information_schema.SCHEMATA s LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME
WHERE s.SCHEMA_NAME NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')
GROUP BY s.SCHEMA_NAME ORDER BY s.SCHEMA_NAME`;

const END = /\n-- Dump completed[^\n]*\n*$/;

/**
 * Each database as SQL, from one snapshot of its own, with routines, triggers and events, and the users with their grants. What the user that
 * dumps may not see of a routine the program only remarks upon: that is a failure here.
 */
export function mariadbPreset(options: MariadbOptions): Preset {
  const { kind } = options;
  const { dump, from } = programs(kind);
  return {
    advice: MARIADB_ADVICE,
    secrets: [textOf(options.password)],
    async survey(tools) {
      const tool = await versionOf(tools, dump, '--version', from);
      const rows = await ask(tools, options, SURVEY);
      const version = rows.find(([what]) => what === 'version')?.[1] ?? 'of unknown version';
      const known = new Map(
        rows.flatMap(([what, name = '', bytes, loose]) =>
          what === 'database' ? [[name, { bytes: Number(bytes), loose: Number(loose) }] as const] : [],
        ),
      );
      const names = options.databases.length > 0 ? options.databases : [...known.keys()];
      const loose = names.flatMap((name) => {
        const count = known.get(name)?.loose ?? 0;
        return count === 0
          ? []
          : [
              `${count} tables of ${name} are of an engine without transactions (MyISAM, Aria): they are not of one moment.`,
            ];
      });
      return {
        server: `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${version}`,
        tool: `${dump} ${tool.text}`,
        notes: loose,
        dumps: [
          ...(options.accounts ? [users(tools)] : []),
          ...names.map((name) => database(tools, name, known.get(name)?.bytes)),
        ],
      };
    },
  };

  function database(tools: Tools, name: string, serverBytes?: number): Dump {
    return {
      file: dumpFile(name, 'sql'),
      what: `database ${name}`,
      data: true,
      database: { name, ...(serverBytes === undefined ? {} : { serverBytes }) },
      open: () =>
        checked(
          tools.stream(
            [
              tools.program(dump),
              `--defaults-file=${HANDED}`,
              '--single-transaction',
              '--quick',
              '--routines',
              '--triggers',
              '--events',
              '--hex-blob',
              '--no-tablespaces',
              '--skip-dump-date',
              '--default-character-set=utf8mb4',
              '--max-allowed-packet=1G',
              ...(kind === 'mysql' ? ['--loose-set-gtid-purged=OFF'] : []),
              '--databases',
              '--',
              name,
            ],
            { handed: clientFile(options) },
          ),
          endMarker(END, {
            line: '-- insufficient privileges to ',
            meaning: 'insufficient privileges: a routine is missing from the dump',
          }),
        ),
    };
  }

  function users(tools: Tools): Dump {
    return {
      file: 'users.sql',
      what: 'users and grants',
      secret: true,
      data: false,
      open: () => (kind === 'mariadb' ? mariadbUsers(tools) : mysqlUsers(tools)),
    };
  }

  /** With `--insert-ignore` so that a user who is there already, such as root, is no error. */
  function mariadbUsers(tools: Tools): AsyncIterable<Buffer> {
    return checked(
      tools.stream(
        [tools.program(dump), `--defaults-file=${HANDED}`, '--system=users', '--insert-ignore', '--skip-dump-date'],
        { handed: clientFile(options) },
      ),
      endMarker(END),
    );
  }

  /** `mysqldump` has nothing for users: they are asked for one by one. Those MySQL makes itself are left out. */
  async function* mysqlUsers(tools: Tools): AsyncGenerator<Buffer, void, undefined> {
    const rows = await ask(
      tools,
      options,
      "SELECT user, host FROM mysql.user WHERE user NOT IN ('mysql.sys', 'mysql.session', 'mysql.infoschema')",
    );
    const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
    const accounts = rows.map(([user = '', host = '']) => `${quoted(user)}@${quoted(host)}`);
    const statements = (statement: string) =>
      ask(
        tools,
        options,
        `/*!80017 SET SESSION print_identified_with_as_hex = ON */; ${accounts.map((account) => `${statement} ${account}`).join(';')}`,
      );
    const created = (await statements('SHOW CREATE USER')).map(([line = '']) =>
      line.replace(/^CREATE USER /, 'CREATE USER IF NOT EXISTS '),
    );
    const granted = (await statements('SHOW GRANTS FOR')).map(([line = '']) => line);
    // All users before the first grant: one may be of another as a role.
    const lines = [...created, ...granted, '-- Dump completed'].map((line) =>
      line.startsWith('--') ? line : `${line};`,
    );
    yield Buffer.from(`${lines.join('\n')}\n`);
  }
}
