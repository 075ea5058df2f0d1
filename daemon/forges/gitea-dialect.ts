import type { Refusal } from './forge.ts';
import type { Dialect, Refused } from './rest.ts';

/**
 * How Gitea and Forgejo take a token, and what a refusal means. A token that lacks a scope gets 403 with
 * `token does not have at least one of required scope(s): [read:issue]`, in newer versions
 * `… required scope(s), required=[read:issue], token scope=…`; a person who lacks a right gets 403 in words of its own.
 * What is switched off or unknown to this version is 404, 405 or 501.
 * Source of the scopes: docs.gitea.com/development/oauth2-provider.
 */
export const giteaDialect: Dialect = {
  headers: (token) => ({ authorization: `token ${token}`, accept: 'application/json' }),
  refusalOf,
  // A webhook's answer has its authorization header.
  mayKeep: ({ pathname }) => !/\/(variables|secrets|hooks)(\/|$)/.test(pathname),
  // Links are written with ROOT_URL, whatever address the forge was asked at.
  next(link, from) {
    const next = new URL(from);
    next.search = link.search;
    return next;
  },
};

function refusalOf({ status, message }: Refused): Refusal {
  switch (status) {
    case 401:
      return { kind: 'unauthenticated' };
    case 403:
      return { kind: 'denied', needs: needsOf(message) };
    case 404:
    case 405:
    case 409:
    case 410:
    case 501:
      return { kind: 'disabled' };
    default:
      return { kind: 'failed' };
  }
}

function needsOf(message: string): string {
  const scopes = /required scope\(s\)[^[]*\[([^\]]+)\]/.exec(message)?.[1];
  if (scopes !== undefined) return `the scope ${scopes.split(/[,\s]+/).join(' or ')}`;
  return message === '' ? 'more rights (the forge does not say which)' : `rights it does not have (${message})`;
}
