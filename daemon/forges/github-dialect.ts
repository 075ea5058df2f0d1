import type { Refusal } from './forge.ts';
import { inWords, needAt } from './github-needs.ts';
import type { Dialect, Refused } from './rest.ts';

/** GitHub's REST API, version 2022-11-28: how a token is shown, and where an answer may be kept. */
export const githubDialect: Dialect = {
  headers: (token) => ({
    authorization: `Bearer ${token}`,
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
  }),
  refusalOf: (refused) => refusalOf(refused),
  mayKeep: ({ pathname }) => !/\/(variables|secrets|hooks)(\/|$)/.test(pathname),
};

/**
 * What a refusal means; `path` is that of the request. A fine-grained token that lacks a permission gets 403 with
 * `x-accepted-github-permissions`; a classic one 403 or 404 with `x-accepted-oauth-scopes` beside its own
 * `x-oauth-scopes`. What is switched off is 404 or 410, and 403 where the plan does not have it. What only an
 * administrator may see is 404 for everybody else.
 */
export function refusalOf({ status, headers, message }: Refused, path = ''): Refusal {
  if (status === 401) return { kind: 'unauthenticated' };
  if (status === 410) return { kind: 'disabled' };
  // An empty repository has no branches, and says so in this way.
  if (status === 409 && /empty/i.test(message)) return { kind: 'disabled' };
  const need = needAt(path);
  if (status === 403) {
    if (/upgrade to|not available|(is|are|been) disabled|must be (an organization owned|part of)|has no/i.test(message))
      return { kind: 'disabled' };
    const needs = needsOf(headers) ?? (need && inWords(need));
    return { kind: 'denied', needs: needs ?? 'more permissions (GitHub does not say which)' };
  }
  if (status === 404) {
    const scopes = lackingScopes(headers);
    if (scopes !== undefined) return { kind: 'denied', needs: scopes };
    // Of a branch that only a ruleset protects, which stands among those.
    if (/not protected/i.test(message)) return { kind: 'disabled' };
    if (need?.missing === 'hidden') return { kind: 'denied', needs: needsOf(headers) ?? inWords(need) };
    return { kind: need?.missing === 'off' ? 'disabled' : 'absent' };
  }
  return { kind: 'failed' };
}

function needsOf(headers: Headers): string | undefined {
  const permissions = headers.get('x-accepted-github-permissions');
  if (permissions !== null && permissions !== '')
    return permissions
      .split(';')
      .map((all) =>
        all
          .split(',')
          .map((one) => one.trim().replace('=', ': '))
          .join(' and '),
      )
      .join(', or ');
  return lackingScopes(headers);
}

/** The scopes a classic token would need, where it has none of them. */
function lackingScopes(headers: Headers): string | undefined {
  const has = listOf(headers.get('x-oauth-scopes'));
  const accepted = listOf(headers.get('x-accepted-oauth-scopes'));
  if (has === undefined || accepted === undefined || accepted.length === 0) return undefined;
  if (accepted.some((scope) => has.includes(scope))) return undefined;
  return `the scope ${accepted.join(' or ')}`;
}

function listOf(header: string | null): string[] | undefined {
  return header === null ? undefined : header.split(',').flatMap((scope) => scope.trim() || []);
}
