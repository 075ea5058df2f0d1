import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { MARIADB_SAMPLE, checksums as mariaChecksums } from '../sources/mariadb-sample.ts';
import { EXTRA, checksums as pgChecksums, SCHEMA } from '../sources/postgresql-sample.ts';
import {
  etcd,
  etcdctl,
  installed,
  mariadb,
  mysql,
  postgresql,
  psql,
  redis,
  redisCli,
  type Server,
} from '../sources/servers.ts';
import { Appliance } from './appliance.ts';

/** Bytes of rows in each database: 20 MB in the suite, 1 GB for `npm run bench:databases`. */
const SIZE = Number(process.env['DATABASE_BYTES'] ?? 20_000_000);
const big = SIZE > 100_000_000;
const LIMIT = big ? 3_600_000 : 240_000;
const PASSWORD = 'a:b\\c"d e;#canary-7f3a';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 120_000);

async function running(server: Promise<Server>): Promise<{ port: number; password: string; server: Server }> {
  const started = await server;
  cleanups.push(() => started.destroy());
  return { port: started.port, password: PASSWORD, server: started };
}

/** Seals and ships one snapshot of a source, and stops the appliance. */
async function backedUp(
  source: Record<string, unknown>,
): Promise<{ appliance: Appliance; disk: string[]; figures: Figures }> {
  const appliance = new Appliance();
  cleanups.push(() => appliance.destroy());
  mkdirSync(appliance.home, { recursive: true });
  writeFileSync(appliance.at('database.password'), PASSWORD, { mode: 0o600 });
  const windows = [{ name: 'often', cron: big ? '*/2 * * * *' : '*/10 * * * * *', duration: big ? '110s' : '9s' }];
  await appliance.create({ sources: [source], windows });
  const begun = performance.now();
  await appliance.start();
  const { wall } = await appliance.until('a snapshot is committed', LIMIT / 1000, async () => {
    const status = await appliance.status();
    const found = status?.sources[0]?.lastSnapshot;
    return found !== undefined && found !== null && status?.gate?.view.link === 'isolated' ? found : undefined;
  });
  const seconds = (performance.now() - begun) / 1000;
  await appliance.stop();
  expect(wall).toBeGreaterThan(0);
  // A password is in no log, ledger or configuration file.
  expect(appliance.log).not.toContain('canary-7f3a');
  expect(JSON.stringify(await appliance.ledger())).not.toContain('canary-7f3a');
  const disk = ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key')];
  return { appliance, disk, figures: { seconds } };
}

interface Figures {
  /** From the start of the appliance to a committed snapshot, waiting for a window included. */
  readonly seconds: number;
}

function report(database: string, rows: Record<string, unknown>): void {
  if (big) process.stderr.write(`BENCH ${database} ${JSON.stringify(rows)}\n`);
}

async function restored(appliance: Appliance, ...args: readonly string[]): Promise<number> {
  const begun = performance.now();
  const { code, err, out } = await appliance.cli('restore-database', ...args);
  if (code !== 0) throw new Error(`${err}${out}`);
  expect(err).not.toContain('canary-7f3a');
  return (performance.now() - begun) / 1000;
}

describe('databases, over the real processes and servers', () => {
  it.skipIf(!installed('postgres', 'initdb', 'pg_dump', 'psql', 'pg_restore'))(
    'PostgreSQL: dumped, shipped, dropped, restored from the vault, equal table by table',
    async () => {
      const origin = await running(postgresql(PASSWORD));
      psql(origin, 'postgres', EXTRA);
      psql(origin, 'shop', SCHEMA(SIZE));
      const before = [pgChecksums(origin, 'shop'), pgChecksums(origin, 'ledger')];
      expect(Object.keys(before[0] ?? {}).length).toBeGreaterThan(4);
      const { appliance, disk, figures } = await backedUp({
        name: 'db',
        kind: 'postgresql',
        host: '127.0.0.1',
        port: origin.port,
        user: 'admin',
        password: { file: 'database.password' },
        databases: ['shop', 'ledger'],
      });
      const bytes = psql(origin, 'postgres', "SELECT pg_database_size('shop')");
      psql(origin, 'postgres', 'DROP DATABASE shop');
      psql(origin, 'postgres', 'DROP DATABASE ledger');

      const scratch = await running(postgresql(PASSWORD));
      const seconds = await restored(
        appliance,
        ...disk,
        '--source',
        'db',
        ...['--host', '127.0.0.1', '--port', String(scratch.port), '--user', 'admin'],
        ...['--password-file', appliance.at('database.password')],
      );
      expect([pgChecksums(scratch, 'shop'), pgChecksums(scratch, 'ledger')]).toEqual(before);
      // Who owns and may what, a sequence that goes on, a large object, an index that is used for a constraint.
      expect(psql(scratch, 'shop', "SELECT has_table_privilege('reader', 'shop.orders', 'SELECT')")).toBe('t');
      expect(psql(scratch, 'shop', "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'")).toBe('owner');
      expect(psql(scratch, 'shop', 'SELECT encode(lo_get(4711), $$hex$$)')).toBe('00ff10');
      expect(() => psql(scratch, 'shop', 'INSERT INTO shop.orders (customer) VALUES (-1)')).toThrow(/foreign key/);
      report('PostgreSQL', { bytes, ...figures, restoreSeconds: seconds, checksums: before });
    },
    LIMIT,
  );

  it.skipIf(!installed('mariadbd', 'mariadb-install-db', 'mariadb-dump', 'mariadb'))(
    'MariaDB: dumped, shipped, dropped, restored from the vault, equal table by table',
    async () => {
      const origin = await running(mariadb(PASSWORD));
      mysql(origin, '', MARIADB_SAMPLE(SIZE));
      const before = mariaChecksums(origin, 'shop');
      expect(Object.keys(before).length).toBeGreaterThan(2);
      const { appliance, disk, figures } = await backedUp({
        name: 'db',
        kind: 'mariadb',
        host: '127.0.0.1',
        port: origin.port,
        user: 'admin',
        password: { file: 'database.password' },
      });
      mysql(origin, '', 'DROP DATABASE shop');

      const scratch = await running(mariadb(PASSWORD));
      const seconds = await restored(
        appliance,
        ...disk,
        '--source',
        'db',
        ...['--host', '127.0.0.1', '--port', String(scratch.port), '--user', 'admin'],
        ...['--password-file', appliance.at('database.password')],
      );
      expect(mariaChecksums(scratch, 'shop')).toEqual(before);
      expect(mysql(scratch, 'shop', 'SELECT doubled(21)')).toBe('42');
      expect(mysql(scratch, '', "SHOW GRANTS FOR 'reader'@'%'")).toContain('GRANT SELECT ON `shop`.* TO `reader`@`%`');
      const has =
        "SELECT COUNT(*) FROM information_schema.TRIGGERS UNION ALL SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop'";
      expect(mysql(scratch, '', has).split('\n')).toContain('1');
      report('MariaDB', { ...figures, restoreSeconds: seconds, checksums: before });
    },
    LIMIT,
  );

  it(
    'SQLite: copied while somebody writes, shipped, restored from the vault, equal table by table',
    async () => {
      const path = join('/tmp', `pc-sqlite-${process.pid}-${Math.random().toString(36).slice(2)}.db`);
      const origin = new Database(path);
      const { rmSync } = await import('node:fs');
      cleanups.push(async () => ['', '-wal', '-shm'].map((end) => rmSync(path + end, { force: true })));
      origin.pragma('journal_mode = WAL');
      origin.pragma('synchronous = OFF');
      origin.exec(
        'CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, body TEXT, raw BLOB); CREATE INDEX by_customer ON orders (customer); CREATE VIEW recent AS SELECT * FROM orders WHERE id > 10',
      );
      origin
        .prepare(
          'INSERT INTO orders SELECT value, value % 100, hex(randomblob(200)), randomblob(500) FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT value FROM n)',
        )
        .run(Math.ceil(SIZE / 1000));
      const before = sqliteChecksums(origin);
      const { appliance, disk, figures } = await backedUp({ name: 'db', kind: 'sqlite', path });
      origin.exec('DELETE FROM orders');
      origin.close();
      const to = appliance.at('restored.db');
      const seconds = await restored(appliance, ...disk, '--source', 'db', '--to', to);
      const copy = new Database(to, { readonly: true });
      expect(sqliteChecksums(copy)).toEqual(before);
      expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
      copy.close();
      report('SQLite', { ...figures, restoreSeconds: seconds, checksums: before });
    },
    LIMIT,
  );

  it.skipIf(!installed('redis-server', 'redis-cli'))(
    'Redis: dumped, shipped, restored to a new server from the vault',
    async () => {
      const password = 'canary-7f3a redis';
      const origin = await running(redis(password));
      const access = { port: origin.port, password };
      const fill =
        "for i = 1, 20000 do redis.call('SET', 'k' .. i, string.rep(tostring(i), 40)) end redis.call('HSET', 'h', 'a', '1')";
      redisCli(access, 'EVAL', fill, '0');
      const digest = redisCli(access, 'DBSIZE');
      const appliance = await backedUpWith(password, {
        name: 'db',
        kind: 'redis',
        host: '127.0.0.1',
        port: origin.port,
        password: { file: 'database.password' },
      });
      redisCli(access, 'FLUSHALL');
      const { mkdtempSync } = await import('node:fs');
      const folder = mkdtempSync('/tmp/pc-redis-');
      await restored(appliance.appliance, ...appliance.disk, '--source', 'db', '--to', join(folder, 'dump.rdb'));
      const { chmodSync } = await import('node:fs');
      chmodSync(folder, 0o777);
      const scratch = await running(redis(password, folder));
      const copy = { port: scratch.port, password };
      expect(redisCli(copy, 'DBSIZE')).toBe(digest);
      expect(redisCli(copy, 'GET', 'k777')).toBe('777'.repeat(40));
      expect(redisCli(copy, 'HGETALL', 'h')).toBe('a\n1');
    },
    LIMIT,
  );

  it.skipIf(!installed('etcd', 'etcdctl'))(
    'etcd: snapshot, shipped, restored to a new member from the vault',
    async () => {
      const origin = await running(etcd());
      for (let index = 0; index < 20; index++) etcdctl(origin, 'put', `/app/${index}`, `value ${index}`);
      const before = etcdctl(origin, 'get', '--prefix', '/app');
      const { appliance, disk } = await backedUp({
        name: 'db',
        kind: 'etcd',
        endpoint: `http://127.0.0.1:${origin.port}`,
      });
      etcdctl(origin, 'del', '--prefix', '/app');
      const { mkdtempSync, chmodSync } = await import('node:fs');
      const folder = mkdtempSync('/tmp/pc-etcd-');
      chmodSync(folder, 0o777);
      await restored(appliance, ...disk, '--source', 'db', '--to', join(folder, 'data'));
      const scratch = await running(etcd(folder));
      expect(etcdctl(scratch, 'get', '--prefix', '/app')).toBe(before);
    },
    LIMIT,
  );
});

async function backedUpWith(password: string, source: Record<string, unknown>) {
  const appliance = new Appliance();
  cleanups.push(() => appliance.destroy());
  writeFileSync(appliance.at('database.password'), password, { mode: 0o600 });
  await appliance.create({ sources: [source] });
  await appliance.start();
  await appliance.until('a snapshot is committed', 120, async () => {
    const status = await appliance.status();
    const found = status?.sources[0]?.lastSnapshot;
    return found !== undefined && found !== null && status?.gate?.view.link === 'isolated' ? found : undefined;
  });
  await appliance.stop();
  return { appliance, disk: ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key')] };
}

function sqliteChecksums(database: Database.Database): Record<string, string> {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
    .pluck()
    .all() as string[];
  return Object.fromEntries(
    tables.map((table) => {
      const hash = createHash('sha256');
      for (const row of database.prepare(`SELECT * FROM "${table}" ORDER BY 1`).raw().iterate())
        for (const cell of row as unknown[]) hash.update(Buffer.isBuffer(cell) ? cell : String(cell)).update('\0');
      return [table, hash.digest('hex')];
    }),
  );
}
