import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FORMATS, RULE_SUBJECTS } from '../../daemon/config/schema.ts';

const page = readFileSync(new URL('../../docs/alert-rules.md', import.meta.url), 'utf8');
/** The first cells of the table whose head begins with `column`. */
const rowsOf = (column: string) => {
  const [, table = ''] = page.split(`| \`${column}\` |`);
  const [rows = ''] = table.split('\n\n', 1);
  return [...rows.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
};

test('docs/alert-rules.md lists every subject and every format', () => {
  expect(rowsOf('on')).toEqual([...RULE_SUBJECTS]);
  expect(rowsOf('format')).toEqual([...FORMATS]);
});
