import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { beginsAsNamed } from '../../daemon/vault/file-types.ts';

const looks = (name: string, head: Uint8Array) => beginsAsNamed(Buffer.from(name), head);

describe('a file', () => {
  it('begins as its name says', () => {
    expect(looks('a/b.GZ', gzipSync('x'))).toBe(true);
    expect(looks('x.png', Buffer.from('89504e470d0a1a0a00', 'hex'))).toBe(true);
    expect(looks('x.mp4', Buffer.from('\0\0\0\x20ftypisom', 'latin1'))).toBe(true);
    expect(looks('x.docx', Buffer.from('PK\x03\x04', 'latin1'))).toBe(true);
    for (const text of ['a,b\r\n1,2\n', 'Grüße, 世界\n', 'Gr\xfc\xdfe'])
      expect(looks('x.csv', Buffer.from(text, text.includes('世') ? 'utf8' : 'latin1'))).toBe(true);
    expect(looks('x.csv', Buffer.from('\ufeffa', 'utf16le'))).toBe(true);
    expect(looks('own.ts', readFileSync(new URL(import.meta.url).pathname))).toBe(true);
  });

  it('is another when it was encrypted, whatever its kind', () => {
    for (const end of ['ts', 'csv', 'jpg', 'pdf', 'zip', 'xlsx', 'sqlite', 'gz', 'mov']) {
      for (let round = 0; round < 50; round++) expect(looks(`x.${end}`, randomBytes(512)), end).toBe(false);
    }
  });

  it('says nothing where its name does not', () => {
    for (const name of ['x', 'x.', '.bashrc', 'x.bin', 'x.constructor', 'x.toString', 'a.b/c', 'x.verylongend'])
      expect(looks(name, randomBytes(100)), name).toBeUndefined();
    expect(looks('x.png', Buffer.alloc(0))).toBeUndefined();
  });
});
