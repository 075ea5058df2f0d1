import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Appliance } from './appliance.ts';

/** Bad input at every edge: a clear error, the right exit status, and nothing changed. */
const appliance = new Appliance();
let disk: string[];

beforeAll(async () => {
  await appliance.create({
    sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 3, 100_000) }],
  });
  await appliance.start();
  await appliance.until('a snapshot is committed', 60, async () => {
    const status = await appliance.status();
    return status?.sources[0]?.lastSnapshot !== undefined && status.gate?.view.link === 'isolated' ? true : undefined;
  });
  await appliance.stop();
  disk = ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key')];
}, 90_000);

afterAll(() => appliance.destroy());

describe('bad input', () => {
  it('configuration: every fault at once, with path and line, exit 2', async () => {
    const file = appliance.at('bad.yaml');
    writeFileSync(
      file,
      'board: { driver: simulated, directory: b }\nwindow: []\nwindows:\n  - { name: w, cron: "61 * * * *", duration: 1h }\nvault: { store: { kind: directory, path: v } }\nsources:\n  - { name: a, kind: gti, url: x }\n',
    );
    renameSync(appliance.at('portcullis.yaml'), appliance.at('good.yaml'));
    try {
      cpSync(file, appliance.at('portcullis.yaml'));
      const checked = await appliance.cli('config', 'check', '--json');
      expect(checked.code).toBe(2);
      const { faults } = JSON.parse(checked.out) as { faults: { path: string; line: number }[] };
      expect(faults.map(({ path }) => path)).toEqual(
        expect.arrayContaining(['window', 'windows[0].cron', 'sources[0].kind']),
      );
      expect(faults.every(({ line }) => line > 0)).toBe(true);
      const run = await appliance.cli('run');
      expect(run.code).toBe(2);
      expect(run.err).toContain('config.invalid');
    } finally {
      renameSync(appliance.at('good.yaml'), appliance.at('portcullis.yaml'));
    }
  });

  it('init does not run twice, and never overwrites a key', async () => {
    const before = readFileSync(appliance.at('recovery.key'), 'utf8');
    expect((await appliance.cli('init', '--recovery-key', appliance.at('recovery.key'))).code).toBe(2);
    expect((await appliance.cli('init', '--recovery-key', appliance.at('other.key'))).code).toBe(2);
    expect(readFileSync(appliance.at('recovery.key'), 'utf8')).toBe(before);
    expect(existsSync(appliance.at('other.key'))).toBe(false);
  });

  it('a missing, a damaged and a foreign recovery key', async () => {
    const store = ['--store', appliance.at('board/disk')];
    const missing = await appliance.cli('snapshots', ...store, '--key', appliance.at('nowhere.key'));
    expect(missing.code).not.toBe(0);
    expect(missing.err).toContain('nowhere.key');
    const text = readFileSync(appliance.at('recovery.key'), 'utf8');
    writeFileSync(
      appliance.at('damaged.key'),
      text.replace(/(private-key: )(.)/, (_all, head: string, digit: string) => head + (digit === '0' ? '1' : '0')),
    );
    const damaged = await appliance.cli('snapshots', ...store, '--key', appliance.at('damaged.key'));
    expect(damaged.code).not.toBe(0);
    expect(damaged.err).toContain('checksum');
    const other = new Appliance();
    try {
      await other.create({ sources: [{ name: 'd', kind: 'directory', path: other.folder('d', 1, 10) }] });
      const foreign = await appliance.cli(
        'restore',
        '1',
        ...store,
        '--key',
        other.at('recovery.key'),
        '--to',
        appliance.at('foreign'),
      );
      expect(foreign.code).not.toBe(0);
      expect(foreign.err).toContain('vault.');
      expect(existsSync(appliance.at('foreign'))).toBe(false);
    } finally {
      await other.destroy();
    }
  }, 60_000);

  it('a store that is not a vault, and one that is not there', async () => {
    mkdirSync(appliance.at('empty'));
    const empty = await appliance.cli(
      'verify',
      '--store',
      appliance.at('empty'),
      '--key',
      appliance.at('recovery.key'),
    );
    expect(empty.code).not.toBe(0);
    expect(empty.err).toContain('[vault.');
    expect(readdirSync(appliance.at('empty'))).toEqual([]);
    // The vault of the configuration, while isolated: a clear word about what to do.
    const isolated = await appliance.cli(
      'restore',
      '1',
      '--key',
      appliance.at('recovery.key'),
      '--to',
      appliance.at('never'),
    );
    expect(isolated.code).not.toBe(0);
    expect(isolated.err).toMatch(/connect the vault/i);
  });

  it('a truncated and a flipped pack: named by verify, and everything else is restored', async () => {
    const copy = appliance.at('copy');
    cpSync(appliance.at('board/disk'), copy, { recursive: true });
    const packs = readdirSync(join(copy, 'packs'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.length > 60,
    );
    const victim = join(copy, 'packs', packs[0] ?? '');
    chmodSync(victim, 0o600);
    const bytes = readFileSync(victim);
    truncateSync(victim, bytes.length - 7);
    const truncated = await appliance.cli('verify', '--store', copy, '--key', appliance.at('recovery.key'));
    expect(truncated.code).toBe(1);
    expect(truncated.out).toContain(packs[0]?.split('/').at(-1));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(victim, bytes);
    const flipped = await appliance.cli(
      'verify',
      '--store',
      copy,
      '--key',
      appliance.at('recovery.key'),
      '--read-data',
    );
    expect(flipped.code).toBe(1);
    expect(flipped.out).toContain(packs[0]?.split('/').at(-1));
    expect((await appliance.cli('verify', ...disk, '--read-data')).code).toBe(0);
  }, 60_000);

  it('the ledger, altered by hand in one byte: verify names the entry', async () => {
    expect((await appliance.cli('ledger', 'verify')).code).toBe(0);
    const path = appliance.at('state/ledger.db');
    const database = new Database(path);
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
    const bytes = readFileSync(path);
    const committed = (await appliance.ledger()).find(({ type }) => type === 'snapshot.committed');
    const head = Buffer.from(String(committed?.data['head']));
    // SQLite leaves old copies of rows in pages: one byte of each place is altered in turn, and the live ones must tell.
    const told: string[] = [];
    for (let at = bytes.indexOf(head); at !== -1; at = bytes.indexOf(head, at + 1)) {
      const altered = Buffer.from(bytes);
      altered[at] = altered[at] === 0x61 ? 0x62 : 0x61;
      writeFileSync(path, altered);
      const { code, err } = await appliance.cli('ledger', 'verify');
      if (code !== 0) told.push(err);
    }
    expect(told.length).toBeGreaterThan(0);
    for (const err of told) expect(err).toMatch(/entry \d+/);
    writeFileSync(path, bytes);
    expect((await appliance.cli('ledger', 'verify')).code).toBe(0);
  });

  it('a source that vanishes is a failure that is told, never an empty snapshot', async () => {
    renameSync(appliance.at('documents'), appliance.at('moved'));
    const before = JSON.parse((await appliance.cli('snapshots', '--json')).out) as { seq: number }[];
    await appliance.start();
    try {
      const sync = await appliance.cli('sync', '--source', 'documents');
      expect(sync.code).toBe(1);
      expect(sync.err).toContain('documents');
      const source = (await appliance.status())?.sources[0];
      expect(source?.lastFailure?.what).toContain('documents');
      expect(source?.lastSnapshot?.seq).toBe(before.at(-1)?.seq);
    } finally {
      renameSync(appliance.at('moved'), appliance.at('documents'));
      await appliance.stop();
    }
  }, 60_000);

  it('run refuses a real relay that nothing else drops, and starts nothing', async () => {
    const path = appliance.at('portcullis.yaml');
    const sound = readFileSync(path, 'utf8');
    const relay = { driver: 'serial', model: 'lcus', port: appliance.at('no-such-port') };
    try {
      writeFileSync(path, JSON.stringify({ ...JSON.parse(sound), board: { driver: 'hardware', relay } }));
      const { code, err } = await appliance.cli('run');
      expect(code).toBe(3);
      expect(err).toContain('gate.unsafe');
      expect(appliance.processes('gate')).toEqual([]);
      const doctor = await appliance.cli('doctor');
      expect(doctor.code).toBe(1);
      expect(doctor.out).toContain('NOT SAFE');
    } finally {
      writeFileSync(path, sound);
    }
  }, 30_000);

  it('wrong use: unknown commands and options exit 2 and say what is accepted', async () => {
    for (const args of [
      ['nonsense'],
      ['restore', '--nope'],
      ['connect', '--for', 'soon'],
      ['board', 'kick'],
      ['ledger', 'burn'],
      ['ls'],
    ]) {
      const { code, err } = await appliance.cli(...args);
      expect(code, args.join(' ')).toBe(2);
      expect(err).toContain('usage.wrong');
    }
  });

  it('an alert with a wrong signature, to an unknown source, or stale changes nothing', async () => {
    await appliance.start();
    try {
      expect((await appliance.alert('destroy', Buffer.alloc(32, 7).toString('base64'))).status).toBe(401);
      const unknown = await fetch(`http://127.0.0.1:${appliance.intakePort}/alerts/nobody`, {
        method: 'POST',
        body: '{}',
      });
      expect(unknown.status).toBe(401);
      expect((await appliance.status())?.gate?.view.latch.kind).toBe('clear');
      expect((await appliance.alert('harmless')).body).toEqual({ tripped: false });
      expect((await appliance.status())?.gate?.view.latch.kind).toBe('clear');
    } finally {
      await appliance.stop();
    }
  }, 60_000);
});
