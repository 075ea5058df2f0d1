import { randomBytes } from 'node:crypto';
import { entropyToMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { describe, expect, it } from 'vitest';
import { formatLockedKey, formatRecoveryKey, parseKeyFile } from '../../daemon/vault/key-file.ts';
import { createRecoveryKey, type RecoveryKey } from '../../daemon/vault/recovery-key.ts';

const key = createRecoveryKey(randomBytes(16), randomBytes(32));
const text = formatRecoveryKey(key);
/** Little stretching: how hard it is to guess is no matter here. */
const LOG_N = 10;

function opened(typed: string): RecoveryKey {
  const file = parseKeyFile(typed);
  if (file.kind === 'locked') throw new Error('locked');
  return file.key;
}

function expectSame(back: RecoveryKey): void {
  expect(back.privateKey.reveal()).toEqual(key.privateKey.reveal());
  expect([back.vaultId, back.verifyKey, back.publicKey]).toEqual([key.vaultId, key.verifyKey, key.publicKey]);
}

/** Every line with one digit changed, and the digits it holds. */
function* mistyped(text: string): Generator<{ typed: string; digits: string }> {
  const lines = text.split('\n');
  for (const [number, line] of lines.entries()) {
    if (line.startsWith('#') || line === '') continue;
    for (let at = line.indexOf(':') + 1; at < line.length; at++) {
      if (!/[0-9a-f]/.test(line[at] ?? '')) continue;
      const typed = [...lines];
      typed[number] = `${line.slice(0, at)}${line[at] === '0' ? '1' : '0'}${line.slice(at + 1)}`;
      yield { typed: typed.join('\n'), digits: line.slice(20, 30) };
    }
  }
}

describe('a recovery key', () => {
  it('survives printing and typing', () => {
    for (const typed of [
      text,
      text.toUpperCase().replace(/^#.*\n/gm, ''),
      text.replaceAll(' ', '  '),
      text.replaceAll('\n', '\r\n'),
    ]) {
      expectSame(opened(typed));
    }
  });

  it('may be typed as the 24 words of its sheet', () => {
    const words = entropyToMnemonic(key.privateKey.reveal(), wordlist);
    const typed = (line: string) => text.replace(/^private-key: .*$/m, `private-key: ${line}`);
    expectSame(opened(typed(words)));
    expectSame(opened(typed(words.toUpperCase().replaceAll(' ', '   '))));
    const swapped = words.split(' ');
    const other = wordlist.find((word) => word !== swapped[3]) ?? '';
    for (const [line, what] of [
      [words.replace(/^\w+/, 'portcullis'), /not of its format|not in the list, word 1/],
      [words.replace(/^\w+/, 'gatehous'), 'not in the list, word 1'],
      [swapped.with(3, other).join(' '), /checksum/],
      [swapped.slice(1).join(' '), 'not of its format'],
    ] as const) {
      // One in 256 wrong words has the right checksum: then it is another key.
      let wrong: unknown;
      try {
        wrong = opened(typed(line)).publicKey.equals(key.publicKey);
      } catch (error) {
        wrong = error;
        expect(String(error)).toMatch(what);
        expect(String(error)).not.toContain(swapped[5]);
      }
      expect(wrong).not.toBe(true);
    }
  });

  it('shows every mistyped digit, naming the line and never its content', () => {
    for (const { typed, digits } of mistyped(text)) {
      let error: unknown;
      try {
        opened(typed);
      } catch (thrown) {
        error = thrown;
      }
      expect(error, typed).toMatchObject({ code: 'vault.key' });
      expect(String(error)).not.toContain(digits);
    }
  });

  it('is refused when a line is missing', () => {
    for (const field of ['format', 'vault-id', 'verify-key', 'private-key']) {
      expect(() => parseKeyFile(text.replace(new RegExp(`^${field}.*\n`, 'm'), ''))).toThrow(field);
    }
    expect(() => parseKeyFile('')).toThrow('no recovery key');
  });
});

describe('a recovery key with a passphrase', () => {
  const passphrase = 'correct horse Zürich';

  async function unlock(typed: string, with_: string): Promise<RecoveryKey> {
    const file = parseKeyFile(typed);
    if (file.kind === 'open') throw new Error('open');
    return file.unlock(with_);
  }

  it('opens with it, however the keyboard composes it, and with no other', async () => {
    const locked = await formatLockedKey(key, passphrase, LOG_N);
    expectSame(await unlock(locked, passphrase));
    expectSame(await unlock(locked, passphrase.normalize('NFD')));
    await expect(unlock(locked, 'correct horse Zurich')).rejects.toMatchObject({ code: 'vault.passphrase' });
    await expect(unlock(locked, '')).rejects.toMatchObject({ code: 'vault.passphrase' });
  });

  it('shows the private key nowhere, and no two files of one key are alike', async () => {
    const [one, two] = [await formatLockedKey(key, passphrase, LOG_N), await formatLockedKey(key, passphrase, LOG_N)];
    const line = (of: string) => /^protected-key: (.*)$/m.exec(of)?.[1]?.replaceAll(' ', '') ?? '';
    expect(line(one)).not.toBe(line(two));
    expect(one.replaceAll(' ', '')).not.toContain(key.privateKey.reveal().toString('hex'));
    expect(one).not.toContain('private-key');
  });

  it('belongs to its vault: nobody makes it name another', async () => {
    const locked = await formatLockedKey(key, passphrase, LOG_N);
    const other = formatRecoveryKey(createRecoveryKey(randomBytes(16), randomBytes(32)));
    for (const field of ['vault-id', 'verify-key']) {
      const line = new RegExp(`^${field}: .*$`, 'm');
      const moved = locked.replace(line, line.exec(other)?.[0] ?? '');
      await expect(unlock(moved, passphrase), field).rejects.toMatchObject({ code: 'vault.passphrase' });
    }
  });

  it('cannot make this machine take more than a gigabyte, nor stretch by nothing', async () => {
    const locked = await formatLockedKey(key, passphrase, LOG_N);
    for (const head of ['0a08 0101', '1508 0100', 'ff08 0100', '0908 0100', '0a09 0100', '0a00 0100', '0a08 0500']) {
      const value = /^protected-key: (.*) \[/m.exec(locked)?.[1]?.replace(/^.{9}/, head) ?? '';
      const { createHash } = await import('node:crypto');
      const bytes = Buffer.from(value.replaceAll(' ', ''), 'hex');
      const check = createHash('sha256').update('protected-key:').update(bytes).digest('hex').slice(0, 8);
      const forged = locked.replace(/^protected-key: .*$/m, `protected-key: ${value} [${check}]`);
      await expect(unlock(forged, passphrase), head).rejects.toMatchObject({ code: 'vault.key' });
    }
  });

  it('stretches with 128 MiB unless told otherwise', async () => {
    expect(await formatLockedKey(key, passphrase)).toMatch(/^protected-key: 1108 0100 /m);
  });
});
