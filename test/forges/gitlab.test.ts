import { gitlabForge } from '../../daemon/forges/gitlab.ts';
import type { Thing } from './api-mock.ts';
import { forgeContract } from './contract.ts';
import { GITLAB_TOKEN, seededGitlab } from './gitlab-seed.ts';

forgeContract('gitlab', {
  seed: () => seededGitlab(),
  token: GITLAB_TOKEN,
  owner: 'acme',
  path: 'acme/app',
  make: gitlabForge,
  without: [],
  secret: ['variables', 'secrets', 'webhooks', 'workflows'],
  denied: {
    status: 403,
    body: {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges than provided by the access token.',
      scope: 'api read_api',
    },
    needs: 'scope api or read_api',
  },
  touch(mock) {
    const issues = mock.at('/projects/9/issues') as Thing[];
    Object.assign(issues[1] ?? {}, { title: 'Touched', updated_at: mock.tick() });
  },
});
