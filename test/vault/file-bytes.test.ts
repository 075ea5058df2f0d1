import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdsBytes, writeBytes } from '../../daemon/vault/file-bytes.ts';

describe('the bytes of a restored file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-bytes-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are the content, whatever the list says was a hole', async () => {
    const byte = fc.constantFrom(0, 0, 0, 7);
    const hole = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 20 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(byte, { minLength: 1, maxLength: 15 })),
        fc.array(hole),
        async (parts, gaps) => {
          let end = 0;
          const holes = gaps.map(([skip, length]) => {
            const offset = end + skip;
            end = offset + length;
            return [offset, length] as const;
          });
          const content = async function* () {
            for (const part of parts) yield Buffer.from(part);
          };
          const path = join(folder, 'file');
          const file = await open(path, 'w+');
          try {
            await writeBytes(file, { holes }, content());
            expect(await holdsBytes(file, {}, content)).toBe(true);
          } finally {
            await file.close();
          }
          expect(await readFile(path)).toEqual(Buffer.from(parts.flat()));
        },
      ),
    );
  });
});
