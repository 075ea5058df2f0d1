import type Database from 'better-sqlite3';
import type { LedgerEntry, PageQuery } from './ports.ts';
import { entryOf, type Row } from './row.ts';
import { asLedgerError, openReadOnly } from './schema.ts';

/** Newest first. Each type by its own index, so that a rare one costs no search through the others. */
export function newest(db: Database.Database, query: PageQuery): LedgerEntry[] {
  const { before = Number.MAX_SAFE_INTEGER, limit, type, source } = query;
  const bySource = source === undefined ? '' : "AND json_extract(data, '$.source') = @source";
  const select = (byType: string, values: object) =>
    db
      .prepare(`SELECT * FROM entry WHERE seq < @before ${byType} ${bySource} ORDER BY seq DESC LIMIT @limit`)
      .all({ before, limit, ...(source === undefined ? {} : { source }), ...values }) as Row[];
  const types = typeof type === 'string' ? [type] : type;
  const rows = types?.flatMap((each) => select('AND type = @type', { type: each })) ?? select('', {});
  return rows
    .sort((a, b) => b.seq - a.seq)
    .slice(0, limit)
    .map(entryOf);
}

/** The same of the ledger at `path`, also while the daemon writes. Errors as `openReadOnly`. */
export function readNewest(path: string, query: PageQuery): LedgerEntry[] {
  const db = openReadOnly(path);
  try {
    return newest(db, query);
  } catch (error) {
    throw asLedgerError(error, 'The ledger cannot be read');
  } finally {
    db.close();
  }
}
