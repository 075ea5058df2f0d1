import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { canonical } from '../../daemon/base/canonical.ts';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { entryHash } from '../../daemon/ledger/chain.ts';
import { type Verification, verifyLedger } from '../../daemon/ledger/verify.ts';
import { temporaryDirectory, writtenLedger } from './helpers.ts';

const COUNT = 30;

/** What an operator would be told, whichever way it comes. */
type Told = Verification | { readonly ok: false; readonly kind: 'refused'; readonly code: string };

async function verifyBytes(bytes: Buffer, directory: string): Promise<Told> {
  const path = join(directory, 'altered.db');
  await writeFile(path, bytes);
  try {
    return verifyLedger(path);
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    return { ok: false, kind: 'refused', code: error.code };
  }
}

/** A ledger whose file holds each entry once: moving cells between pages leaves stale copies of them behind. */
async function compactLedger(): Promise<string> {
  const path = await writtenLedger(COUNT);
  const db = new Database(path);
  db.pragma('secure_delete = ON');
  db.exec('VACUUM');
  db.close();
  return path;
}

/** Where each column of entry `seq` lies in the file. The ledger has been closed: everything is in the main file. */
function columnsOf(bytes: Buffer, path: string, seq: number): { name: string; from: number; length: number }[] {
  const db = new Database(path, { readonly: true });
  const row = db.prepare('SELECT * FROM entry WHERE seq = ?').get(seq) as {
    type: string;
    data: string;
    previous: Buffer;
    hash: Buffer;
  };
  db.close();
  const type = Buffer.from(row.type);
  const data = Buffer.from(row.data);
  const record = Buffer.concat([type, data, row.previous, row.hash]);
  const at = bytes.indexOf(record);
  expect(at).toBeGreaterThan(0);
  expect(bytes.indexOf(record, at + 1)).toBe(-1);
  // The time is the 6-byte integer right before the type.
  return [
    { name: 'wall', from: at - 6, length: 6 },
    { name: 'type', from: at, length: type.length },
    { name: 'data', from: at + type.length, length: data.length },
    { name: 'previous', from: at + type.length + data.length, length: 32 },
    { name: 'hash', from: at + type.length + data.length + 32, length: 32 },
  ];
}

test.each([1, 2, 17, COUNT])('any byte of entry %i, with one bit flipped, names that entry', async (seq) => {
  const path = await compactLedger();
  const directory = await temporaryDirectory();
  const whole = await readFile(path);
  let flips = 0;
  for (const { name, from, length } of columnsOf(whole, path, seq)) {
    for (let at = from; at < from + length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const told = await verifyBytes(bytes, directory);
      expect(told, `${name}, byte ${at - from}`).toMatchObject({ ok: false, kind: 'entry', seq });
      flips += 1;
    }
  }
  expect(flips).toBeGreaterThan(120);
});

test('a flip anywhere in the file is named, called damage, or harmless: never a crash, never a wrong entry', {
  timeout: 120_000,
}, async () => {
  const path = await compactLedger();
  const directory = await temporaryDirectory();
  const whole = await readFile(path);
  const honest = verifyLedger(path);
  const tally = { entry: 0, database: 0, refused: 0, harmless: 0 };
  // A prime stride reaches every page and every kind of byte; the bit walks with it.
  for (let at = 0; at < whole.length; at += 7) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const told = await verifyBytes(bytes, directory);
    if (told.ok) {
      expect(told, `byte ${at}`).toEqual(honest);
      tally.harmless += 1;
    } else {
      tally[told.kind] += 1;
      if (told.kind === 'entry') expect(told.seq).toBeLessThanOrEqual(COUNT + 1);
    }
  }
  expect(tally.entry).toBeGreaterThan(400);
  expect(tally.database).toBeGreaterThan(10);
  expect(tally.refused).toBeGreaterThan(0);
});

test('a file cut short is damage, at whatever length', async () => {
  const path = await writtenLedger(COUNT);
  const directory = await temporaryDirectory();
  const whole = await readFile(path);
  for (let length = 0; length < whole.length; length += 509) {
    expect(await verifyBytes(whole.subarray(0, length), directory), `${length} bytes`).toMatchObject({ ok: false });
  }
});

/** Alters a ledger through SQL, as somebody with the file and a shell would. */
async function altered(sql: (db: Database.Database) => void, expectHead?: string): Promise<Verification> {
  const path = await writtenLedger(COUNT);
  const db = new Database(path);
  sql(db);
  db.close();
  return verifyLedger(path, expectHead);
}

test('an entry deleted is missing', async () => {
  const found = await altered((db) => db.exec('DELETE FROM entry WHERE seq = 9'));
  expect(found).toEqual({ ok: false, kind: 'entry', seq: 9, why: expect.stringContaining('missing') });
});

test('the first entries deleted are missing', async () => {
  expect(await altered((db) => db.exec('DELETE FROM entry WHERE seq < 5'))).toMatchObject({ ok: false, seq: 1 });
});

test('an entry rewritten with a hash that fits it breaks the chain after it', async () => {
  const found = await altered((db) => {
    const row = db.prepare('SELECT * FROM entry WHERE seq = 12').get() as {
      seq: number;
      wall: number;
      type: string;
      previous: Buffer;
    };
    const data = canonical({ note: 'nothing happened here' });
    const hash = entryHash({ ...row, previous: row.previous.toString('hex') }, data);
    db.prepare('UPDATE entry SET data = ?, hash = ? WHERE seq = 12').run(data, Buffer.from(hash, 'hex'));
  });
  expect(found).toEqual({
    ok: false,
    kind: 'entry',
    seq: 13,
    why: expect.stringContaining('does not follow entry 12'),
  });
});

test('data written another way, meaning the same, is altered', async () => {
  const found = await altered((db) =>
    db.exec(`UPDATE entry SET data = replace(data, '"number"', '"\\u006eumber"') WHERE seq = 4`),
  );
  expect(found).toMatchObject({ ok: false, seq: 4, why: expect.stringContaining('does not match') });
});

test('data that is not canonical is named, even under a hash of what stands there', async () => {
  const found = await altered((db) => {
    const row = db.prepare('SELECT * FROM entry WHERE seq = ?').get(COUNT) as {
      seq: number;
      wall: number;
      type: string;
      previous: Buffer;
    };
    const data = '{ "note": "spaced" }';
    const hash = entryHash({ ...row, previous: row.previous.toString('hex') }, data);
    db.prepare('UPDATE entry SET data = ?, hash = ? WHERE seq = ?').run(data, Buffer.from(hash, 'hex'), COUNT);
  });
  expect(found).toMatchObject({ ok: false, seq: COUNT });
});

test('data that is no JSON is named', async () => {
  const found = await altered((db) => db.exec(`UPDATE entry SET data = '{"number":' WHERE seq = 6`));
  expect(found).toMatchObject({ ok: false, seq: 6, why: expect.stringContaining('not JSON') });
});

test('a tail cut off is found where a head was written down, and only there', async () => {
  const path = await writtenLedger(COUNT);
  const whole = verifyLedger(path);
  const head = whole.ok ? whole.head : '';
  const cut = (db: Database.Database) => void db.exec('DELETE FROM entry WHERE seq > 20');
  expect(verifyLedger(path, head)).toMatchObject({ ok: true });
  expect(await altered(cut)).toMatchObject({ ok: true, entries: 20 });
  expect(await altered(cut, head)).toMatchObject({ ok: false, kind: 'entry', seq: 21 });
});

test('a head written down earlier still holds after the ledger has grown', async () => {
  const path = await writtenLedger(COUNT);
  const db = new Database(path, { readonly: true });
  const hash = db.prepare('SELECT lower(hex(hash)) FROM entry WHERE seq = 10').pluck().get() as string;
  db.close();
  expect(verifyLedger(path, hash)).toMatchObject({ ok: true, entries: COUNT });
});
