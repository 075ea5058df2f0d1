import type { Secret } from '../base/secret.ts';
import type { Preset } from './database.ts';
import { isSocket, type ToolRun, type Tools, textOf, versionOf } from './database-tools.ts';
import { checked } from './dump-checks.ts';
import { redisDump } from './redis-dump.ts';

export interface RedisOptions {
  /** Or the path of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** Certificates the server's must be signed by; then TLS is required. */
  readonly ca?: string | undefined;
}

export const REDIS_FILE = 'dump.rdb';

/**
 * The data as a replica gets it. `redis-cli` takes a password from its environment or its arguments, and nowhere else: it is in its environment,
 * which only this user and root can read.
 */
export function redisPreset(options: RedisOptions): Preset {
  const password = textOf(options.password);
  const access: ToolRun = password === undefined ? {} : { environment: { REDISCLI_AUTH: password } };
  const command = (tools: Tools) => [
    tools.program('redis-cli'),
    ...(isSocket(options.host) ? ['-s', options.host] : ['-h', options.host, '-p', String(options.port)]),
    ...(options.user === undefined ? [] : ['--user', options.user]),
    ...(options.ca === undefined ? [] : ['--tls', '--cacert', options.ca]),
  ];
  return {
    advice: [
      [/WRONGPASS|AUTH failed|NOAUTH/, 'The server refuses this user with this password: correct `user` or `password`'],
      [/NOPERM/, 'This user may not replicate: grant it +ping +info +replconf +psync +sync'],
    ],
    secrets: [password],
    async survey(tools) {
      const tool = await versionOf(tools, 'redis-cli', '--version', 'redis-tools');
      // It answers an error with status 0.
      const said = await tools.text([...command(tools), '--no-auth-warning', 'INFO', 'server'], access);
      const server = /^redis_version:(\S+)/m.exec(said)?.[1];
      if (server === undefined) throw new Error(said.trim().slice(0, 300) || 'The server says nothing about itself');
      return {
        server: `Redis ${server}`,
        tool: `redis-cli ${tool.text}`,
        notes: ['Users of the server (ACL) and its configuration are not in its data: back up their files.'],
        dumps: [
          {
            file: REDIS_FILE,
            what: 'all data',
            data: true,
            database: { name: 'all' },
            open: () =>
              checked(redisDump(tools.stream([...command(tools), '--no-auth-warning', '--rdb', '-'], access))),
          },
        ],
      };
    },
  };
}
