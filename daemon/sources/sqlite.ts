import { createReadStream, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Preset } from './database.ts';
import { checked } from './dump-checks.ts';

export interface SqliteOptions {
  /** The database's file. */
  readonly path: string;
}

/** Pages copied before anybody else gets a turn. */
const PAGES = 2048;
/** How long a writer is waited for. */
const BUSY_MS = 60_000;

/**
 * A database in one file, copied while others use it. One read transaction lasts from the first page to the last, so the copy is of one moment, and
 * no writer makes it begin again. The copy lies in the working folder until it has been read, and `PRAGMA integrity_check` has judged it.
 */
export function sqlitePreset({ path }: SqliteOptions): Preset {
  async function* backup(workdir: string, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    const copy = join(workdir, 'copy.db');
    const clear = () => Promise.all(['', '-journal', '-wal', '-shm'].map((end) => rm(copy + end, { force: true })));
    await clear();
    try {
      const origin = openExisting(path);
      try {
        origin.exec('BEGIN');
        // The transaction begins with the first read.
        origin.prepare('SELECT count(*) FROM sqlite_schema').get();
        await origin.backup(copy, {
          progress() {
            signal.throwIfAborted();
            return PAGES;
          },
        });
      } finally {
        origin.close();
      }
      signal.throwIfAborted();
      checkIntegrity(copy);
      yield* checked(createReadStream(copy, { highWaterMark: 1 << 20 }));
    } finally {
      await clear();
    }
  }

  return {
    advice: [
      [/locked|busy/i, 'A program held the database for a minute without letting go of it'],
      [
        /unable to open database file|readonly database|SQLITE_CANTOPEN|EACCES/,
        'The file cannot be read: this user needs to read it, and, where it is in WAL mode, to write the -shm file beside it',
      ],
      [/not a database|malformed|integrity/, 'The database itself is damaged: no snapshot is made of it'],
    ],
    secrets: [],
    async survey(tools) {
      const origin = openExisting(path);
      let version: string;
      let bytes: number;
      let mode: string;
      try {
        version = (origin.prepare('SELECT sqlite_version() AS version').get() as { version: string }).version;
        mode = origin.pragma('journal_mode', { simple: true }) as string;
        const pages = origin.pragma('page_count', { simple: true }) as number;
        bytes = pages * (origin.pragma('page_size', { simple: true }) as number);
      } finally {
        origin.close();
      }
      const name = basename(path);
      return {
        server: `SQLite file in ${mode} mode`,
        tool: `SQLite ${version}`,
        notes: mode === 'wal' ? [] : ['Not in WAL mode: who writes waits while the copy is made.'],
        dumps: [
          {
            file: name,
            what: `database ${name}`,
            data: true,
            database: { name, serverBytes: bytes },
            open: () => backup(tools.workdir, tools.signal),
          },
        ],
      };
    },
  };
}

function openExisting(path: string): Database.Database {
  if (!existsSync(path)) throw new Error(`There is no file ${path}`);
  return new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
}

/** Throws unless SQLite finds no fault in the database at `path`. Blocks while it looks. */
export function checkIntegrity(path: string): void {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const found = database.pragma('integrity_check', { simple: true });
    if (found !== 'ok') throw new Error(`integrity_check: ${String(found).slice(0, 500)}`);
  } finally {
    database.close();
  }
}
