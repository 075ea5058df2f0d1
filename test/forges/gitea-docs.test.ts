import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { COLLECTIONS } from '../../daemon/forges/forge.ts';
import { giteaForge } from '../../daemon/forges/gitea.ts';

const PAGE = readFileSync(new URL('../../docs/sources-gitea.md', import.meta.url), 'utf8');
const rows = new Map(
  PAGE.split('\n')
    .filter((line) => /^\| `\w+` \|/.test(line))
    .map((line) => {
      const [, name = '', what = '', organisation = ''] = line.split('|').map((cell) => cell.trim());
      return [name.replaceAll('`', ''), { what, organisation }];
    }),
);
const forge = giteaForge({
  url: 'https://gitea.example',
  owner: 'acme',
  token: Secret.fromText('none'),
  cache: '/nowhere',
  clock: systemClock,
});

it('names every collection there is, in their order, and no other', () => {
  const names = new Set([...forge.ofOwner, ...forge.ofRepository].map(({ name }) => name));
  expect([...rows.keys()]).toEqual(COLLECTIONS.filter((name) => names.has(name)));
});

it('says of each whether it is of class secret, whether only changes are read, and whether organisations have it', () => {
  for (const { name, secret, reach } of [...forge.ofOwner, ...forge.ofRepository]) {
    const { what = '' } = rows.get(name) ?? {};
    expect(what.includes('class secret'), name).toBe(secret);
    if (forge.ofRepository.some((one) => one.name === name && one.reach === reach))
      expect(what.includes('*changes*'), name).toBe(reach === 'changes');
  }
  const ofOwner = new Set<string>(forge.ofOwner.map(({ name }) => name));
  for (const [name, { organisation }] of rows) expect(organisation !== '', name).toBe(ofOwner.has(name));
});
