import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { readChain } from '../../daemon/vault/chain.ts';
import { stageRecipients } from '../../daemon/vault/change-recipients.ts';
import { sha256Hex } from '../../daemon/vault/crypto.ts';
import { encodeIndex, openIndex, type TabledPack } from '../../daemon/vault/index-object.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { recordBody, recordObject } from '../../daemon/vault/record.ts';
import { recover } from '../../daemon/vault/recover.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { rewrap } from '../../daemon/vault/rewrap.ts';
import { SessionKeys } from '../../daemon/vault/session-keys.ts';
import { signBody } from '../../daemon/vault/signed.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { python, runReader } from './reader.ts';
import { noise, print, readTree, type Tree, WALL, World } from './world.ts';

/** Somebody who has the appliance's own secrets, a key, or only the store, writes what is not so. */

const TREE: Tree = { big: noise(700_000, 3), small: Buffer.from('a few words') };

let world: World;
let key: string;
beforeEach(async () => {
  world = await World.create();
  key = join(world.folder, 'recovery.key');
  await writeFile(key, formatRecoveryKey(world.key));
  await world.seal(TREE);
  await world.ship();
});
afterEach(() => world.cleanUp());

async function expectRestores(seq: number, tree: Tree): Promise<void> {
  const { tree: back, restored } = await world.restore(String(seq));
  expect(restored.failures).toEqual([]);
  expect(print(back)).toEqual(print(tree));
  if (python === undefined) return;
  const to = join(world.folder, `python-${seq}`);
  const ran = await runReader(world.root, key, 'restore', String(seq), to);
  expect(ran, ran.err).toMatchObject({ status: 0 });
  expect(print(await readTree(to))).toEqual(print(tree));
}

it.each<[string, (pack: TabledPack) => TabledPack]>([
  ['that packs are empty', (pack) => ({ ...pack, table: Buffer.alloc(4) })],
  [
    'that blobs are elsewhere in their packs',
    (pack) => {
      const table = Buffer.from(pack.table);
      // The first blob's stored length.
      table.writeUInt32BE(table.readUInt32BE(4 + 33) - 1, 4 + 33);
      return { ...pack, table };
    },
  ],
])('an index that says %s costs nothing: the packs know better', async (_, lie) => {
  const indexKey = sealingKeys(world.secrets.sealing, world.vaultId).indexKey.reveal();
  const [name = ''] = (await world.objects()).filter((object) => object.startsWith('index/'));
  const { epoch, packs } = openIndex(await world.store.get(name), world.vaultId, indexKey);
  // It is met first, whatever the order.
  for (;;) {
    const bytes = encodeIndex({ epoch, packs: packs.map(lie) }, world.vaultId, indexKey);
    const liar = `index/${sha256Hex(bytes)}`;
    if (liar > name) continue;
    await world.store.put(liar, bytes);
    break;
  }
  await expectRestores(1, TREE);
});

it('of two records of one number that which was built on counts, whatever their names', async () => {
  const more = { ...TREE, more: noise(50_000, 5) };
  await world.seal(more);
  await world.ship();
  const { records } = await readChain(world.store, world.vaultId, world.verifyKey);
  const [first, second] = records;
  if (first?.snapshot === undefined || second === undefined) throw new Error('no records');
  // Until one sorts before the true one.
  for (let n = 0; ; n++) {
    const draft = { ...first.snapshot, time: new Date(WALL + 1 + n).toISOString() };
    const body = recordBody(draft, world.vaultId, 1, first.previous);
    const forged = recordObject(body, 1, signBody(world.secrets.signing.reveal(), 'record', body));
    if (forged.name > first.name) continue;
    await world.store.put(forged.name, forged.bytes);
    const chain = await readChain(world.store, world.vaultId, world.verifyKey);
    expect(chain.records.map(({ hash }) => hash)).toEqual([first.hash, second.hash]);
    expect(chain.refused).toEqual([{ object: forged.name, reason: 'is a second record 1' }]);
    break;
  }
  const { restored } = await world.restore('2');
  expect(restored.failures).toEqual([]);
  if (python === undefined) return;
  const listed = await runReader(world.root, key, 'list');
  expect(listed.err).toContain('is a second record 1');
  expect((await runReader(world.root, key, 'restore', '2', join(world.folder, 'two'))).status).toBe(0);
});

it('a wrapped copy that names a key and holds nothing keeps nobody from wrapping again', async () => {
  const second = createRecoveryKey(world.vaultId, world.verifyKey);
  const [session = ''] = (await world.objects()).flatMap((name) => /^keys\/session-(.*)$/.exec(name)?.[1] ?? []);
  for (const wrapped of [5, 'zz', '00'.repeat(80)]) {
    const recipients = [{ publicKey: second.publicKey.toString('hex'), wrapped }];
    for (const list of [recipients, null, 5, ['x']]) {
      const sessions = [{ session, commitment: '11'.repeat(32), recipients: list, mac: '22'.repeat(32) }];
      const content = { format: 'portcullis-rewrap', version: 1, vaultId: world.vaultId.toString('hex'), sessions };
      const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
      await world.store.put(`keys/rewrap-${sha256Hex(bytes)}`, bytes).catch(() => {});
    }
  }
  const keys = new SessionKeys(world.store, world.key);
  const again = () => rewrap(world.store, world.vaultId, (id) => keys.get(id), [second.publicKey]);
  expect(await again()).toMatchObject({ wrapped: 1 });
  expect(await again()).toMatchObject({ wrapped: 0 });
  Object.assign(world, { key: second });
  await writeFile(key, formatRecoveryKey(second));
  // The sealing secret comes with the session: no object of the appliance is wrapped to this key.
  await expectRestores(1, TREE);
});

it('a removed key does not come back because somebody took away what removed it', async () => {
  const second = createRecoveryKey(world.vaultId, world.verifyKey);
  const { staging, vaultId, secrets } = world;
  world.recipients = [second.publicKey];
  const change = { staging, vaultId, secrets, recipients: [world.key.publicKey, second.publicKey] };
  await stageRecipients({ ...change, wall: WALL + 1000 });
  await world.ship();
  await stageRecipients({ ...change, recipients: world.recipients, wall: WALL + 2000 });
  await world.ship();
  const [newest = ''] = await newestAppliance();
  await world.seal(TREE, { wall: WALL + 3000 });
  await world.ship();
  expect((await recover(world.store, second)).recipients).toEqual([second.publicKey]);
  const { rm } = await import('node:fs/promises');
  await rm(join(world.root, newest));
  expect((await recover(world.store, second)).recipients).toEqual([second.publicKey]);
});

async function newestAppliance(): Promise<string[]> {
  const names = (await world.objects()).filter((name) => name.startsWith('keys/appliance-'));
  const dated = await Promise.all(
    names.map(
      async (name) => [/"created":"([^"]+)"/.exec((await world.store.get(name)).toString())?.[1] ?? '', name] as const,
    ),
  );
  return dated
    .sort()
    .reverse()
    .map(([, name]) => name);
}

it('the vault these lies are told about is whole without them', async () => {
  await openVault(world.store, world.key);
  await expectRestores(1, TREE);
});
