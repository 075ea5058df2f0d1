import type { Refusal } from './forge.ts';
import type { Dialect, Refused } from './rest.ts';

/**
 * GitLab's REST API v4: how a token is shown, and what a refusal means. A token without a scope gets 403 with `insufficient_scope`
 * and the scopes that would do; one whose user has too low a role a plain 403. What an edition or a project does not
 * have is 404. Source: docs.gitlab.com/api/rest, "Status codes" and "Authentication".
 */
export const gitlabDialect: Dialect = {
  headers: (token) => ({ authorization: `Bearer ${token}`, accept: 'application/json' }),
  refusalOf,
  mayKeep: ({ pathname }) => !/\/(variables|hooks|pipeline_schedules|deploy_tokens)(\/|$)/.test(pathname),
};

function refusalOf({ status, message, text }: Refused): Refusal {
  if (status === 401) return { kind: 'unauthenticated' };
  if (status === 403) {
    const scope = /"scope"\s*:\s*"([^"]{1,100})"/.exec(text)?.[1];
    if (/insufficient_scope/.test(text))
      return { kind: 'denied', needs: `the scope ${scope?.replaceAll(' ', ' or ') ?? 'read_api'}` };
    if (/feature is not available|disabled/i.test(message)) return { kind: 'disabled' };
    return { kind: 'denied', needs: 'a higher role of its user (Maintainer reads everything)' };
  }
  if (status === 404 || status === 405) return { kind: 'disabled' };
  return { kind: 'failed' };
}
