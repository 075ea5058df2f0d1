import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, PortcullisError } from '../../daemon/base/errors.ts';
import type { SecretRef } from '../../daemon/config/schema.ts';
import { loadSecret } from '../../daemon/config/secret.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-secret-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(ref: SecretRef, environment = {}): string {
  return loadSecret(ref, environment).reveal().toString('latin1');
}

describe('loadSecret', () => {
  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter2 ', ' hunter2 '],
    ['\xff\x00\xfe\n', '\xff\x00\xfe'],
  ])('takes %j from a file as %j', (content, secret) => {
    const file = join(folder, 's');
    writeFileSync(file, content, 'latin1');
    expect(load({ file })).toBe(secret);
    expect(load({ credential: 's' }, { CREDENTIALS_DIRECTORY: folder })).toBe(secret);
  });

  it('takes an environment variable as it is', () => {
    expect(load({ env: 'TOKEN' }, { TOKEN: 'hunter2\n' })).toBe('hunter2\n');
  });

  it.each<[string, () => SecretRef, RegExp]>([
    ['an absent file', () => ({ file: join(folder, 'x') }), /file .*\/x, which does not exist/],
    [
      'an empty file',
      () => {
        writeFileSync(join(folder, 'x'), '\n');
        return { file: join(folder, 'x') };
      },
      /file .*\/x, which is empty/,
    ],
    [
      'a directory',
      () => {
        mkdirSync(join(folder, 'x'));
        return { file: join(folder, 'x') };
      },
      /file .*\/x, which is not a regular file/,
    ],
    [
      'a FIFO',
      () => {
        execFileSync('mkfifo', [join(folder, 'x')]);
        return { file: join(folder, 'x') };
      },
      /file .*\/x, which is not a regular file/,
    ],
    [
      'a large file',
      () => {
        writeFileSync(join(folder, 'x'), 'x'.repeat(65_537));
        return { file: join(folder, 'x') };
      },
      /larger than 65536 bytes/,
    ],
    ['an unset variable', () => ({ env: 'ABSENT' }), /environment variable ABSENT, which is not set/],
    ['an empty variable', () => ({ env: 'EMPTY' }), /environment variable EMPTY, which is empty/],
    [
      'a credential without systemd',
      () => ({ credential: 'x' }),
      /credential x, because systemd passed no credentials/,
    ],
  ])('refuses %s and names it', (_title, arrange, why) => {
    const ref = arrange();
    let thrown: unknown;
    try {
      loadSecret(ref, { EMPTY: '' });
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof PortcullisError)) throw new Error('nothing was refused');
    expect(hasCode(thrown, 'config.secret')).toBe(true);
    expect(thrown.what).toMatch(why);
  });

  it('puts nothing of the content into an error', () => {
    const file = join(folder, 's');
    writeFileSync(file, 'hunter2'.repeat(20_000));
    expect(() => loadSecret({ file }, {})).toThrow(/larger/);
    try {
      loadSecret({ file }, { TOKEN: 'hunter2' });
    } catch (error) {
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
    }
  });
});
