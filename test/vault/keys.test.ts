import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { decodeBlobTable } from '../../daemon/vault/blob-table.ts';
import { stageRecipients } from '../../daemon/vault/change-recipients.ts';
import { derive, gcmOpen } from '../../daemon/vault/crypto.ts';
import { packName } from '../../daemon/vault/format.ts';
import { readHeader } from '../../daemon/vault/header.ts';
import { openIndex } from '../../daemon/vault/index-object.ts';
import { formatLockedKey, formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { encodeSessionObject, parseSession, unwrapSession } from '../../daemon/vault/key-objects.ts';
import { readKnown } from '../../daemon/vault/known-packs.ts';
import { readLost } from '../../daemon/vault/lost-packs.ts';
import { openBlob, packKeyOf } from '../../daemon/vault/pack.ts';
import { rebuildIndex } from '../../daemon/vault/rebuild-index.ts';
import { epochOf } from '../../daemon/vault/recipients.ts';
import { recover } from '../../daemon/vault/recover.ts';
import { createRecoveryKey, type RecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { rewrap } from '../../daemon/vault/rewrap.ts';
import { SessionKeys } from '../../daemon/vault/session-keys.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { python, readerWith, runReader } from './reader.ts';
import { noise, print, type Tree, WALL, World } from './world.ts';

const TREE: Tree = { big: noise(700_000, 3), small: Buffer.from('a few words'), folder: null };
const LATER: Tree = { ...TREE, more: noise(400_000, 4) };

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.cleanUp());

async function snapshot(tree: Tree): Promise<void> {
  await world.seal(tree);
  await world.ship();
}

async function setRecipients(...keys: RecoveryKey[]): Promise<void> {
  world.recipients = keys.map(({ publicKey }) => publicKey);
  const { staging, vaultId, secrets, recipients } = world;
  await stageRecipients({ staging, vaultId, secrets, recipients, wall: WALL + 1000 });
}

const another = () => createRecoveryKey(world.vaultId, world.verifyKey);

/** What `key` restores of snapshot `seq`, by the daemon and by the reader in Python. */
async function restored(key: RecoveryKey, seq: number): Promise<Tree | string> {
  const mine = world.key;
  Object.assign(world, { key });
  try {
    const { tree, restored } = await world.restore(String(seq));
    expect(restored.failures).toEqual([]);
    if (python !== undefined) {
      const file = join(world.folder, `key-${key.publicKey.toString('hex', 0, 4)}`);
      await writeFile(file, formatRecoveryKey(key));
      const ran = await runReader(world.root, file, 'restore', String(seq), join(world.folder, `py-${Math.random()}`));
      expect(ran, ran.err).toMatchObject({ status: 0 });
    }
    return tree;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    Object.assign(world, { key: mine });
  }
}

describe('recovery keys', () => {
  it('one that was added opens what comes, and not what was; the old one opens both', async () => {
    await snapshot(TREE);
    const second = another();
    await setRecipients(world.key, second);
    await snapshot(LATER);
    for (const key of [world.key, second]) expect(print((await restored(key, 2)) as Tree)).toEqual(print(LATER));
    expect(print((await restored(world.key, 1)) as Tree)).toEqual(print(TREE));
    expect(await restored(second, 1)).toBe('vault.recipient');
    expect((await verify({ store: world.store, verifyKey: world.verifyKey, readData: true })).findings).toEqual([]);
  });

  it('one that was removed opens what was, and not what comes', async () => {
    const second = another();
    await setRecipients(world.key, second);
    await snapshot(TREE);
    await setRecipients(second);
    await snapshot(LATER);
    expect(print((await restored(world.key, 1)) as Tree)).toEqual(print(TREE));
    expect(await restored(world.key, 2)).toBe('vault.recipient');
    for (const seq of [1, 2]) expect(typeof (await restored(second, seq))).toBe('object');
    // Nobody needs what the removed key opens: nothing of the second snapshot lies in packs of the first.
    const { records } = (await openVault(world.store, second)).chain;
    const [one, two] = records.map(({ snapshot: body }) => body?.packsets ?? []);
    expect(one?.filter((id) => two?.includes(id))).toEqual([]);
  });

  it('one that was added later opens everything once the old one has wrapped it again', async () => {
    await snapshot(TREE);
    const second = another();
    await setRecipients(world.key, second);
    await snapshot(LATER);
    const keys = new SessionKeys(world.store, world.key);
    const again = () =>
      rewrap(world.store, world.vaultId, (id) => keys.get(id), [world.key.publicKey, second.publicKey]);
    expect(await again()).toEqual({ sessions: 2, wrapped: 1, closed: 0 });
    expect(await again()).toEqual({ sessions: 2, wrapped: 0, closed: 0 });
    expect(print((await restored(second, 1)) as Tree)).toEqual(print(TREE));
    expect(
      (await verify({ store: world.store, verifyKey: world.verifyKey, key: second, readData: true })).findings,
    ).toEqual([]);
    // The session's own object is lost: what was wrapped again still opens it.
    for (const name of (await world.objects()).filter((object) => object.startsWith('keys/session-')))
      await rm(join(world.root, name));
    expect(print((await restored(second, 1)) as Tree)).toEqual(print(TREE));
  });

  it('a wrapped copy that holds another session key than the session commits to is passed over', async () => {
    await snapshot(TREE);
    const second = another();
    await setRecipients(world.key, second);
    await snapshot(LATER);
    const honest = new SessionKeys(world.store, world.key);
    const ids = (await world.objects()).flatMap((name) => /^keys\/session-(.*)$/.exec(name)?.[1] ?? []);
    const [a = '', b = ''] = ids;
    // Each session under the other's name: wrapped by somebody who can write to the store.
    await rewrap(world.store, world.vaultId, (id) => honest.get(id === a ? b : a), [second.publicKey]);
    expect(await restored(second, 1)).toBe('vault.recipient');
    expect(print((await restored(second, 2)) as Tree)).toEqual(print(LATER));
    expect(print((await restored(world.key, 1)) as Tree)).toEqual(print(TREE));
  });

  it('opens no session whose object commits to another key than it holds', async () => {
    const sessionKey = Buffer.alloc(32, 7);
    const { id, bytes } = await encodeSessionObject(sessionKey, world.secrets.sealing, world.vaultId, [
      world.key.publicKey,
    ]);
    const honest = parseSession(id, bytes);
    expect((await unwrapSession(world.key, honest, 'it')).key.reveal()).toEqual(sessionKey);
    await expect(unwrapSession(world.key, { ...honest, commitment: '00'.repeat(32) }, 'it')).rejects.toMatchObject({
      code: 'vault.damaged',
      what: expect.stringContaining('another key than it commits to'),
    });
  });

  it.skipIf(python === undefined)(
    'one with a passphrase opens in the reader in Python, and with another passphrase not',
    async () => {
      await snapshot(TREE);
      const file = join(world.folder, 'locked.key');
      await writeFile(file, await formatLockedKey(world.key, 'correct horse Zürich', 10));
      const good = await readerWith('correct horse Zürich\n'.normalize('NFD'), world.root, file, 'list');
      expect(good, good.err).toMatchObject({ status: 0 });
      const bad = await readerWith('wrong horse Zürich\n', world.root, file, 'list');
      expect(bad).toMatchObject({ status: 2, err: expect.stringContaining('this passphrase does not open') });
    },
  );
});

describe('the box and the vault together', () => {
  /** Every file the vault's code keeps on the appliance, and in the store. */
  async function everything(): Promise<Buffer[]> {
    const files: Buffer[] = [world.secrets.sealing.reveal(), world.secrets.signing.reveal()];
    for (const folder of [world.state, world.staging, world.root]) {
      for (const file of await readdir(folder, { recursive: true, withFileTypes: true }))
        if (file.isFile()) files.push(await readFile(join(file.parentPath, file.name)));
    }
    return files;
  }

  it('decrypt no byte of content: no 32 bytes of all that they hold open a blob or a manifest', async () => {
    await snapshot(TREE);
    // A killed seal's leavings, and a batch that waits.
    await world.seal(LATER);
    const keys = sealingKeys(world.secrets.sealing, world.vaultId);
    const indexKey = keys.indexKey.reveal();
    const files = await everything();
    // With what the box can open as well: its indexes, and so the tables in them.
    const opened = files.flatMap((bytes) => {
      try {
        return openIndex(bytes, world.vaultId, indexKey).packs.flatMap(({ header, table }) => [header, table]);
      } catch {
        return [];
      }
    });
    expect(opened.length).toBeGreaterThan(0);
    const session = await new SessionKeys(world.store, world.key).get(
      (await openVault(world.store, world.key)).chain.records[0]?.snapshot?.session ?? '',
    );
    // The smallest blob in the vault: some thousand keys are tried on it.
    const shipped = files.flatMap((file) => {
      try {
        return openIndex(file, world.vaultId, indexKey).packs;
      } catch {
        return [];
      }
    });
    const present = new Set(await world.objects());
    const [smallest] = shipped
      .filter(({ hash }) => present.has(packName(hash)))
      .flatMap((pack) => decodeBlobTable(Buffer.from(pack.table)).blobs.map((blob) => ({ pack, blob })))
      .sort((one, two) => one.blob.storedLength - two.blob.storedLength);
    if (smallest === undefined) throw new Error('no blob');
    const { pack, blob } = smallest;
    const header = readHeader(Buffer.from(pack.header), 1, 2);
    const stored = (await world.store.get(packName(pack.hash))).subarray(blob.offset, blob.offset + blob.storedLength);
    const opens = (sessionKey: Uint8Array) => {
      try {
        openBlob(packKeyOf(sessionKey, world.vaultId, header), world.vaultId, header, blob, stored);
        return true;
      } catch {
        return false;
      }
    };
    // The check can succeed: with the session key, which only the recovery key unwraps.
    expect(opens(session.key.reveal())).toBe(true);

    const raw = session.key.reveal();
    for (const file of [...files, ...opened.map((one) => Buffer.from(one))]) {
      for (const form of [raw, raw.toString('hex'), raw.toString('base64').slice(0, 42)])
        expect(file.includes(form)).toBe(false);
    }
    const candidates: Uint8Array[] = [indexKey, world.secrets.sealing.reveal(), world.secrets.signing.reveal()];
    for (const purpose of ['blob id', 'gear', 'index', 'source id', 'pack', 'manifest', 'commitment', 'unchanged'])
      for (const secret of [world.secrets.sealing.reveal(), world.secrets.signing.reveal(), indexKey])
        for (const salt of [Buffer.alloc(0), header.salt])
          candidates.push(derive(secret, world.vaultId, purpose, salt));
    // Every 32 bytes of what is small enough to hold a key and no content, digits read as such.
    for (const file of [...files.filter(({ length }) => length < 4000), ...opened.map((one) => Buffer.from(one))]) {
      for (let at = 0; at + 32 <= Math.min(file.length, 4000); at++) candidates.push(file.subarray(at, at + 32));
      for (const [digits] of file.toString('latin1').matchAll(/[0-9a-f]{64,}/g))
        for (let at = 0; at + 64 <= digits.length; at += 2)
          candidates.push(Buffer.from(digits.slice(at, at + 64), 'hex'));
    }
    expect(candidates.length).toBeGreaterThan(5000);
    expect(candidates.filter(opens)).toEqual([]);
    // Nor as the key of the pack itself.
    expect(
      candidates.filter((key) => {
        try {
          gcmOpen(key, 0, Buffer.alloc(0), stored);
          return true;
        } catch {
          return false;
        }
      }),
    ).toEqual([]);
  });
});

describe('a box whose memory card died', () => {
  /** What a new box has: nothing but the vault and the key. */
  async function recoverInto(key: RecoveryKey, expectHead?: string) {
    const recovered = await recover(world.store, key, expectHead);
    await rm(world.state, { recursive: true, force: true });
    await rm(world.staging, { recursive: true, force: true });
    const { vault } = recovered;
    const rebuilt = await rebuildIndex({
      store: world.store,
      state: world.state,
      keys: vault.keys,
      chain: vault.chain,
      wall: WALL,
    });
    return { ...recovered, rebuilt };
  }

  it('comes back with the same secrets, and seals on without writing anything again', async () => {
    await snapshot(TREE);
    const { secrets, recipients, head, rebuilt } = await recoverInto(world.key);
    expect(secrets.sealing.reveal()).toEqual(world.secrets.sealing.reveal());
    expect(secrets.signing.reveal()).toEqual(world.secrets.signing.reveal());
    expect(recipients).toEqual([world.key.publicKey]);
    expect(head).toEqual({ seq: 1, hash: world.heads[0] });
    expect(rebuilt).toMatchObject({ footers: 0, lost: 0 });
    expect(rebuilt.packs).toBeGreaterThan(1);
    const { newBytes } = await world.seal(TREE);
    expect(newBytes).toBeLessThan(20_000);
    await world.ship();
    expect(print((await world.restore('2')).tree)).toEqual(print(TREE));
  });

  it('learns from footers what the indexes do not say any more', async () => {
    await snapshot(TREE);
    for (const name of (await world.objects()).filter((object) => object.startsWith('index/')))
      await rm(join(world.root, name));
    const { rebuilt } = await recoverInto(world.key);
    expect(rebuilt.footers).toBe(rebuilt.packs);
    expect((await world.seal(TREE)).newBytes).toBeLessThan(20_000);
    await world.ship();
    expect(print((await world.restore('2')).tree)).toEqual(print(TREE));
  });

  it('builds nothing on a pack that is lost behind its index, and the next seal writes it again', async () => {
    await snapshot(TREE);
    const packs = (await world.objects()).filter((object) => object.startsWith('packs/'));
    await rm(join(world.root, packs[0] ?? ''));
    const { rebuilt, vault } = await recoverInto(world.key);
    expect(rebuilt.lost).toBe(1);
    expect([...(await readLost(world.state)).keys()]).toEqual([packs[0]?.slice(-64)]);
    const known = await readKnown(world.state, world.staging, vault.keys, epochOf(world.recipients));
    const names = Array.from({ length: known.packs.count }, (_, number) => known.packs.get(number)?.name);
    expect(names).not.toContain(packs[0]?.slice(-64));
    await snapshot(TREE);
    expect(print((await world.restore('2')).tree)).toEqual(print(TREE));
  });

  it('takes the recipients that were set last, and only what this appliance signed', async () => {
    const second = another();
    await setRecipients(world.key, second);
    await snapshot(TREE);
    const forger = await World.create();
    Object.assign(forger, { vaultId: world.vaultId });
    const { vaultId, secrets } = forger;
    await stageRecipients({
      staging: world.staging,
      vaultId,
      secrets,
      recipients: [another().publicKey],
      wall: WALL + 90_000,
    });
    await forger.cleanUp();
    await world.ship();
    for (const key of [world.key, second])
      expect((await recoverInto(key)).recipients).toEqual([world.key.publicKey, second.publicKey]);
    await expect(recover(world.store, another())).rejects.toMatchObject({ code: 'vault.recipient' });
  });

  it('finds by a head that somebody wrote down that the newest snapshots were cut off', async () => {
    await snapshot(TREE);
    await snapshot(LATER);
    const [head = ''] = world.heads;
    const newest =
      (await world.objects())
        .filter((object) => object.startsWith('snapshots/'))
        .sort()
        .at(-1) ?? '';
    await recoverInto(world.key, head);
    await rm(join(world.root, newest));
    await expect(recover(world.store, world.key, head)).rejects.toMatchObject({ code: 'vault.head_mismatch' });
    // Without one it cannot be known: the appliance goes on from what there is.
    expect((await recover(world.store, world.key)).head?.seq).toBe(1);
  });
});
