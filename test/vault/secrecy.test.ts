import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { sha256Hex } from '../../daemon/vault/crypto.ts';
import { TYPE } from '../../daemon/vault/format.ts';
import { decodeIndex } from '../../daemon/vault/index-object.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { entriesOf, noise, World } from './world.ts';

const PLAIN = 'correct horse battery staple';

describe('what somebody without the recovery key learns', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world.cleanUp());

  async function everyByte(folder: string): Promise<Buffer> {
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    return Buffer.concat(await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name)))));
  }

  it('no content, file name or key is readable in staging, in the state directory or in the vault', async () => {
    const tree = {
      'secret-name.txt': Buffer.from(PLAIN),
      long: Buffer.from(`${PLAIN} `.repeat(1000)),
      random: noise(50_000, 8),
    };
    await world.seal(tree);
    const hidden = [
      Buffer.from(PLAIN),
      Buffer.from('secret-name'),
      noise(50_000, 8).subarray(1000, 1032),
      world.secrets.sealing.reveal(),
      world.secrets.signing.reveal(),
    ];
    const readable = (bytes: Buffer) => hidden.filter((text) => bytes.includes(text));
    expect(readable(await everyByte(world.staging))).toEqual([]);
    await world.ship();
    expect(readable(await everyByte(world.root))).toEqual([]);
    expect(readable(await everyByte(world.state))).toEqual([]);
    // The name of the source is the keeper's business; the vault does not show it.
    expect((await everyByte(world.root)).includes('"files"')).toBe(false);
  });

  it('the box cannot confirm a guess at a small or secret content', async () => {
    const secret = noise(20_000, 4);
    await world.seal(
      entriesOf({ token: secret, small: Buffer.from(PLAIN), open: noise(20_000, 5) }, (path) => path === 'token'),
    );
    await world.ship();
    const keys = sealingKeys(world.secrets.sealing, world.vaultId);
    const known = new Set<string>();
    for (const name of (await world.objects()).filter((object) => object.startsWith('index/'))) {
      const index = decodeIndex(await world.store.get(name), world.vaultId, keys.indexKey.reveal());
      for (const pack of index.packs) for (const blob of pack.blobs) known.add(blob.id.toString('hex'));
    }
    const guess = (content: Buffer) => known.has(keys.blobId(TYPE.data, content).toString('hex'));
    expect(guess(noise(20_000, 5))).toBe(true);
    expect(guess(secret)).toBe(false);
    expect(guess(Buffer.from(PLAIN))).toBe(false);
    // Nor are their hashes kept where a guess at the list could confirm them.
    const vault = await openVault(world.store, world.key);
    const hashes: unknown[] = [];
    for (const snapshot of await vault.snapshots()) {
      for await (const entry of vault.listFiles(snapshot)) if (entry.type === 'file') hashes.push(entry.sha256);
    }
    expect(hashes).toEqual([sha256Hex(noise(20_000, 5)), undefined, undefined]);
  });

  it('secrets print redacted', () => {
    expect(inspect(world.key, { depth: 5 })).toContain('**redacted**');
    expect(JSON.stringify(world.key)).not.toContain(world.key.privateKey.reveal().toString('base64'));
  });

  it('a new set of recipients shares nothing with the old', async () => {
    await world.seal({ big: noise(500_000, 1) });
    const { createRecoveryKey } = await import('../../daemon/vault/recovery-key.ts');
    const second = createRecoveryKey(world.vaultId, world.verifyKey);
    world.recipients = [world.key.publicKey, second.publicKey];
    const sealed = await world.seal({ big: noise(500_000, 1) });
    expect(sealed.newBytes).toBeGreaterThan(500_000);
    await world.ship();
    expect((await world.restore('2')).restored.failures).toEqual([]);
    expect((await world.restore('1')).restored.failures).toEqual([]);
  });
});
