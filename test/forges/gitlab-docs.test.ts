import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { COLLECTIONS } from '../../daemon/forges/forge.ts';
import { gitlabForge } from '../../daemon/forges/gitlab.ts';

const PAGE = readFileSync(new URL('../../docs/sources-gitlab.md', import.meta.url), 'utf8');
const rows = new Map(
  PAGE.split('\n')
    .filter((line) => /^\| `\w+` \|/.test(line))
    .map((line) => {
      const [, name = '', what = '', groups = ''] = line.split('|').map((cell) => cell.trim());
      return [name.replaceAll('`', ''), { what, groups }];
    }),
);

const forge = gitlabForge({
  url: 'https://gitlab.example',
  owner: 'acme',
  token: Secret.fromText('none'),
  cache: '/nowhere',
  clock: systemClock,
});

it('names every collection, in their order, and no other', () => {
  expect([...rows.keys()]).toEqual([...COLLECTIONS]);
});

it('says of each whether it is of class secret, and whether only changes are read', () => {
  for (const { name, secret, reach } of forge.ofRepository) {
    const { what = '' } = rows.get(name) ?? {};
    expect(what.includes('class secret'), name).toBe(secret);
    expect(what.includes('*changes*'), name).toBe(reach === 'changes');
  }
});

it('says of each whether groups have it', () => {
  const ofGroups = new Set(forge.ofOwner.map(({ name }) => name));
  for (const [name, { groups }] of rows) {
    // Epics are the issues of groups, and stand where the boards do.
    expect(groups !== '' && !groups.includes('see `'), name).toBe(ofGroups.has(name as 'labels'));
  }
});

it('names the scopes the client asks for', () => {
  expect(PAGE).toContain('`read_api`');
  expect(PAGE).toContain('`read_repository`');
});
