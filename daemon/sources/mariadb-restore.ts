import type { Tools } from './database-tools.ts';
import type { DumpFile, RestoredDatabases } from './dump-file.ts';
import { HANDED } from './handed-file.ts';
import { ask, clientFile, type MariadbServer, programs } from './mariadb.ts';

const USERS = 'users.sql';

/** What every installation gives its own root, and nobody but root can give again. */
const ROOT_PROXY = /^GRANT PROXY ON ``@`%` TO `root`@.*$/gm;

async function* withoutRoot(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  yield Buffer.from(Buffer.concat(all).toString('utf8').replace(ROOT_PROXY, ''));
}

/**
 * Each database, and the users last: among them may be the one that restores, with another password. The client stops at the first error, and
 * takes no command of its own from a dump (`--binary-mode`).
 */
export async function restoreMariadb(
  tools: Tools,
  files: readonly DumpFile[],
  server: MariadbServer,
): Promise<RestoredDatabases> {
  const tables = await ask(
    tools,
    server,
    "SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') GROUP BY TABLE_SCHEMA",
  );
  const full = new Set(tables.map(([name = '']) => `databases/${encodeURIComponent(name)}.sql`));
  const restored: string[] = [];
  const notes: string[] = [];
  const ordered = [...files].sort((a, b) => Number(a.path === USERS) - Number(b.path === USERS));
  for (const file of ordered) {
    if (full.has(file.path))
      throw new Error(`the target has tables in the database of ${file.path}: drop it, or take an empty server`);
    await tools.text(
      [
        tools.program(programs(server.kind).client),
        `--defaults-file=${HANDED}`,
        '--batch',
        '--binary-mode',
        '--default-character-set=utf8mb4',
        '--max-allowed-packet=1G',
      ],
      { handed: clientFile(server), input: file.path === USERS ? withoutRoot(file.open()) : file.open() },
    );
    restored.push(file.path);
    if (file.path === USERS)
      notes.push('Users that were there already may have the passwords and grants of the dump now.');
  }
  return { restored, notes };
}
