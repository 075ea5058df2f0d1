import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApplianceSecrets, sealingKeys } from '../../daemon/vault/appliance-secrets.ts';
import { sha256Hex } from '../../daemon/vault/crypto.ts';
import { TYPE } from '../../daemon/vault/format.ts';
import { openBlob, type Pack, PackWriter, packKeyOf, readPackTable } from '../../daemon/vault/pack.ts';

const vaultId = randomBytes(16);
const session = { id: randomBytes(32), key: randomBytes(32) };
const keys = sealingKeys(createApplianceSecrets().sealing, vaultId);
const indexKey = keys.indexKey.reveal();
const contents = [Buffer.from('a'.repeat(300)), Buffer.alloc(0), randomBytes(50)];

function write(): Pack {
  const writer = new PackWriter(TYPE.data, { vaultId, session, indexKey });
  for (const content of contents) writer.add(keys.blobId(TYPE.data, content), content);
  return writer.finish();
}

/** Everything in a pack, the way a reader goes: footer, blobs, ids. */
async function read(
  bytes: Buffer,
  sessionKey = session.key,
  vault = vaultId,
  index: Uint8Array = indexKey,
): Promise<Buffer[]> {
  const slice = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
  const { header, blobs } = await readPackTable(slice, bytes.length, vault, index);
  const key = packKeyOf(sessionKey, vault, header);
  return blobs.map((blob) => {
    const plain = openBlob(key, vault, header, blob, bytes.subarray(blob.offset, blob.offset + blob.storedLength));
    if (!keys.blobId(TYPE.data, plain).equals(blob.id)) throw new Error('another id');
    return plain;
  });
}

describe('a pack', () => {
  it('gives back its blobs, and is named by its bytes', async () => {
    const pack = write();
    expect(await read(pack.bytes)).toEqual(contents);
    expect(pack.hash).toBe(sha256Hex(pack.bytes));
    expect(pack.name).toBe(`packs/${pack.hash.slice(0, 2)}/${pack.hash}`);
    expect(pack.blobs.map((blob) => blob.compressed)).toEqual([true, false, false]);
  });

  it('never looks the same twice', () => {
    expect(write().bytes.subarray(76).equals(write().bytes.subarray(76))).toBe(false);
  });

  it('shows every single changed bit', async () => {
    const { bytes, hash } = write();
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(sha256Hex(changed)).not.toBe(hash);
      // Without the name too: what authenticates itself does not depend on it.
      await expect(read(changed), `byte ${at} of ${bytes.length}`).rejects.toThrow();
    }
  });

  it('shows every truncation', async () => {
    const { bytes } = write();
    for (let length = 0; length < bytes.length; length++) {
      await expect(read(bytes.subarray(0, length)), `${length} of ${bytes.length}`).rejects.toThrow();
    }
  });

  it('opens with no other key and in no other vault', async () => {
    const { bytes } = write();
    await expect(read(bytes, randomBytes(32))).rejects.toThrow();
    await expect(read(bytes, session.key, randomBytes(16))).rejects.toThrow();
    await expect(read(bytes, session.key, vaultId, randomBytes(32))).rejects.toThrow();
  });
});
