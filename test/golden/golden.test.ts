import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { parseKeyFile } from '../../daemon/vault/key-file.ts';
import { recover } from '../../daemon/vault/recover.ts';
import type { RecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { restore } from '../../daemon/vault/restore.ts';
import { directoryTarget } from '../../daemon/vault/restore-directory.ts';
import { findSnapshot, openVault } from '../../daemon/vault/vault.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { describeTree } from '../vault/disk-tree.ts';
import { python, readerWith } from '../vault/reader.ts';

/** Vaults of released versions, as they were written: every later version reads them. Made by `make.ts` of their time. */

interface Expected {
  readonly expired: readonly number[];
  readonly head: string;
  readonly wall: number;
  readonly expected: readonly {
    readonly seq: number;
    readonly status: string;
    readonly tree: string;
    readonly missing?: readonly string[];
    readonly opens: readonly string[];
  }[];
  readonly trees: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const PASSPHRASE = 'golden passphrase é';
const golden = new URL('.', import.meta.url).pathname;
const versions = (await readdir(golden)).filter((name) => /^v\d+$/.test(name));
const root = process.geteuid?.() === 0;

it('there is one for each version of the format', () => expect(versions).toEqual(['v1']));

describe.each(versions)('the golden vault %s', (version) => {
  const vault = join(golden, version, 'vault');
  const store = new DirectoryStore(vault);
  let facts: Expected;
  let folder: string;
  beforeEach(async () => {
    facts = JSON.parse(await readFile(join(golden, version, 'expected.json'), 'utf8')) as Expected;
    folder = await mkdtemp(join(tmpdir(), 'portcullis-golden-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const keyFile = (name: string) => join(golden, version, name);
  async function keyOf(name: string): Promise<RecoveryKey> {
    const file = parseKeyFile(await readFile(keyFile(name), 'utf8'));
    return file.kind === 'open' ? file.key : file.unlock(PASSPHRASE);
  }

  /** As the maker saw it, as far as this user can set it. */
  function comparable(tree: Readonly<Record<string, unknown>>): unknown {
    const plain = JSON.parse(
      JSON.stringify(tree, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ) as Record<string, Record<string, unknown>>;
    for (const entry of Object.values(plain)) {
      if (!root) delete entry['owner'];
      // Whether a hole comes back as one is the file system's business.
      delete entry['sparse'];
    }
    return plain;
  }

  it.each(['first.key', 'second.key', 'locked.key'])(
    'restores with %s what it opens, to the last attribute',
    async (name) => {
      const key = await keyOf(name);
      const opened = await openVault(store, key, facts.head);
      expect(opened.refused).toEqual([]);
      const snapshots = await opened.snapshots();
      for (const one of facts.expected) {
        if (!one.opens.includes(name)) continue;
        const snapshot = findSnapshot(snapshots, opened.refused, String(one.seq));
        expect(snapshot.status).toBe(one.status);
        const to = join(folder, String(one.seq));
        const target = await directoryTarget({ to, resume: false, what: 'golden', check: true });
        const { failures } = await restore({ vault: opened, snapshot, target });
        expect(failures.map(({ path }) => path)).toEqual(one.missing ?? []);
        expect(comparable(await describeTree(to)), `snapshot ${one.seq}`).toEqual(
          comparable(facts.trees[one.tree] ?? {}),
        );
      }
      expect(snapshots.filter(({ expires = Infinity }) => expires <= facts.wall).map(({ seq }) => seq)).toEqual(
        facts.expired,
      );
    },
  );

  it('verifies without a key and with one, what has expired apart', async () => {
    const key = await keyOf('first.key');
    const common = { store, verifyKey: key.verifyKey, readData: true, wall: facts.wall, expectHead: facts.head };
    expect((await verify(common)).findings).toEqual([]);
    expect((await verify({ ...common, key })).findings).toEqual([]);
  });

  it('gives a new appliance the secrets and the recipients of the old one', async () => {
    const { recipients } = await recover(store, await keyOf('second.key'), facts.head);
    expect(recipients).toEqual([(await keyOf('first.key')).publicKey, (await keyOf('second.key')).publicKey]);
  });

  it.skipIf(python === undefined).each(['first.key', 'second.key', 'locked.key'])(
    'is restored by the reader in Python with %s, to the last attribute',
    async (name) => {
      const input = `${PASSPHRASE}\n`;
      for (const one of facts.expected) {
        if (!one.opens.includes(name)) continue;
        const to = join(folder, String(one.seq));
        const ran = await readerWith(input, vault, keyFile(name), 'restore', String(one.seq), to);
        expect(ran.status, ran.err).toBe(one.missing === undefined ? 0 : 1);
        expect(comparable(await describeTree(to)), `snapshot ${one.seq}`).toEqual(
          comparable(facts.trees[one.tree] ?? {}),
        );
      }
      const verified = await readerWith(input, vault, keyFile(name), 'verify');
      expect(verified.status, verified.out + verified.err).toBe(0);
    },
  );

  it('is not whole with a byte less anywhere: each object is needed, or said to be none', async () => {
    const copy = join(folder, 'vault');
    await cp(vault, copy, { recursive: true });
    const files = (await readdir(copy, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    const key = await keyOf('first.key');
    const damaged = new DirectoryStore(copy);
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      const bytes = await readFile(path);
      const { truncate, writeFile } = await import('node:fs/promises');
      await truncate(path, bytes.length - 1);
      const found = await verify({ store: damaged, verifyKey: key.verifyKey, readData: true, wall: facts.wall }).then(
        ({ findings }) => findings.length,
        () => 1,
      );
      expect(found, file.name).toBeGreaterThan(0);
      await writeFile(path, bytes);
    }
  });
});
