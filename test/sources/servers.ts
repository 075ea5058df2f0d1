import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../free-port.ts';

/** Real servers in folders of their own, on ports the kernel chose: never those of the system. */

/** Servers that refuse to run as root run as nobody. */
const NOBODY = 65534;
const root = process.getuid?.() === 0;

export interface Server {
  readonly port: number;
  readonly folder: string;
  readonly child: ChildProcess;
  /** Ends it as a crash would, and removes its folder. */
  destroy(): Promise<void>;
  kill(): Promise<void>;
}

/** A program wherever Debian keeps it, or undefined: CI fails without, a laptop is told what it does not check. */
export function installed(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => find(program) === undefined);
  if (missing.length === 0) return true;
  const told = `${missing.join(', ')} not installed: what would be checked with it is not checked.`;
  if (process.env['CI'] !== undefined) throw new Error(told);
  console.warn(`SKIPPED: ${told}`);
  return false;
}

export function find(program: string): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort().reverse() : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    ...versions.map((version) => `/usr/lib/postgresql/${version}/bin`),
  ];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pc-db-'));
  if (root) chownSync(folder, NOBODY, NOBODY);
  return folder;
}

const owner = root ? { uid: NOBODY, gid: NOBODY } : {};
const quiet = { stdio: 'ignore' as const, env: { PATH: process.env['PATH'], LC_ALL: 'C' } };

async function started(
  folder: string,
  port: number,
  command: readonly [string, ...string[]],
  ready: () => void,
): Promise<Server> {
  const [program, ...args] = command;
  const log: string[] = [];
  const child = spawn(find(program) ?? program, args, {
    ...owner,
    cwd: folder,
    env: quiet.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(String(chunk)));
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      ready();
      break;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > end) {
        await kill();
        throw new Error(`${program} does not start: ${log.join('').slice(0, 3000)}`, { cause: error });
      }
      await delay(50);
    }
  }
  return {
    port,
    folder,
    child,
    kill,
    async destroy() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL with the superuser `admin`, who has this password; everybody else needs one too. */
export async function postgresql(password: string, settings: readonly string[] = []): Promise<Server> {
  const folder = home();
  const port = await freePort();
  const data = join(folder, 'data');
  writeFileSync(join(folder, 'password'), password);
  if (root) chownSync(join(folder, 'password'), NOBODY, NOBODY);
  execFileSync(
    find('initdb') ?? 'initdb',
    [
      `--pgdata=${data}`,
      '--username=admin',
      '--auth=scram-sha-256',
      `--pwfile=${join(folder, 'password')}`,
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { ...quiet, ...owner, cwd: folder },
  );
  const options = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off'];
  return started(
    folder,
    port,
    ['postgres', '-D', data, ...[...options, ...settings].flatMap((option) => ['-c', option])],
    () => psql({ port, password }, 'postgres', 'SELECT 1'),
  );
}

/** Runs SQL as `admin` and gives back what is printed. */
export function psql(
  { port, password }: { readonly port: number; readonly password: string },
  database: string,
  sql: string,
): string {
  return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database, '-f', '-'], {
    input: sql,
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      PGHOST: '127.0.0.1',
      PGPORT: String(port),
      PGUSER: 'admin',
      PGPASSWORD: password,
    },
  }).trim();
}

/** MariaDB with the user `admin`, who may everything. */
export async function mariadb(password: string): Promise<Server> {
  const folder = home();
  const port = await freePort();
  const data = join(folder, 'data');
  mkdirSync(data);
  if (root) chownSync(data, NOBODY, NOBODY);
  const socket = join(folder, 'socket');
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { ...quiet, ...owner, cwd: folder },
  );
  const setup = join(folder, 'setup.sql');
  writeFileSync(
    setup,
    // The anonymous users the installation makes come before one from anywhere.
    `DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\nCREATE USER admin@'%' IDENTIFIED BY '${password.replace(/[\\']/g, '\\$&')}';\nGRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\nGRANT PROXY ON ''@'%' TO admin@'%' WITH GRANT OPTION;\n`,
    { mode: 0o644 },
  );
  return started(
    folder,
    port,
    [
      'mariadbd',
      '--no-defaults',
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--pid-file=${join(folder, 'pid')}`,
      `--init-file=${setup}`,
      '--character-set-server=utf8mb4',
      '--event-scheduler=off',
      '--innodb-flush-log-at-trx-commit=0',
      '--max-allowed-packet=1G',
    ],
    () => mysql({ port, password }, '', 'SELECT 1'),
  );
}

/** Runs SQL as `admin` and gives back what is printed. */
export function mysql(
  { port, password }: { readonly port: number; readonly password: string },
  database: string,
  sql: string,
): string {
  return execFileSync(
    'mariadb',
    [
      '--no-defaults',
      '--default-character-set=utf8mb4',
      '--protocol=tcp',
      '-h127.0.0.1',
      `-P${port}`,
      '-uadmin',
      '--batch',
      '-N',
      database,
    ].filter((word) => word !== ''),
    {
      input: sql,
      encoding: 'utf8',
      maxBuffer: 256 << 20,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], MYSQL_PWD: password },
    },
  ).trim();
}

/** Redis with a password for its default user. */
export async function redis(password: string, folder = home()): Promise<Server> {
  const port = await freePort();
  const config = join(folder, 'redis.conf');
  writeFileSync(config, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nrequirepass "${password}"\nsave ""\n`);
  if (root) for (const name of readdirSync(folder)) chownSync(join(folder, name), NOBODY, NOBODY);
  return started(folder, port, ['redis-server', config], () => {
    if (redisCli({ port, password }, 'PING') !== 'PONG') throw new Error('loading');
  });
}

export function redisCli(
  { port, password }: { readonly port: number; readonly password: string },
  ...words: readonly string[]
): string {
  return execFileSync('redis-cli', ['--no-auth-warning', '-p', String(port), ...words], {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], REDISCLI_AUTH: password },
  }).trim();
}

/** etcd of one member, on a data folder where there is one. */
export async function etcd(folder = home(), data = 'data'): Promise<Server> {
  const [port, peer] = [await freePort(), await freePort()];
  const [client, peers] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
  if (root && existsSync(join(folder, data))) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, join(folder, data)]);
  return started(
    folder,
    port,
    [
      'etcd',
      `--data-dir=${join(folder, data)}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
    ],
    () => etcdctl({ port }, 'endpoint', 'health'),
  );
}

export function etcdctl(
  { port, user }: { readonly port: number; readonly user?: string },
  ...words: readonly string[]
): string {
  return execFileSync('etcdctl', [`--endpoints=http://127.0.0.1:${port}`, ...words], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ETCDCTL_API: '3', ...(user === undefined ? {} : { ETCDCTL_USER: user }) },
  }).trim();
}
