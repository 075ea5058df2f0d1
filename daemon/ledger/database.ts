import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { entryHash, GENESIS } from './chain.ts';
import { newest } from './newest.ts';
import type { LedgerEntry, PageQuery } from './ports.ts';
import { asLedgerError, checkDatabase, migrate } from './schema.ts';

/** An entry that has no place in the chain yet. `data` is canonical JSON. */
export interface Draft {
  readonly wall: number;
  readonly type: string;
  readonly data: string;
  readonly durable: boolean;
}

/** The place an entry got. */
export type Place = Pick<LedgerEntry, 'seq' | 'previous' | 'hash'>;

/** The one connection that writes. Synchronous: it lives in the worker thread. Throws `ledger.failed`/`ledger.damaged`. */
export class LedgerDatabase {
  readonly #db: Database.Database;

  /** Opens and migrates. Throws also `ledger.newer` and `ledger.foreign`, and has then changed nothing. */
  constructor(path: string) {
    this.#db = guard(`The ledger at ${path} cannot be opened`, () => {
      // Created here for its mode, which SQLite gives to its side files too.
      closeSync(openSync(path, 'a', 0o640));
      checkDatabase(path);
      const db = new Database(path);
      try {
        migrate(db, path);
      } catch (error) {
        db.close();
        throw error;
      }
      return db;
    });
  }

  /**
   * Appends all of them, in order, in one transaction, or none. With one durable entry among them the WAL is flushed to
   * the disk before this returns (synchronous FULL), and with it everything appended before. Without one, a power cut
   * may take the newest entries (synchronous NORMAL) but leaves the chain whole; a crash of the process takes nothing.
   */
  append(drafts: readonly Draft[]): Place[] {
    return guard('An entry cannot be written to the ledger', () => {
      this.#db.pragma(`synchronous = ${drafts.some((draft) => draft.durable) ? 'FULL' : 'NORMAL'}`);
      return this.#db
        .transaction(() => {
          // Read anew each time: after a failed batch nothing remembered here could be trusted.
          let last = this.#head();
          const insert = this.#db.prepare(
            'INSERT INTO entry (seq, wall, type, data, previous, hash) VALUES (?, ?, ?, ?, ?, ?)',
          );
          return drafts.map(({ wall, type, data }) => {
            const seq = (last?.seq ?? 0) + 1;
            const previous = last?.hash ?? GENESIS;
            const hash = entryHash({ seq, wall, type, previous }, data);
            insert.run(seq, wall, type, data, Buffer.from(previous, 'hex'), Buffer.from(hash, 'hex'));
            last = { seq, hash };
            return { seq, previous, hash };
          });
        })
        .immediate();
    });
  }

  /** Newest first. */
  page(query: PageQuery): LedgerEntry[] {
    return guard('The ledger cannot be read', () => newest(this.#db, query));
  }

  close(): void {
    this.#db.close();
  }

  #head(): { seq: number; hash: string } | undefined {
    const row = this.#db.prepare('SELECT seq, lower(hex(hash)) AS hash FROM entry ORDER BY seq DESC LIMIT 1').get();
    return row as { seq: number; hash: string } | undefined;
  }
}

function guard<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asLedgerError(error, what);
  }
}
