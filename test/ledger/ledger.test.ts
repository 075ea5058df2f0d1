import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { canonical } from '../../daemon/base/canonical.ts';
import { isoTime } from '../../daemon/base/clock.ts';
import { entryHash, GENESIS } from '../../daemon/ledger/chain.ts';
import { exportLedger } from '../../daemon/ledger/export.ts';
import { verifyLedger } from '../../daemon/ledger/verify.ts';
import { ledgerAt, temporaryDirectory, writtenLedger } from './helpers.ts';

test('appends chain in the order of their calls, over batches and over a restart', async () => {
  const path = join(await temporaryDirectory(), 'state', 'ledger.db');
  const first = ledgerAt(path);
  await first.start();
  const entries = await Promise.all(
    Array.from({ length: 700 }, (_, index) => first.append('t', { index }, { durable: index % 5 === 0 })),
  );
  await first.stop();
  const second = ledgerAt(path);
  await second.start();
  entries.push(await second.append('t', { index: 700 }));
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  expect(entries.map(({ data }) => data['index'])).toEqual(entries.map((_, index) => index));
  for (const [index, entry] of entries.entries()) {
    expect(entry.previous).toBe(entries[index - 1]?.hash ?? GENESIS);
    expect(entry.hash).toBe(entryHash(entry, canonical(entry.data)));
  }
  expect(await second.head()).toEqual(entries.at(-1));
});

test('pages go newest first, before a given entry, of one type', async () => {
  const path = await writtenLedger(20);
  const ledger = ledgerAt(path);
  await ledger.start();
  const seqs = async (query: Parameters<typeof ledger.page>[0]) => (await ledger.page(query)).map(({ seq }) => seq);
  expect(await seqs({ limit: 3 })).toEqual([20, 19, 18]);
  expect(await seqs({ limit: 3, before: 3 })).toEqual([2, 1]);
  expect(await seqs({ limit: 4, type: 'gate.tripped' })).toEqual([19, 16, 13, 10]);
  expect(await seqs({ limit: 4, type: 'gate.tripped', before: 10 })).toEqual([7, 4, 1]);
  expect(await seqs({ limit: 4, type: 'nothing' })).toEqual([]);
});

test('an empty ledger has no head', async () => {
  const ledger = ledgerAt(join(await temporaryDirectory(), 'ledger.db'));
  await ledger.start();
  expect(await ledger.head()).toBeUndefined();
});

test('text from outside with a lone surrogate is recorded, a value without JSON is refused and leaves no gap', async () => {
  const ledger = ledgerAt(join(await temporaryDirectory(), 'ledger.db'));
  await ledger.start();
  expect((await ledger.append('t', { detail: 'x\ud800' })).data).toEqual({ detail: 'x\ufffd' });
  await expect(ledger.append('t', { n: Number.NaN })).rejects.toMatchObject({ code: 'ledger.failed' });
  await expect(ledger.append('t', { big: 'x'.repeat(300_000) })).rejects.toMatchObject({ code: 'ledger.failed' });
  expect((await ledger.append('t', {})).seq).toBe(2);
});

test('a batch that the database refuses is refused whole, and the next one leaves no gap', async () => {
  const path = join(await temporaryDirectory(), 'ledger.db');
  const ledger = ledgerAt(path);
  await ledger.start();
  await ledger.append('first', {});
  const other = new Database(path);
  other.exec(
    `CREATE TRIGGER full BEFORE INSERT ON entry WHEN NEW.type = 'boom' BEGIN SELECT RAISE(ABORT, 'disk is full'); END`,
  );
  // The first goes alone, what is called meanwhile shares the next transaction.
  const outcomes = await Promise.allSettled(['alone', 'with', 'boom', 'with'].map((type) => ledger.append(type, {})));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
  expect(outcomes[1]).toMatchObject({
    reason: { code: 'ledger.failed', what: expect.stringContaining('disk is full') },
  });
  other.exec('DROP TRIGGER full');
  other.close();
  expect((await ledger.append('after', {})).seq).toBe(3);
  expect(verifyLedger(path)).toMatchObject({ ok: true, entries: 3 });
});

test('before start and after stop nothing is appended; stop works twice and before start', async () => {
  const ledger = ledgerAt(join(await temporaryDirectory(), 'ledger.db'));
  await ledger.stop();
  await expect(ledger.append('t', {})).rejects.toMatchObject({ code: 'ledger.failed' });
  await ledger.start();
  const written = ledger.append('t', {});
  await ledger.stop();
  expect((await written).seq).toBe(1);
  await ledger.stop();
  await expect(ledger.append('t', {})).rejects.toMatchObject({ code: 'ledger.failed' });
  await expect(ledger.page({ limit: 1 })).rejects.toMatchObject({ code: 'ledger.failed' });
});

test('the file is readable by owner and group alone', async () => {
  const path = await writtenLedger(1);
  expect((await stat(path)).mode & 0o007).toBe(0);
});

test('a database of a newer version is refused and not touched', async () => {
  const path = await writtenLedger(3);
  const db = new Database(path);
  db.pragma('user_version = 99');
  db.close();
  const before = await readFile(path);
  await expect(ledgerAt(path).start()).rejects.toMatchObject({
    code: 'ledger.newer',
    what: expect.stringContaining('version 99'),
  });
  expect(() => verifyLedger(path)).toThrow(expect.objectContaining({ code: 'ledger.newer' }));
  expect((await readFile(path)).equals(before)).toBe(true);
});

test("somebody else's database is refused and not touched", async () => {
  const path = join(await temporaryDirectory(), 'other.db');
  const db = new Database(path);
  db.exec('CREATE TABLE theirs (x)');
  db.close();
  const before = await readFile(path);
  await expect(ledgerAt(path).start()).rejects.toMatchObject({ code: 'ledger.foreign' });
  expect((await readFile(path)).equals(before)).toBe(true);
});

test('a ledger that cannot be opened says why', async () => {
  const directory = await temporaryDirectory();
  await expect(ledgerAt(directory).start()).rejects.toMatchObject({ code: 'ledger.failed' });
  expect(() => verifyLedger(join(directory, 'absent.db'))).toThrow(expect.objectContaining({ code: 'ledger.failed' }));
});

const DAMAGE: { name: string; head: boolean; damage(bytes: Buffer): void }[] = [
  { name: 'header', head: false, damage: (bytes) => bytes.fill(0xff, 0, 16) },
  // Page 3 is the index: the entries stay readable.
  { name: 'index', head: true, damage: (bytes) => bytes.fill(0xff, 2 * 4096, 2 * 4096 + 64) },
  { name: 'schema', head: false, damage: (bytes) => bytes.write('WREATE', bytes.indexOf('CREATE INDEX'), 'latin1') },
];

test.each(DAMAGE)('a damaged $name: set aside, and a new ledger begun that links to the old head', async (damaged) => {
  const path = await writtenLedger(40);
  const old = verifyLedger(path);
  const bytes = await readFile(path);
  damaged.damage(bytes);
  await writeFile(path, bytes);
  const ledger = ledgerAt(path);
  await ledger.start();
  const [first] = await ledger.page({ limit: 10 });
  const aside = (await readdir(join(path, '..'))).filter(
    (name) => name.includes('.damaged-') && !name.includes('-shm'),
  );
  expect(first).toMatchObject({ seq: 1, type: 'ledger.replaced', data: { damaged: aside[0] } });
  expect(aside[0]).toMatch(/^ledger\.db\.damaged-20260801T0200\d{5}Z$/);
  if (damaged.head) expect(first?.data['head']).toEqual({ seq: 40, hash: old.ok ? old.head : '' });
  else expect(first?.data['head']).toBeNull();
  expect((await readFile(join(path, '..', aside[0] ?? ''))).equals(bytes)).toBe(true);
  await ledger.append('t', {});
  expect(verifyLedger(path)).toMatchObject({ ok: true, entries: 2 });
});

test('a damaged database is set aside with its log, which SQLite would replay into the new one', async () => {
  const source = await writtenLedger(40);
  const running = ledgerAt(source);
  await running.start();
  await running.append('t', {});
  // As a power cut leaves it: the newest entry is in the log alone.
  const directory = await temporaryDirectory();
  const path = join(directory, 'ledger.db');
  await copyFile(`${source}-wal`, `${path}-wal`);
  const bytes = await readFile(source);
  await writeFile(path, bytes.fill(0xff, 0, 16));
  const ledger = ledgerAt(path);
  await ledger.start();
  expect(await ledger.page({ limit: 10 })).toMatchObject([{ seq: 1, type: 'ledger.replaced' }]);
  await ledger.stop();
  expect(verifyLedger(path)).toMatchObject({ ok: true, entries: 1 });
  const names = (await readdir(directory)).map((name) => name.replace(/\d{8}T\d{9}Z/, 'TIME'));
  expect(names).toEqual(expect.arrayContaining(['ledger.db.damaged-TIME', 'ledger.db.damaged-TIME-wal']));
});

test('verify and export read while the daemon writes', async () => {
  const path = join(await temporaryDirectory(), 'ledger.db');
  const ledger = ledgerAt(path);
  await ledger.start();
  let seen = 0;
  const writes: Promise<unknown>[] = [];
  for (let round = 0; round < 20; round += 1) {
    for (let n = 0; n < 50; n += 1) writes.push(ledger.append('t', { round, n }));
    await writes[round * 50];
    const found = verifyLedger(path);
    expect(found).toMatchObject({ ok: true });
    if (!found.ok) continue;
    expect(found.entries).toBeGreaterThanOrEqual(seen + 1);
    seen = found.entries;
  }
  await Promise.all(writes);
  expect(verifyLedger(path)).toMatchObject({ ok: true, entries: 1000 });
  expect(await exportLedger(path, () => {})).toBe(1000);
});

test('export gives every entry as a line that carries its own proof', async () => {
  const path = await writtenLedger(1100);
  const lines: string[] = [];
  expect(await exportLedger(path, (line) => void lines.push(line))).toBe(1100);
  let previous = GENESIS;
  for (const line of lines) {
    const entry = JSON.parse(line);
    expect(line).toBe(`${canonical(entry)}\n`);
    expect(entry.previous).toBe(previous);
    expect(entryHash(entry, canonical(entry.data))).toBe(entry.hash);
    previous = entry.hash;
  }
  expect(verifyLedger(path)).toEqual({ ok: true, entries: 1100, head: previous });
});

test('SIGKILL while writing: the chain is whole and no acknowledged entry is lost', { timeout: 60_000 }, async () => {
  const path = join(await temporaryDirectory(), 'ledger.db');
  let acknowledged = 0;
  for (const killAfter of [1, 7, 40, 150]) {
    const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'append-forever.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      count += 1;
      if (count === killAfter) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    const found = verifyLedger(path);
    expect(found).toMatchObject({ ok: true });
    expect(found.ok && found.entries).toBeGreaterThanOrEqual(acknowledged);
  }
  expect(acknowledged).toBeGreaterThanOrEqual(198);
});

test('time is written as the clock gave it', async () => {
  const ledger = ledgerAt(join(await temporaryDirectory(), 'ledger.db'));
  await ledger.start();
  expect(isoTime((await ledger.append('t', {})).wall)).toMatch(/^2026-08-01T02:00:0\d\.000Z$/);
});
