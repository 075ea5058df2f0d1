import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { ContentLost, type Entry } from '../../daemon/base/entry.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { restoreDatabase } from '../../daemon/sources/database-restore.ts';
import { run } from '../../daemon/sources/program.ts';
import { fakeTool } from './fake-tools.ts';
import { eventually, never, processesMarked, source, temporary } from './helpers.ts';

const TOKEN = 'canary-7f3a:\\"x';

interface Outcome {
  readonly files: Record<string, string>;
  readonly lost: Record<string, string>;
  readonly failure?: string;
  readonly facts?: Record<string, unknown>;
}

/** Reads a source as seal does: what is lost alone is a problem, anything else is the end. */
async function sealed(from: ReturnType<typeof source>, signal = never): Promise<Outcome> {
  const files: Record<string, string> = {};
  const lost: Record<string, string> = {};
  try {
    const { entries, facts } = await from.pull({ workdir: await temporary(), signal });
    for await (const entry of entries) {
      if (entry.kind !== 'file' || entry.content.from !== 'stream') continue;
      const path = String(entry.path);
      try {
        let text = '';
        for await (const chunk of entry.content.open()) text += chunk.toString('latin1');
        files[path] = text;
      } catch (error) {
        if (!(error instanceof ContentLost)) throw error;
        lost[path] = error.message;
      }
    }
    return { files, lost, facts };
  } catch (error) {
    return { files, lost, failure: String(error) };
  }
}

const ANSWER = JSON.stringify({
  version: '15.18',
  number: 150018,
  passwords: true,
  databases: [
    { name: 'app', bytes: 10 },
    { name: 'odd/na me', bytes: null },
  ],
});
const GLOBALS = 'CREATE ROLE a;\\n\\n--\\n-- PostgreSQL database cluster dump complete\\n--\\n\\n';

/** PostgreSQL's programs, as scripts. */
async function fakePostgresql(dump: string, more: Record<string, string> = {}) {
  const folder = await temporary();
  const version = (name: string, then: string) =>
    `[ "$1" = --version ] && { echo '${name} (PostgreSQL) 15.18'; exit; }\n${then}`;
  const tools: Record<string, string> = {
    psql: `cat <<'END'\n${ANSWER}\nEND`,
    pg_dumpall: `printf '${GLOBALS}'`,
    pg_dump: version('pg_dump', dump),
    pg_restore: 'cat > /dev/null',
    ...more,
  };
  for (const [name, script] of Object.entries(tools)) fakeTool(folder, name, script);
  return { folder, from: (databases: readonly string[] = []) => server(folder, databases) };
}

function server(tools: string, databases: readonly string[]) {
  return source({
    kind: 'postgresql',
    name: 'sample',
    host: 'db',
    port: 5432,
    user: "b'ackup",
    password: Secret.fromText(TOKEN),
    databases,
    maintenance: 'postgres',
    accounts: true,
    tools,
    timeout: '1h',
  });
}

describe('dumps of a database server', () => {
  it('are a file for each database, and one for roles, each path once, whatever a database is called', async () => {
    const { from } = await fakePostgresql('echo dump');
    const { files, lost, facts } = await sealed(from());
    expect(Object.keys(files)).toEqual(['globals.sql', 'databases/app.dump', 'databases/odd%2Fna%20me.dump']);
    expect(lost).toEqual({});
    expect(facts).toMatchObject({
      preset: 'postgresql',
      server: 'PostgreSQL 15.18',
      tool: 'pg_dump 15.18',
      databases: [
        { name: 'app', file: 'databases/app.dump', bytes: 5, serverBytes: 10 },
        { name: 'odd/na me', bytes: 5 },
      ],
    });
  });

  it('have passwords in neither arguments nor environment nor a file that has a name', async () => {
    const { folder, from } = await fakePostgresql(
      `f=$(dirname "$0"); tr '\\0' ' ' < /proc/$$/cmdline > $f/seen; tr '\\0' '\\n' < /proc/$$/environ >> $f/seen
       cat "$PGPASSFILE" > $f/handed; readlink /proc/self/fd/3 > $f/link; cat /dev/fd/3 > $f/again; echo dump`,
    );
    const { files } = await sealed(from());
    expect(Object.keys(files)).toHaveLength(3);
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    expect(read('seen')).toContain("user='b\\'ackup'");
    expect(read('seen')).not.toContain('7f3a');
    expect(read('handed')).toBe('*:*:*:*:canary-7f3a\\:\\\\"x\n');
    expect(read('again')).toBe(read('handed'));
    expect(read('link')).toMatch(/\(deleted\)\n$/);
    if (existsSync('/dev/shm'))
      expect(readdirSync('/dev/shm').filter((name) => name.startsWith('.portcullis-'))).toEqual([]);
  });

  it('that are lost are problems of their files, and the others remain', async () => {
    const { from } = await fakePostgresql(
      `case "$*" in *"dbname='app'"*) echo half; echo 'disk full' >&2; exit 1;; esac; echo dump`,
    );
    const { files, lost } = await sealed(from());
    expect(Object.keys(files)).toEqual(['globals.sql', 'databases/odd%2Fna%20me.dump']);
    expect(Object.keys(lost)).toEqual(['databases/app.dump']);
    expect(lost['databases/app.dump']).toMatch(/^database app: .*exited with status 1: disk full/);
  });

  it.each([
    ['every program is killed', 'echo half; kill -9 $$', /killed by SIGKILL/],
    ['nothing is printed', 'exit 0', /printed nothing/],
    [
      'a password is repeated',
      `echo "no ${TOKEN.replaceAll('\\', '\\\\\\\\').replace('"', '\\"')} here" >&2; exit 1`,
      /\*\*\* here/,
    ],
    [
      'the password is wrong',
      'echo "FATAL: password authentication failed" >&2; exit 1',
      /correct `user` or `password`/,
    ],
  ])('fail the source when %s and no data remains', async (_, dump, what) => {
    const { from } = await fakePostgresql(dump);
    const { failure } = await sealed(from());
    expect(failure).toMatch(/source\.failed/);
    expect(failure).toMatch(what);
    expect(failure).not.toContain('7f3a');
  });

  it('fail the source at once when there is only one', async () => {
    const { folder } = await fakePostgresql('exit 1');
    const only = source({ ...settingsOf(folder), accounts: false, databases: ['app'] });
    expect(await sealed(only)).toMatchObject({ lost: {}, failure: expect.stringMatching(/source\.failed/) });
  });

  it('are lost when what reads them along finds them cut short, although the program exited with 0', async () => {
    const { from } = await fakePostgresql('echo half', {
      pg_restore: 'cat > /dev/null; echo "could not read from input file: end of file" >&2; exit 1',
    });
    expect((await sealed(from())).failure).toMatch(/could not read from input file: end of file/);
  });

  it('without their end marker are lost, although the program exited with 0', async () => {
    const { from } = await fakePostgresql('echo dump', { pg_dumpall: "printf 'CREATE ROLE a;\\n'" });
    const { lost, files } = await sealed(from());
    expect(lost['globals.sql']).toMatch(/no end marker/);
    expect(Object.keys(files)).toHaveLength(2);
  });

  it('are not begun with a tool that is older than the server', async () => {
    const { from } = await fakePostgresql('echo dump', {
      psql: `cat <<'END'\n${ANSWER.replace('150018', '170002').replace('15.18', '17.2')}\nEND`,
    });
    expect((await sealed(from())).failure).toMatch(
      /PostgreSQL 17\.2, and pg_dump is 15\.18.*install postgresql-client-17.*`tools`/,
    );
  });

  it('say which package is missing', async () => {
    expect((await sealed(server(await temporary(), []))).failure).toMatch(
      /pg_dump could not be started \(ENOENT\): install postgresql-client, or name its folder with `tools`/,
    );
  });

  it('end at a trip, with everything they started', async () => {
    const mark = await temporary();
    const { from } = await fakePostgresql(`echo half; : ${mark}; exec sleep 1000`, {
      pg_restore: `exec sh -c 'cat > /dev/null; : ${mark}'`,
    });
    const stop = new AbortController();
    const { entries } = await from().pull({ workdir: mark, signal: stop.signal });
    const files: Entry[] = [];
    const reading = (async () => {
      for await (const entry of entries) {
        files.push(entry);
        if (entry.kind !== 'file' || entry.content.from !== 'stream' || String(entry.path) === 'globals.sql') continue;
        for await (const _ of entry.content.open()) stop.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'source.stopped' });
    await eventually(() => processesMarked(mark).length === 0);
  });
});

function settingsOf(tools: string) {
  return {
    kind: 'postgresql' as const,
    name: 'sample',
    host: 'db',
    port: 5432,
    user: 'backup',
    databases: [] as string[],
    maintenance: 'postgres',
    accounts: true,
    tools,
    timeout: '1h',
  };
}

describe('dumps of MariaDB', () => {
  const make = async (dump: string) => {
    const folder = await temporary();
    fakeTool(folder, 'mariadb', "printf 'version\\t10.11.19-MariaDB\\ndatabase\\tapp\\t100\\t2\\n'");
    fakeTool(
      folder,
      'mariadb-dump',
      `[ "$1" = --version ] && { echo 'mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB'; exit; }\n${dump}`,
    );
    return source({ ...settingsOf(folder), kind: 'mariadb', port: 3306, password: Secret.fromText(TOKEN) });
  };

  it('say which tables are not of one moment', async () => {
    const { facts, files } = await sealed(await make("printf 'x;\\n-- Dump completed\\n'"));
    expect(Object.keys(files)).toEqual(['users.sql', 'databases/app.sql']);
    expect(facts).toMatchObject({
      server: 'MariaDB 10.11.19-MariaDB',
      notes: [expect.stringMatching(/2 tables of app/)],
    });
  });

  it.each([
    ['are cut short with status 0', "printf 'INSERT INTO t VALUES (1);\\n'", /no end marker/],
    [
      'lack a routine',
      "printf 'x\\n-- insufficient privileges to SHOW CREATE FUNCTION `f`\\n-- Dump completed\\n'",
      /a routine is missing/,
    ],
    [
      'lose the server',
      'echo half; echo "Lost connection to server during query" >&2; exit 3',
      /ended the connection before/,
    ],
  ])('are lost when they %s', async (_, dump, what) => {
    expect((await sealed(await make(dump))).failure).toMatch(what);
  });
});

describe('a restore', () => {
  it('kills the program when a dump cannot be read to its end, and says why', async () => {
    const folder = await temporary();
    fakeTool(folder, 'mariadb', `case "$*" in *execute*) exit 0;; esac; cat > /dev/null; echo ended > ${folder}/ended`);
    const restoring = restoreDatabase({
      preset: 'mariadb',
      files: [
        {
          path: 'databases/app.sql',
          async *open() {
            yield Buffer.from('INSERT');
            throw new Error('the vault is gone');
          },
        },
      ],
      target: { kind: 'server', host: 'db', port: 1, user: 'root' },
      tools: folder,
      workdir: folder,
      environment: process.env,
      clock: systemClock,
      signal: never,
    });
    await expect(restoring).rejects.toThrow(/the vault is gone/);
    expect(existsSync(join(folder, 'ended'))).toBe(false);
  });

  it('of a file leaves nothing when what is restored is no database', async () => {
    const folder = await temporary();
    const to = join(folder, 'app.db');
    const restoring = restoreDatabase({
      preset: 'sqlite',
      files: [
        {
          path: 'app.db',
          open: async function* () {
            yield Buffer.alloc(4096, 1);
          },
        },
      ],
      target: { kind: 'path', path: to },
      workdir: folder,
      environment: process.env,
      clock: systemClock,
      signal: never,
    });
    await expect(restoring).rejects.toMatchObject({ code: 'restore.failed' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not write over what is there', async () => {
    const folder = await temporary();
    await writeFile(join(folder, 'app.db'), 'mine');
    const restoring = restoreDatabase({
      preset: 'sqlite',
      files: [
        {
          path: 'app.db',
          open: async function* () {
            yield Buffer.alloc(1);
          },
        },
      ],
      target: { kind: 'path', path: join(folder, 'app.db') },
      workdir: folder,
      environment: process.env,
      clock: systemClock,
      signal: never,
    });
    await expect(restoring).rejects.toMatchObject({ code: 'vault.destination' });
    expect(readFileSync(join(folder, 'app.db'), 'utf8')).toBe('mine');
  });
});

describe('a program that is given its input', () => {
  const given = async (script: string, chunks: readonly string[]) => {
    let said = '';
    const input = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk);
    })();
    for await (const chunk of run({
      command: ['sh', '-c', script],
      environment: process.env,
      signal: never,
      clock: systemClock,
      input,
    }))
      said += chunk;
    return said;
  };

  it('reads all of it', async () => {
    const text = 'x'.repeat(300_000);
    expect(await given('wc -c', [text, text])).toContain('600000');
  });

  it('fails when it ends well before it has read all', async () => {
    await expect(given('exit 0', Array(100).fill('x'.repeat(100_000)))).rejects.toThrow(
      /did not read its input to the end/,
    );
  });

  it('says how it ended when it fails before it has read all', async () => {
    await expect(given('exit 3', Array(100).fill('x'.repeat(100_000)))).rejects.toThrow(/exited with status 3/);
  });
});
