import { githubForge } from '../../daemon/forges/github.ts';
import type { Thing } from './api-mock.ts';
import { forgeContract } from './contract.ts';
import { GITHUB_TOKEN, seededGithub } from './github-seed.ts';

forgeContract('github', {
  seed: () => seededGithub(),
  token: GITHUB_TOKEN,
  owner: 'acme',
  path: 'acme/app',
  make: githubForge,
  without: [],
  secret: ['variables', 'webhooks'],
  denied: {
    status: 403,
    headers: { 'x-accepted-github-permissions': 'actions_variables=read' },
    body: { message: 'Resource not accessible by personal access token' },
    needs: 'actions_variables: read',
  },
  touch(mock) {
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    Object.assign(issues[1] ?? {}, { title: 'Touched', updated_at: mock.tick() });
  },
});
