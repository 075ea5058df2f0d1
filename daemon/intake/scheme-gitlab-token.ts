import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { generateText, headerFault, isOneOf } from './text-secret.ts';

/** GitLab's secret token, `X-Gitlab-Token: TOKEN` (docs.gitlab.com, user/project/integrations/webhooks). */
export const gitlabToken: Scheme<'gitlab-token'> = {
  fault: (secret) => headerFault(secret),
  generate: generateText,
  strength: () => 'shared secret in a header',

  authenticator({ secrets }) {
    const known = isOneOf(secrets.map((secret) => secret.reveal()));
    return (rawHeaders) => {
      const token = soleHeader(rawHeaders, 'x-gitlab-token');
      if (!token) return refused('It carries no single X-Gitlab-Token.');
      return known(token) ? { kind: 'authentic' } : refused('Its token is wrong.');
    };
  },
};
