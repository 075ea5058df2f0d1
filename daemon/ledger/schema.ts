import Database from 'better-sqlite3';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';

/** "PORT": tells a ledger from any other SQLite file. */
const APPLICATION_ID = 0x504f5254;

/** Step n brings a database of version n to n + 1. A released step never changes. */
const MIGRATIONS = [
  `CREATE TABLE entry (
     seq INTEGER PRIMARY KEY,
     wall INTEGER NOT NULL,
     type TEXT NOT NULL,
     data TEXT NOT NULL,
     previous BLOB NOT NULL,
     hash BLOB NOT NULL
   ) STRICT;
   CREATE INDEX entry_type ON entry (type, seq);`,
];

/**
 * Looks at the database before anything may write to it: a damaged one is kept as it was found, its log too. Throws
 * `ledger.damaged`, `ledger.newer` or `ledger.foreign`; an empty file is in order.
 */
export function checkDatabase(path: string): void {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    if (readVersion(db, path) === 0) return;
    const found = db.pragma('quick_check(1)', { simple: true });
    if (found !== 'ok') throw new PortcullisError('ledger.damaged', `The ledger at ${path} is damaged: ${found}.`);
    probe(db, path);
  } finally {
    db.close();
  }
}

/** Brings a checked database to this version. */
export function migrate(db: Database.Database, path: string): void {
  db.pragma('journal_mode = WAL');
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < readVersion(db, path)) continue;
    db.transaction(() => {
      db.exec(step);
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${index + 1}`);
    }).immediate();
  }
}

/** Opens for reading only, also while the daemon writes. Throws as `checkDatabase`, or `ledger.failed`. */
export function openReadOnly(path: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    if (readVersion(db, path) === 0)
      throw new PortcullisError('ledger.damaged', `The ledger at ${path} is empty: nothing was ever begun in it.`);
    return db;
  } catch (error) {
    db?.close();
    throw asLedgerError(error, `The ledger at ${path} cannot be read`);
  }
}

/** What SQLite throws, in our words: `ledger.damaged` for a broken file, otherwise `ledger.failed`. */
export function asLedgerError(error: unknown, what: string): PortcullisError {
  if (error instanceof PortcullisError) return error;
  const code = errnoOf(error) ?? '';
  const damaged = code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
  return new PortcullisError(damaged ? 'ledger.damaged' : 'ledger.failed', `${what}: ${reasonOf(error)}.`, {
    cause: error,
  });
}

/** A damaged schema passes SQLite's own checks, and then nothing could be written. */
function probe(db: Database.Database, path: string): void {
  try {
    db.prepare("SELECT seq, wall, type, data, previous, hash FROM entry INDEXED BY entry_type WHERE type = ''");
  } catch (error) {
    throw new PortcullisError('ledger.damaged', `The schema of the ledger at ${path} is damaged: ${reasonOf(error)}.`);
  }
}

function readVersion(db: Database.Database, path: string): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  const application = db.pragma('application_id', { simple: true });
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (version === 0 && application === 0 && tables === 0) return 0;
  if (application !== APPLICATION_ID)
    throw new PortcullisError('ledger.foreign', `The SQLite file at ${path} is not a Portcullis ledger.`);
  if (version > MIGRATIONS.length)
    throw new PortcullisError(
      'ledger.newer',
      `The ledger at ${path} has version ${version}; this program knows versions up to ${MIGRATIONS.length}.`,
    );
  return version;
}
