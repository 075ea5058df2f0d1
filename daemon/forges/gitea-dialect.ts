import type { Refusal } from './forge.ts';
import type { Dialect, Refused } from './rest.ts';

/**
 * Gitea's REST API v1, which Forgejo shares: how a token is shown, and what a refusal means. A token without a scope gets 403 with
 * `token does not have at least one of required scope(s): [read:issue]`. Source: docs.gitea.com/development/oauth2-provider, "Scopes".
 */
export const giteaDialect: Dialect = {
  headers: (token) => ({ authorization: `token ${token}`, accept: 'application/json' }),
  refusalOf,
  mayKeep: ({ pathname }) => !/\/(variables|secrets|hooks)(\/|$)/.test(pathname),
};

function refusalOf({ status, message }: Refused): Refusal {
  if (status === 401) return { kind: 'unauthenticated' };
  if (status === 403) {
    const scopes = /required scope\(s\): \[?([^\]\n]{1,100})\]?/.exec(message)?.[1];
    return {
      kind: 'denied',
      needs: scopes === undefined ? 'an owner or administrator of the repository as its user' : `the scope ${scopes}`,
    };
  }
  if (status === 404 || status === 405 || status === 409 || status === 501) return { kind: 'disabled' };
  return { kind: 'failed' };
}
