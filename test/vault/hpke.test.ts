import { Aes128Gcm, CipherSuite } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import { suite, unwrap, wrap } from '../../daemon/vault/hpke.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex')).buffer;

describe('HPKE', () => {
  it('agrees with RFC 9180, appendix A.1.1, in key encapsulation and key schedule', async () => {
    // The appendix has no vector for X25519 with AES-256-GCM; everything up to the cipher is the same.
    const known = new CipherSuite({ kem: suite.kem, kdf: suite.kdf, aead: new Aes128Gcm() });
    const recipientKey = await known.kem.deserializePrivateKey(
      hex('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
    );
    const plain = await known.open(
      {
        recipientKey,
        enc: hex('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431'),
        info: hex('4f6465206f6e2061204772656369616e2055726e'),
      },
      hex('f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'),
      hex('436f756e742d30'),
    );
    expect(Buffer.from(plain).toString()).toBe('Beauty is truth, truth beauty');
  });

  it('opens only for the same key, vault and purpose, and no changed bit', async () => {
    const vaultId = Buffer.alloc(16, 1);
    const key = createRecoveryKey(vaultId, Buffer.alloc(32));
    const other = createRecoveryKey(vaultId, Buffer.alloc(32));
    const wrapped = await wrap(key.publicKey, vaultId, 'session', Buffer.from('secret'));
    expect((await unwrap(key.privateKey.reveal(), vaultId, 'session', wrapped)).toString()).toBe('secret');
    await expect(unwrap(other.privateKey.reveal(), vaultId, 'session', wrapped)).rejects.toThrow();
    await expect(unwrap(key.privateKey.reveal(), Buffer.alloc(16, 2), 'session', wrapped)).rejects.toThrow();
    await expect(unwrap(key.privateKey.reveal(), vaultId, 'appliance', wrapped)).rejects.toThrow();
    for (let at = 0; at < wrapped.length; at++) {
      const changed = Buffer.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(unwrap(key.privateKey.reveal(), vaultId, 'session', changed)).rejects.toThrow();
    }
  });
});
