import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../base/secret.ts';
import type { Preset } from './database.ts';
import { type ToolRun, type Tools, textOf, versionOf } from './database-tools.ts';
import { checked, etcdCheck } from './dump-checks.ts';
import { ProgramFailed } from './program.ts';

export interface EtcdOptions {
  /** One member: a snapshot is of one. */
  readonly endpoint: string;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export const ETCD_FILE = 'snapshot.db';

/** The whole key space of a member. `etcdctl` writes only to a file: it lies in the working folder until it has been read. */
export function etcdPreset(options: EtcdOptions): Preset {
  const password = textOf(options.password);
  const access: ToolRun = {
    environment: {
      ETCDCTL_API: '3',
      // Flags and variables both are refused; a password in the arguments everybody could read.
      ...(options.user === undefined ? {} : { ETCDCTL_USER: `${options.user}:${password ?? ''}` }),
    },
  };
  const command = (tools: Tools) => [
    tools.program('etcdctl'),
    `--endpoints=${options.endpoint}`,
    '--dial-timeout=30s',
    ...(options.ca === undefined ? [] : [`--cacert=${options.ca}`]),
    ...(options.certificate === undefined ? [] : [`--cert=${options.certificate}`]),
    ...(options.key === undefined ? [] : [`--key=${options.key}`]),
  ];

  async function* save(tools: Tools): AsyncGenerator<Buffer, void, undefined> {
    const file = join(tools.workdir, ETCD_FILE);
    const clear = () => Promise.all([file, `${file}.part`].map((path) => rm(path, { force: true })));
    await clear();
    try {
      await tools.text([...command(tools), 'snapshot', 'save', file], access);
      await status(tools, file);
      yield* checked(createReadStream(file, { highWaterMark: 1 << 20 }), etcdCheck());
    } finally {
      await clear();
    }
  }

  return {
    advice: [
      [
        /invalid user name or password|authentication failed/,
        'The server refuses this user with this password: correct `user` or `password`',
      ],
      [/permission denied/, 'Only a user with the role root may take a snapshot'],
      [
        /context deadline exceeded|connection refused/,
        'The member does not answer: check `endpoint`, `ca` and the network',
      ],
    ],
    secrets: [password],
    async survey(tools) {
      const tool = await versionOf(tools, 'etcdctl', 'version', 'etcd-client');
      const said = await tools.text([...command(tools), 'endpoint', 'status', '--write-out=json'], access);
      const [member] = JSON.parse(said) as { Status?: { version?: string; dbSize?: number } }[];
      return {
        server: `etcd ${member?.Status?.version ?? 'of unknown version'}`,
        tool: `etcdctl ${tool.text}`,
        notes: [],
        dumps: [
          {
            file: ETCD_FILE,
            what: 'all keys',
            data: true,
            database: {
              name: 'all',
              ...(member?.Status?.dbSize === undefined ? {} : { serverBytes: member.Status.dbSize }),
            },
            open: () => save(tools),
          },
        ],
      };
    },
  };
}

/** etcd's own look at a snapshot: by `etcdutl` from 3.5 on, before that by `etcdctl`. */
async function status(tools: Tools, file: string): Promise<void> {
  const environment = { ETCDCTL_API: '3' };
  try {
    await tools.text([tools.program('etcdutl'), 'snapshot', 'status', file]);
  } catch (error) {
    if (!(error instanceof ProgramFailed && error.ending.how === 'not started')) throw error;
    await tools.text([tools.program('etcdctl'), 'snapshot', 'status', file], { environment });
  }
}
