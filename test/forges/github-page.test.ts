import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { COLLECTIONS } from '../../daemon/forges/forge.ts';

const page = readFileSync(new URL('../../docs/sources-github.md', import.meta.url), 'utf8');

it('the page on GitHub says of every collection how it is backed up', () => {
  const section = /## What is backed up\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z]+)`/g)].map(([, name]) => name));
  expect(named.sort()).toEqual([...COLLECTIONS].sort());
});

it('the page on GitHub says of every collection what its token needs', () => {
  const section = /## The token\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  for (const name of COLLECTIONS) expect(section, name).toContain(`\`${name}\``);
});
