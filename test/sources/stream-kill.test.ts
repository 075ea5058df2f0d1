import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { SourceSettings } from '../../daemon/sources/open.ts';
import { eventually, processesMarked, pullAll, source, temporary } from './helpers.ts';
import { installed, postgresql, psql, type Server } from './servers.ts';

const SCRIPT = new URL('pull-once.ts', import.meta.url).pathname;
const PASSWORD = 'killed in the middle';
let server: Server | undefined;
afterEach(async () => {
  await server?.destroy();
  server = undefined;
});

/** Reads a source in a process of its own, which is killed in the middle of its first stream. `mark` is in the environment of all it starts. */
async function killedRead(settings: object, workdir: string, mark: string): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, JSON.stringify(settings), workdir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STREAM_KILL: mark },
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  child.kill('SIGKILL');
  // The fault has fired: it did not come to its own end before.
  expect((await ended)[1]).toBe('SIGKILL');
}

it('a command whose reader is killed in the middle ends by itself, and the next run has it whole', async () => {
  const command = [
    'sh',
    '-c',
    'i=0; while [ $i -lt 20000 ]; do echo "row $i of a dump that is long enough"; i=$((i+1)); done',
  ];
  const settings = { kind: 'command', name: 'sample', command, file: 'dump', timeout: '1h' } as const;
  const workdir = await temporary();
  const whole = (await pullAll(source(settings), await temporary())).at(-1)?.bytes;
  expect(whole?.length).toBeGreaterThan(700_000);
  const mark = `stream-kill-${process.pid}-command`;
  await killedRead(settings, workdir, mark);
  await eventually(() => processesMarked(mark).length === 0);
  expect((await pullAll(source(settings), workdir)).at(-1)?.bytes?.equals(whole ?? Buffer.alloc(0))).toBe(true);
});

it.skipIf(!installed('postgres', 'initdb', 'pg_dump', 'psql'))(
  'a dump of PostgreSQL whose reader is killed in the middle ends by itself, and the next run has it whole',
  async () => {
    server = await postgresql(PASSWORD);
    const { port } = server;
    const access = { port, password: PASSWORD };
    psql(access, 'postgres', 'CREATE DATABASE app');
    psql(
      access,
      'app',
      'CREATE TABLE t AS SELECT n, md5(n::text) || md5((n + 1)::text) AS noise FROM generate_series(1, 200000) n',
    );
    const settings = {
      kind: 'postgresql',
      name: 'sample',
      host: '127.0.0.1',
      port,
      user: 'admin',
      databases: ['app'],
      maintenance: 'postgres',
      accounts: false,
      timeout: '1h',
    };
    const workdir = await temporary();
    const mark = `stream-kill-${process.pid}-postgresql`;
    await killedRead({ ...settings, password: PASSWORD }, workdir, mark);
    await eventually(() => processesMarked(mark).length === 0);
    const all = await pullAll(
      source({ ...settings, password: Secret.fromText(PASSWORD) } as unknown as SourceSettings),
      workdir,
    );
    const dump = all.find(({ path }) => path.endsWith('.dump'));
    expect(dump?.bytes?.subarray(0, 5).toString()).toBe('PGDMP');
    expect(dump?.bytes?.length).toBeGreaterThan(1_000_000);
  },
  120_000,
);
