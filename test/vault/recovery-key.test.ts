import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { answerChallenge, createChallenge, createRecoveryKey } from '../../daemon/vault/recovery-key.ts';

it('a recovery key answers a challenge made for it and no other', async () => {
  const key = createRecoveryKey(randomBytes(16), randomBytes(32));
  const { challenge, answer } = await createChallenge(key.publicKey, key.vaultId);
  expect(await answerChallenge(key, challenge)).toBe(answer);
  const other = createRecoveryKey(key.vaultId, key.verifyKey);
  await expect(answerChallenge(other, challenge)).rejects.toMatchObject({ code: 'vault.recipient' });
  await expect(answerChallenge(key, 'nonsense')).rejects.toMatchObject({ code: 'vault.recipient' });
});
