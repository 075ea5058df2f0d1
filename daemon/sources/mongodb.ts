import type { Secret } from '../base/secret.ts';
import { type Dump, dumpFile, type Preset } from './database.ts';
import { type ToolRun, type Tools, textOf, versionOf } from './database-tools.ts';
import { checked } from './dump-checks.ts';
import { HANDED } from './handed-file.ts';
import { type MongoArchiveFacts, mongoArchiveCheck } from './mongo-archive.ts';

export interface MongodbServer {
  readonly host: string;
  readonly port: number;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** Database that knows the user. */
  readonly authDatabase: string;
  /** Certificates the server's must be signed by; then TLS is required. */
  readonly ca?: string | undefined;
  /** Name of the replica set the server is a member of. */
  readonly replicaSet?: string | undefined;
}

export interface MongodbOptions extends MongodbServer {
  /** None: all, in one archive, of one moment where there is a replica set. */
  readonly databases: readonly string[];
}

/** Arguments of mongodump and mongorestore that lead to the server. */
export function mongoAccess(server: MongodbServer): readonly string[] {
  const { host, port, user, authDatabase, ca, replicaSet } = server;
  return [
    `--host=${replicaSet === undefined ? '' : `${replicaSet}/`}${host}:${port}`,
    ...(user === undefined ? [] : [`--username=${user}`, `--authenticationDatabase=${authDatabase}`]),
    ...(ca === undefined ? [] : ['--ssl', `--sslCAFile=${ca}`]),
    ...(server.password === undefined ? [] : [`--config=${HANDED}`]),
  ];
}

/** The configuration file of mongodump and mongorestore: a password, and nothing else. */
export function mongoPassword({ password }: MongodbServer): ToolRun {
  const text = textOf(password);
  // A JSON string is a YAML string.
  return text === undefined ? {} : { handed: `password: ${JSON.stringify(text)}\n` };
}

export const MONGODB_ADVICE: Preset['advice'] = [
  [/Authentication failed|AuthenticationFailed/i, 'The server refuses this user with this password'],
  [/not authorized/i, 'This user may not read everything: grant it the role backup'],
  [/server selection error|connection refused/i, 'The server does not answer: check host, port, ca and the network'],
  [/oplog/i, 'Without an oplog the dump is not of one moment: `replicaSet` is only for members of a replica set'],
];

/** Archives as `mongodump` has them: all of a server with the oplog of the time it took, or one for each named database. */
export function mongodbPreset(options: MongodbOptions): Preset {
  return {
    advice: MONGODB_ADVICE,
    secrets: [textOf(options.password)],
    async survey(tools) {
      const tool = await versionOf(tools, 'mongodump', '--version', 'mongodb-database-tools');
      const whole = options.databases.length === 0;
      return {
        tool: `mongodump ${tool.text}`,
        notes:
          whole && options.replicaSet !== undefined
            ? []
            : ['Not of one moment: what is written meanwhile is in the dump or not, collection by collection.'],
        dumps: whole
          ? [archive(tools, 'all.archive', undefined)]
          : options.databases.map((name) => archive(tools, dumpFile(name, 'archive'), name)),
      };
    },
  };

  function archive(tools: Tools, file: string, name: string | undefined): Dump {
    const facts: MongoArchiveFacts = { namespaces: 0 };
    return {
      file,
      what: name === undefined ? 'all databases' : `database ${name}`,
      data: true,
      database: { name: name ?? 'all' },
      learned: () => ({ ...facts }),
      open: () =>
        checked(
          tools.stream(
            [
              tools.program('mongodump'),
              ...mongoAccess(options),
              '--archive',
              ...(name === undefined ? (options.replicaSet === undefined ? [] : ['--oplog']) : [`--db=${name}`]),
            ],
            mongoPassword(options),
          ),
          mongoArchiveCheck(facts),
        ),
    };
  }
}
