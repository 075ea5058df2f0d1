import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { PACK } from '../../daemon/alerts/pack.ts';
import type { PackRule } from '../../daemon/alerts/pack-words.ts';
import { rulesOfAll } from '../../daemon/alerts/rule-set.ts';
import { configSchema, FORMATS, RULE_SUBJECTS } from '../../daemon/config/schema.ts';

const file = new URL('../../docs/alert-rules.md', import.meta.url);
const page = readFileSync(file, 'utf8');
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

const actOf = ({ act, rate }: PackRule) => {
  if (rate === undefined) return act;
  const per = rate.per === undefined ? '' : ` per \`${rate.per.join('.')}\``;
  return `${act}: ${rate.count} within ${rate.within}${per}`;
};

test('docs/alert-rules.md lists every shipped rule; `npx vitest run -u` on this file writes the list anew', async () => {
  const rows = PACK.map((rule) => `| \`${rule.id}\` | ${rule.on} | ${actOf(rule)} | ${rule.reason} | ${rule.source} |`);
  const head = '| id | on | act | what | source |\n| --- | --- | --- | --- | --- |\n';
  const [before = '', after = ''] = page.split(head, 2);
  const rest = after.slice(after.search(/^(?!\|)/m));
  await expect(`${before}${head}${rows.join('\n')}\n${rest}`).toMatchFileSnapshot(file.pathname);
});

test('the example of rules for all sources is one that intake takes', () => {
  const [, section = ''] = page.split('## Shipped rules');
  const example: unknown = parse(/```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? '');
  const { rules } = configSchema.shape.intake.parse((example as { intake: unknown }).intake);
  expect(rules.length).toBeGreaterThan(3);
  expect(rulesOfAll(rules).length).toBe(PACK.length);
});
