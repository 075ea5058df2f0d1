import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_REGISTER, type ErrorCode } from '../../daemon/base/errors.ts';
import { filesUnder, ROOT } from './tree.ts';

/** The row of docs/errors.md that says all the register does. */
function row(code: ErrorCode): string {
  const { exit, status, remedy } = ERROR_REGISTER[code];
  return `| \`${code}\` | ${exit} | ${status} | ${remedy.replaceAll('|', '\\|')} |`;
}

const codes = Object.keys(ERROR_REGISTER) as ErrorCode[];

it('docs/errors.md has one row for every code, as the register has it, and no other', async () => {
  const document = await readFile(join(ROOT, 'docs/errors.md'), 'utf8');
  const rows = document.split('\n').filter((line) => line.startsWith('| `'));
  const wanted = codes.map(row);
  const missing = wanted.filter((line) => !rows.includes(line));
  const surplus = rows.filter((line) => !wanted.includes(line));
  if (missing.length > 0 || surplus.length > 0)
    throw new Error(
      `docs/errors.md and daemon/base/errors.ts disagree.\nRows to add:\n${missing.join('\n')}\nRows to remove:\n${surplus.join('\n')}\n`,
    );
  expect(rows).toHaveLength(codes.length);
});

it('every code is used somewhere', async () => {
  const files = (await filesUnder('daemon', '.ts')).filter((file) => file !== 'daemon/base/errors.ts');
  const text = (await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')))).join('\n');
  expect(codes.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});
