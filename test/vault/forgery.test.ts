import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime } from '../../daemon/base/clock.ts';
import { createApplianceSecrets } from '../../daemon/vault/appliance-secrets.ts';
import { NO_RECORD } from '../../daemon/vault/format.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { encodeApplianceObject } from '../../daemon/vault/key-objects.ts';
import { recordBody, recordObject, signRecord } from '../../daemon/vault/record.ts';
import { signBody } from '../../daemon/vault/signed.ts';
import { listBatches, stagedPath } from '../../daemon/vault/staging.ts';
import { findSnapshot, openVault } from '../../daemon/vault/vault.ts';
import { verify } from '../../daemon/vault/verify.ts';
import { python, runReader } from './reader.ts';
import { noise, print, WALL, World } from './world.ts';

/**
 * The forger knows all that the vault and the configuration show: vault id, recipients' public keys, the whole format. He makes an
 * appliance of his own with the same vault id, and everything it writes is in order but for the signature's key.
 */
async function forge(world: World): Promise<string> {
  const forger = await World.create();
  try {
    const { vaultId, recipients } = world;
    Object.assign(forger, { vaultId, recipients });
    await forger.seal({ evil: Buffer.from('forged content'), big: noise(300_000, 66) });
    const [staged] = await listBatches(forger.staging);
    const { batch, draft } = staged!;
    const appliance = await encodeApplianceObject(forger.secrets, vaultId, recipients, isoTime(WALL));
    await world.store.put(appliance.name, appliance.bytes);
    for (const name of draft.objects)
      await world.store.put(name, await readFile(stagedPath(forger.staging, batch, name)));
    const seq = (await world.snapshots()).length + 1;
    const body = recordBody(draft.body!, vaultId, seq, world.heads.at(-1) ?? NO_RECORD);
    const record = recordObject(body, seq, signBody(forger.secrets.signing.reveal(), 'record', body));
    await world.store.put(record.name, record.bytes);
    return record.name;
  } finally {
    await forger.cleanUp();
  }
}

describe('a forger with the public keys', () => {
  let world: World;
  let key: string;
  beforeEach(async () => {
    world = await World.create();
    key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
    await world.seal({ a: Buffer.from('honest') });
    await world.ship();
  });
  afterEach(() => world.cleanUp());

  it('makes no snapshot that the daemon lists or restores, and hides none', async () => {
    const record = await forge(world);
    const vault = await openVault(world.store, world.key);
    expect((await vault.snapshots()).map(({ seq }) => seq)).toEqual([1]);
    expect(vault.refused).toEqual([{ object: record, reason: 'is not signed by this appliance' }]);
    await expect(world.restore('2')).rejects.toMatchObject({ code: 'vault.forged' });
    expect(print((await world.restore('1')).tree)).toEqual({ a: 'honest' });
  });

  it('is named by verify, with and without the key', async () => {
    const record = await forge(world);
    for (const withKey of [{}, { key: world.key }]) {
      const { findings } = await verify({ store: world.store, verifyKey: world.verifyKey, readData: true, ...withKey });
      expect(findings).toEqual([{ object: record, problem: 'is not signed by this appliance', snapshots: [2] }]);
    }
  });

  it('stops ship, which writes nothing', async () => {
    const record = await forge(world);
    await world.seal({ b: Buffer.from('next') });
    const before = await world.objects();
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.forged', what: expect.stringContaining(record) });
    expect(await world.objects()).toEqual(before);
  });

  it.skipIf(python === undefined)('is refused by the reader in Python', async () => {
    const record = await forge(world);
    const listed = await runReader(world.root, key, 'list');
    expect(listed).toMatchObject({ status: 1, err: expect.stringContaining(`refused: ${record} is not signed`) });
    expect(listed.out.trim().split('\n')).toHaveLength(1);
    expect(await runReader(world.root, key, 'verify')).toMatchObject({ status: 1 });
    expect(await runReader(world.root, key, 'restore', '2', join(world.folder, 'out'))).toMatchObject({
      status: 1,
      err: expect.stringContaining('refused'),
    });
    expect(await runReader(world.root, key, 'restore', '1', join(world.folder, 'out1'))).toMatchObject({ status: 0 });
  });

  it('cannot replay a record under another sequence or rename one', async () => {
    const [name = ''] = (await world.objects()).filter((object) => object.startsWith('snapshots/'));
    await rename(join(world.root, name), join(world.root, name.replace('0000000001', '0000000002')));
    const vault = await openVault(world.store, world.key);
    expect(await vault.snapshots()).toEqual([]);
    expect(vault.refused).toMatchObject([{ reason: 'says it is record 1' }]);
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.forged' });
  });

  it('cannot take the newest snapshots away unseen', async () => {
    await world.seal({ b: Buffer.from('second') });
    await world.ship();
    const [head = ''] = world.heads;
    const [, newest = ''] = (await world.objects()).filter((object) => object.startsWith('snapshots/')).sort();
    await rm(join(world.root, newest));
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.head_mismatch' });
    await world.seal({ c: Buffer.from('third') });
    const before = await world.objects();
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.head_mismatch' });
    expect(await world.objects()).toEqual(before);
    expect((await openVault(world.store, world.key, head)).refused).toMatchObject([
      { reason: expect.stringContaining('expected head') },
    ]);
    if (python !== undefined) {
      expect(await runReader(world.root, key, '--expect-head', head, 'verify')).toMatchObject({ status: 1 });
    }
  });

  it('nor old ones', async () => {
    await world.seal({ b: Buffer.from('second') });
    await world.ship();
    const [oldest = ''] = (await world.objects()).filter((object) => object.startsWith('snapshots/')).sort();
    await rm(join(world.root, oldest));
    expect((await openVault(world.store, world.key)).refused).toMatchObject([{ reason: 'has no good record 1' }]);
    await world.seal({ c: Buffer.from('third') });
    await expect(world.ship()).rejects.toMatchObject({ code: 'vault.head_mismatch' });
  });

  it('finds no digit of a record he can change', async () => {
    const [name = ''] = (await world.objects()).filter((object) => object.startsWith('snapshots/'));
    const path = join(world.root, name);
    const bytes = await readFile(path);
    await chmod(path, 0o600);
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(path, changed);
      const vault = await openVault(world.store, world.key);
      expect(vault.refused).toHaveLength(1);
      expect(() => findSnapshot([], vault.refused, basename(name))).toThrow(/refused/);
    }
  });

  it('gets nothing signed that is no record of this vault or follows no known head', () => {
    const { secrets, vaultId } = world;
    const expected = { vaultId, heads: world.heads };
    const draft = {
      time: '2026-11-21T06:30:00.000Z',
      source: '0'.repeat(64),
      status: 'complete',
      session: '0'.repeat(64),
      manifest: { name: '0'.repeat(64), size: 1 },
      packsets: [],
      packs: 0,
      bytes: 0,
    } as const;
    const make = (vault: Buffer, previous: string) => recordBody({ ...draft, packsets: [] }, vault, 2, previous);
    const [head = ''] = world.heads;
    expect(signRecord(make(vaultId, head), secrets.signing, expected)).toMatchObject({ seq: 2 });
    expect(() => signRecord(make(randomBytes(16), head), secrets.signing, expected)).toThrow('of another vault');
    expect(() => signRecord(make(vaultId, NO_RECORD), secrets.signing, expected)).toThrow('unknown');
    expect(() => signRecord('{"pay":"me"}', secrets.signing, expected)).toThrow('no record');
    const body = make(vaultId, head);
    for (const changed of [body.replace('{', '{"extra":1,'), body.replace('{', '{"seq":9,'), body.replace('{', '{ ')]) {
      expect(changed).not.toBe(body);
      expect(() => signRecord(changed, secrets.signing, expected), changed).toThrow('no record');
    }
    expect(() => signRecord(body.replace('"seq":2', '"seq":1'), secrets.signing, expected)).toThrow('record 1 after');
    const other = signRecord(make(vaultId, head), createApplianceSecrets().signing, expected);
    expect(other.signature).not.toBe(signRecord(make(vaultId, head), secrets.signing, expected).signature);
  });
});
