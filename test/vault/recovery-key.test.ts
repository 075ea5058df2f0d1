import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  answerChallenge,
  createChallenge,
  createRecoveryKey,
  formatRecoveryKey,
  parseRecoveryKey,
} from '../../daemon/vault/recovery-key.ts';

const key = createRecoveryKey(randomBytes(16), randomBytes(32));
const text = formatRecoveryKey(key);

describe('a recovery key', () => {
  it('survives printing and typing', () => {
    for (const typed of [
      text,
      text.toUpperCase().replace(/^#.*\n/gm, ''),
      text.replaceAll(' ', '  '),
      text.replaceAll('\n', '\r\n'),
    ]) {
      const back = parseRecoveryKey(
        typed.replace(/^FORMAT: PORTCULLIS-RECOVERY-KEY 1/m, 'format: portcullis-recovery-key 1'),
      );
      expect(back.privateKey.reveal()).toEqual(key.privateKey.reveal());
      expect([back.vaultId, back.verifyKey, back.publicKey]).toEqual([key.vaultId, key.verifyKey, key.publicKey]);
    }
  });

  it('shows every mistyped digit, naming the line and never its content', () => {
    const lines = text.split('\n');
    for (const [number, line] of lines.entries()) {
      if (line.startsWith('#') || line === '') continue;
      for (let at = line.indexOf(':') + 1; at < line.length; at++) {
        if (!/[0-9a-f]/.test(line[at] ?? '')) continue;
        const wrong = line[at] === '0' ? '1' : '0';
        const typed = [...lines];
        typed[number] = line.slice(0, at) + wrong + line.slice(at + 1);
        let error: unknown;
        try {
          parseRecoveryKey(typed.join('\n'));
        } catch (thrown) {
          error = thrown;
        }
        expect(error, typed[number]).toMatchObject({ code: 'vault.key' });
        expect(String(error)).not.toContain(line.slice(20, 30));
      }
    }
  });

  it('is refused when a line is missing', () => {
    for (const field of ['format', 'vault-id', 'verify-key', 'private-key']) {
      expect(() => parseRecoveryKey(text.replace(new RegExp(`^${field}.*\n`, 'm'), ''))).toThrow(field);
    }
    expect(() => parseRecoveryKey('')).toThrow('no recovery key');
  });

  it('answers a challenge made for it and no other', async () => {
    const { challenge, answer } = await createChallenge(key.publicKey, key.vaultId);
    expect(await answerChallenge(key, challenge)).toBe(answer);
    const other = createRecoveryKey(key.vaultId, key.verifyKey);
    await expect(answerChallenge(other, challenge)).rejects.toMatchObject({ code: 'vault.recipient' });
    await expect(answerChallenge(key, 'nonsense')).rejects.toMatchObject({ code: 'vault.recipient' });
  });
});
