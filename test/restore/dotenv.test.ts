import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { Variable } from '../../daemon/forges/view.ts';
import { dotenv, isPortable } from '../../daemon/restore/dotenv.ts';

const folder = mkdtempSync(join(tmpdir(), 'portcullis-dotenv-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Names that no shell has a use of its own for. */
const named = (values: readonly string[]): Variable[] => values.map((value, index) => ({ name: `V${index}`, value }));

/** What a shell has in its variables after reading the file. */
function sourced(text: string, names: readonly string[], shell = 'sh'): string[] {
  const path = join(folder, 'a.env');
  writeFileSync(path, text);
  const print = names.map((name) => `printf '%s\\0' "$${name}"`).join('; ');
  const printed = execFileSync(shell, ['-c', `set -a; . "$0"; ${print}`, path], {
    encoding: 'utf8',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return printed.split('\0').slice(0, -1);
}

const awkward = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom("'", '"', '\\', '$', '`', '!', '\n', '\r', '#', ' ', '=', 'a', '~', '{', 'é', '\t'),
  }),
);
const values = fc.array(
  awkward.map((value) => value.replaceAll('\0', '').toWellFormed()),
  { minLength: 1, maxLength: 60 },
);

it.each(['sh', 'bash'])('%s reads every value exactly as it was', (shell) => {
  fc.assert(
    fc.property(values, (all) => {
      const variables = named(all);
      expect(
        sourced(
          dotenv(variables),
          variables.map(({ name }) => name),
          shell,
        ),
      ).toEqual(all);
    }),
    { numRuns: 40 },
  );
});

it("what is called portable, Node's own reader takes as it is too", () => {
  fc.assert(
    fc.property(values, (all) => {
      const variables = named(all).filter(({ value = '' }) => isPortable(value));
      const read = parseEnv(dotenv(variables));
      expect(variables.map(({ name }) => read[name])).toEqual(variables.map(({ value }) => value));
    }),
    { numRuns: 300 },
  );
});

it('a secret, a name no shell takes and a NUL are comments, which no text gets out of', () => {
  const variables: Variable[] = [
    { name: 'KEY' },
    { name: 'A-B', value: 'x' },
    { name: 'X\nEVIL=1', value: 'x' },
    { name: 'Y\r\nEVIL=1' },
    { name: 'NUL', value: 'a\0b' },
    { name: 'CERT', value: 'one\ntwo', file: true },
    { name: 'LAST', value: 'last' },
  ];
  const text = dotenv(variables);
  expect(sourced(text, ['KEY', 'EVIL', 'NUL', 'CERT', 'LAST'])).toEqual(['', '', '', 'one\ntwo', 'last']);
  expect(text).toContain('# KEY: a secret; the forge gives nobody its value\n');
  expect(text).toContain('# CERT is the content of a file at the forge\n');
});
