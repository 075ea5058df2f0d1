import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOfPath, pathInside, pathOfKey } from '../../daemon/sources/s3-keys.ts';
import { isSafePath } from '../../daemon/vault/paths.ts';

/** Keys that are no paths. */
const STRANGE = [
  '/leading',
  '..',
  '.',
  '../../etc/passwd',
  'a//b',
  'a/',
  '/',
  '//',
  'a/./b',
  'a/../b',
  '%',
  '%2F',
  '%-',
  'a/%+',
  '%41',
  'a b',
  ' a',
  '!a',
  'tab\there',
  'line\nbreak',
  '\u0001',
  '\u007f',
  '\u0085',
  'naïve/😀',
  '\u2028',
  'k'.repeat(1024),
  `${'k'.repeat(240)}..`,
  `${'k'.repeat(240)}.`,
  '😀'.repeat(256),
  '\u0001'.repeat(1024),
  `${'/'.repeat(1024)}`,
];

describe('keys as paths', () => {
  const good = (key: string) => {
    for (const path of [pathOfKey(key), pathInside(pathOfKey(key))]) {
      expect(isSafePath(Buffer.from(path)), path).toBe(true);
      for (const name of path.split('/')) expect(Buffer.byteLength(name), path).toBeLessThanOrEqual(255);
      expect(keyOfPath(path)).toBe(key);
    }
  };

  it.each(STRANGE.map((key) => [key]))('gives %j a path that gives it back', good);

  it('gives every key a path that gives it back, and no two the same', () => {
    const part = fc.oneof(
      fc.constantFrom('', '.', '..', '%', '%-', '%+', '~', ' ', '%41', 'a', 'k'.repeat(250)),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    const key = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/').toWellFormed());
    fc.assert(fc.property(key, good), { numRuns: 500 });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const taken = (one: string) => [pathOfKey(one), pathInside(pathOfKey(one))];
        expect(a !== b && taken(a).some((path) => taken(b).includes(path))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves an ordinary key as it is', () => {
    expect(pathOfKey('photos/2026/a b (1).jpg')).toBe('photos/2026/a b (1).jpg');
  });
});
