import { readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { ContentLost } from '../../daemon/base/entry.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { openSource, type SourceSettings } from '../../daemon/sources/open.ts';
import { contract } from './contract.ts';
import { fakeTool } from './fake-tools.ts';
import { never, pullAll, readAll, source, temporary } from './helpers.ts';
import { etcd, find, installed, postgresql, psql, redis, redisCli, type Server } from './servers.ts';

const PASSWORD = 'canary 7f3a';

/** Reads a source as seal does, and calls `during` at the first bytes of the file that matches. */
async function read(settings: SourceSettings, during: { readonly file: RegExp; act(): unknown }, workdir?: string) {
  const lost: Record<string, string> = {};
  const whole: string[] = [];
  try {
    const { entries } = await source(settings).pull({ workdir: workdir ?? (await temporary()), signal: never });
    for await (const entry of entries) {
      if (entry.kind !== 'file' || entry.content.from !== 'stream') continue;
      const path = String(entry.path);
      let acted = !during.file.test(path);
      try {
        for await (const _ of entry.content.open()) {
          if (!acted) await during.act();
          acted = true;
        }
        whole.push(path);
      } catch (error) {
        if (!(error instanceof ContentLost)) throw error;
        lost[path] = error.message;
      }
    }
    return { whole, lost, failure: '' };
  } catch (error) {
    return { whole, lost, failure: String(error) };
  }
}

const NOTHING = { file: /^$/, act() {} };

describe.skipIf(!installed('postgres', 'initdb', 'pg_dump', 'psql'))('PostgreSQL', () => {
  let server: Server;
  const settings = (more: object = {}) =>
    ({
      kind: 'postgresql',
      name: 'sample',
      host: '127.0.0.1',
      port: server.port,
      user: 'admin',
      password: Secret.fromText(PASSWORD),
      databases: ['app', 'other'],
      maintenance: 'postgres',
      accounts: true,
      timeout: '1h',
      ...more,
    }) as SourceSettings;

  beforeAll(async () => {
    server = await postgresql(PASSWORD);
    const access = { port: server.port, password: PASSWORD };
    psql(access, 'postgres', 'CREATE DATABASE app');
    psql(access, 'postgres', 'CREATE DATABASE other');
    psql(access, 'app', 'CREATE TABLE t AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 30000) g');
    psql(access, 'other', 'CREATE TABLE t (a int)');
    psql(access, 'postgres', "CREATE ROLE backup LOGIN PASSWORD 'canary 7f3a' IN ROLE pg_read_all_data");
    psql(access, 'postgres', "CREATE ROLE narrow LOGIN PASSWORD 'canary 7f3a'");
    psql(access, 'app', 'GRANT SELECT ON t TO narrow');
  }, 60_000);
  afterAll(() => server.destroy());

  it.each([
    ['backup', true, []],
    ['narrow', false, [expect.stringMatching(/without their passwords/)]],
  ])('is dumped by %s, who may only read; hashes of passwords are in it: %s', async (user, hashes, notes) => {
    const from = source(settings({ user, databases: ['app'] }));
    const workdir = await temporary();
    const { entries, facts } = await from.pull({ workdir, signal: never });
    const [globals, app] = await readAll({ entries, facts });
    expect(String(globals?.bytes)).toContain('CREATE ROLE backup');
    expect(String(globals?.bytes).includes('SCRAM-SHA-256')).toBe(hashes);
    expect(globals?.entry).toMatchObject({ secret: true });
    // A directory lies between.
    expect(app?.path).toBe('databases');
    expect(facts['notes']).toEqual(notes);
  });

  it('says what to do when the password is wrong, and does not say the password', async () => {
    const { failure } = await read(settings({ password: Secret.fromText('wrong-canary') }), NOTHING);
    expect(failure).toMatch(/correct `user` or `password`/);
    expect(failure).not.toContain('wrong-canary');
  });

  it('loses one database whose tool is killed in the middle, and keeps the other', async () => {
    const folder = await temporary();
    // The wrapper waits for the program, so that its own status says how that ended.
    fakeTool(
      folder,
      'pg_dump',
      `case "$*" in *"dbname='app'"*) ${find('pg_dump')} "$@" & echo $! > ${folder}/pid; wait $!; exit $?;; esac; exec ${find('pg_dump')} "$@"`,
    );
    for (const name of ['psql', 'pg_dumpall', 'pg_restore']) fakeTool(folder, name, `exec ${find(name)} "$@"`);
    const killed = await read(settings({ tools: folder }), {
      file: /app/,
      act: () => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL'),
    });
    expect(killed).toMatchObject({ whole: ['globals.sql', 'databases/other.dump'], failure: '' });
    expect(killed.lost['databases/app.dump']).toMatch(/exited with status 137/);
  });

  it('loses a database that is cut short although its tool says it is done', async () => {
    const folder = await temporary();
    fakeTool(
      folder,
      'pg_dump',
      `case "$*" in *"dbname='app'"*) ${find('pg_dump')} "$@" 2>/dev/null | head -c 3000000; exit 0;; esac; exec ${find('pg_dump')} "$@"`,
    );
    for (const name of ['psql', 'pg_dumpall', 'pg_restore']) fakeTool(folder, name, `exec ${find(name)} "$@"`);
    const { lost, whole } = await read(settings({ tools: folder }), NOTHING);
    expect(whole).toEqual(['globals.sql', 'databases/other.dump']);
    expect(lost['databases/app.dump']).toMatch(/end of file/);
  });

  it('fails when the server is killed in the middle and nothing else is whole', async () => {
    const { failure, whole } = await read(settings({ databases: ['app'] }), { file: /app/, act: () => server.kill() });
    expect(failure).toMatch(/source\.failed/);
    expect(whole).toEqual(['globals.sql']);
  });
});

describe.skipIf(!installed('etcd', 'etcdctl'))('etcd', () => {
  it('fails when its tool finds no room, and leaves nothing in the working folder', async () => {
    const server = await etcd();
    try {
      const folder = await temporary();
      fakeTool(folder, 'etcdctl', `ulimit -f 8; exec ${find('etcdctl')} "$@"`);
      const workdir = await temporary();
      const settings = {
        kind: 'etcd' as const,
        name: 'sample',
        endpoint: `http://127.0.0.1:${server.port}`,
        tools: folder,
        timeout: '1h',
      };
      const { failure } = await read(settings, NOTHING, workdir);
      expect(failure).toMatch(/source\.failed/);
      expect(readdirSync(workdir)).toEqual([]);
    } finally {
      await server.destroy();
    }
  });
});

describe.skipIf(!installed('redis-server', 'redis-cli'))('Redis', () => {
  let server: Server;
  beforeAll(async () => {
    server = await redis(PASSWORD);
    const access = { port: server.port, password: PASSWORD };
    redisCli(access, 'EVAL', "for i = 1, 30000 do redis.call('SET', 'k' .. i, string.rep(tostring(i), 40)) end", '0');
    redisCli(
      access,
      'ACL',
      'SETUSER',
      'backup',
      'on',
      `>${PASSWORD}`,
      '+ping',
      '+info',
      '+sync',
      '+psync',
      '+replconf',
    );
  }, 60_000);
  afterAll(() => server.destroy());
  const settings = (more: object = {}) =>
    ({
      kind: 'redis',
      name: 'sample',
      host: '127.0.0.1',
      port: server.port,
      user: 'backup',
      password: Secret.fromText(PASSWORD),
      timeout: '1h',
      ...more,
    }) as SourceSettings;

  it('is dumped by a user who may only replicate, without the mark of a diskless transfer', async () => {
    const [file] = await pullAll(source(settings()), await temporary());
    expect(file?.bytes?.toString('latin1', 0, 5)).toBe('REDIS');
    expect(file?.bytes?.at(-9)).toBe(0xff);
  });

  it.each([
    ['cut short', 'head -c 100000'],
    ['damaged', "tr '7' '8'"],
  ])('is lost when the dump is %s although the tool says it is done', async (_, filter) => {
    const folder = await temporary();
    fakeTool(
      folder,
      'redis-cli',
      `case "$*" in *--rdb*) ${find('redis-cli')} "$@" 2>/dev/null | ${filter}; exit 0;; esac; exec ${find('redis-cli')} "$@"`,
    );
    expect((await read(settings({ tools: folder }), NOTHING)).failure).toMatch(/cut short or damaged/);
  });

  it('says what to do when the password is wrong', async () => {
    const { failure } = await read(settings({ password: Secret.fromText('wrong-canary') }), NOTHING);
    expect(failure).toMatch(/correct `user` or `password`/);
    expect(failure).not.toContain('wrong-canary');
  });
});

contract('sqlite', async () => {
  const path = join(await temporary(), 'app.db');
  const database = new Database(path);
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES ('x')");
  database.close();
  return {
    source: openSource(
      { kind: 'sqlite', name: 'sample', path, timeout: '1h' },
      { environment: process.env, clock: { ...systemClock, wall: () => 1_800_000_000_000 }, log: silentLog },
    ),
    vanish: () => rm(path),
  };
});

describe('SQLite', () => {
  it('is copied as it was in one moment, while somebody goes on writing', async () => {
    const path = join(await temporary(), 'app.db');
    const writer = new Database(path);
    writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER, filler BLOB); CREATE TABLE total (n INTEGER)');
    writer.exec('INSERT INTO total VALUES (0)');
    const insert = writer.prepare('INSERT INTO t VALUES (1, randomblob(4000))');
    const add = writer.transaction((times: number) => {
      for (let time = 0; time < times; time++) insert.run();
      writer.prepare('UPDATE total SET n = n + ?').run(times);
    });
    add(10_000);
    let busy = true;
    const writing = (async () => {
      while (busy) {
        add(5);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const [file] = await pullAll(source({ kind: 'sqlite', name: 'sample', path, timeout: '1h' }), await temporary());
    busy = false;
    await writing;
    writer.close();
    const restored = join(await temporary(), 'restored.db');
    await writeFile(restored, file?.bytes ?? '');
    const copy = new Database(restored);
    expect(copy.prepare('SELECT (SELECT count(*) FROM t) - (SELECT n FROM total) AS left').pluck().get()).toBe(0);
    copy.close();
  });

  it('fails when the file is no database, and leaves nothing in the working folder', async () => {
    const path = join(await temporary(), 'app.db');
    await writeFile(path, 'x'.repeat(10_000));
    const workdir = await temporary();
    const { failure } = await read({ kind: 'sqlite', name: 'sample', path, timeout: '1h' }, NOTHING, workdir);
    expect(failure).toMatch(/source\.failed/);
    expect(readdirSync(workdir)).toEqual([]);
  });

  it('begins anew where a killed seal left half a copy', async () => {
    const path = join(await temporary(), 'app.db');
    const database = new Database(path);
    database.exec("CREATE TABLE t (a); INSERT INTO t VALUES ('x')");
    database.close();
    const workdir = await temporary();
    for (const end of ['', '-journal', '-wal']) await writeFile(join(workdir, `copy.db${end}`), 'half of a copy');
    const [file] = await pullAll(source({ kind: 'sqlite', name: 'sample', path, timeout: '1h' }), workdir);
    // The header counts how often the schema was written.
    expect(file?.bytes?.subarray(100).equals(readFileSync(path).subarray(100))).toBe(true);
    expect(readdirSync(workdir)).toEqual([]);
  });
});
