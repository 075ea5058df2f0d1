import { expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { needsNetwork } from '../../daemon/sources/open.ts';

it.each([
  ['https://example.org/a.git', true],
  ['ssh://git@example.org/a.git', true],
  ['git@example.org:a/b.git', true],
  ['file:///srv/a.git', false],
  ['/srv/a.git', false],
  ['../a.git', false],
])('whether a repository at %s needs the network: %s', (url, needs) => {
  expect(needsNetwork({ kind: 'git', name: 'a', url })).toBe(needs);
});

it.each(['github', 'gitlab', 'gitea'] as const)('%s needs the network', (kind) => {
  const token = Secret.fromText('x');
  const url = 'https://forge.example';
  expect(needsNetwork({ kind, name: 'a', url, owner: 'acme', token, include: [], exclude: [] })).toBe(true);
});

it('a program may need it, a directory of this box does not', () => {
  const command = { kind: 'command', name: 'a', command: ['pg_dump'], file: 'x', timeout: '1h' } as const;
  expect(needsNetwork(command)).toBe(true);
  expect(needsNetwork({ kind: 'directory', name: 'a', path: '/srv', exclude: [], canaries: [] })).toBe(false);
});
