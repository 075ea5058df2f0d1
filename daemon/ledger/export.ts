import { canonical } from '../base/canonical.ts';
import { entryOf } from './row.ts';
import { asLedgerError, openReadOnly } from './schema.ts';

const AT_ONCE = 500;

/**
 * Hands the ledger at `path` to `write`, oldest first, one line of canonical JSON with a newline for each entry, all six
 * fields. Reads in small steps, so that a slow `write` does not hold up the daemon. Resolves with the number of entries.
 * Errors as `openReadOnly`, and whatever `write` throws.
 */
export async function exportLedger(path: string, write: (line: string) => void | Promise<void>): Promise<number> {
  const db = openReadOnly(path);
  try {
    const rows = db.prepare('SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?');
    let after = 0;
    let entries = 0;
    for (;;) {
      const page = readPage(() => rows.all(after, AT_ONCE) as Parameters<typeof entryOf>[0][]);
      for (const row of page) {
        await write(`${canonical({ ...entryOf(row) })}\n`);
        after = row.seq;
        entries += 1;
      }
      if (page.length < AT_ONCE) return entries;
    }
  } finally {
    db.close();
  }
}

function readPage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asLedgerError(error, 'The ledger cannot be exported');
  }
}
