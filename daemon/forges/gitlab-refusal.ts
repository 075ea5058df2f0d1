import type { Json } from '../base/canonical.ts';
import { ForgeError } from './forge.ts';

/** Longest piece of an answer that is quoted. */
const QUOTED = 200;

/**
 * What an answer of GitLab that is not a success means. `what` names what was asked for, `needs` the role and scope it takes;
 * where GitLab itself names the missing scope (RFC 6750, `insufficient_scope`), that counts.
 */
export function refusalOf(status: number, json: Json | undefined, what: string, needs: string): ForgeError {
  const said = saidBy(json);
  const because = said === '' ? `status ${status}` : `status ${status}: ${said}`;
  if (status === 401) {
    return new ForgeError({ kind: 'unauthenticated' }, `GitLab does not take the token (${because})`);
  }
  if (status === 403) {
    const scope = member(json, 'error') === 'insufficient_scope' ? member(json, 'scope') : undefined;
    const missing = typeof scope === 'string' && scope !== '' ? `a token with the scope ${anyOf(scope)}` : needs;
    return new ForgeError({ kind: 'denied', needs: missing }, `GitLab denies ${what} (${because})`);
  }
  if (status === 404) return new ForgeError({ kind: 'absent' }, `GitLab does not find ${what} (${because})`);
  return new ForgeError({ kind: 'failed' }, `GitLab could not give ${what} (${because})`);
}

/** The same error for a feature that an edition may lack or a project switch off: what is not there then loses nothing. */
export function optional(error: unknown): unknown {
  if (!(error instanceof ForgeError) || error.refusal.kind !== 'absent') return error;
  // So it says that the whole project is gone or hidden, which is another thing.
  if (/404 (Project|Group|User) Not Found/i.test(error.message)) return error;
  return new ForgeError({ kind: 'disabled' }, error.message, { cause: error });
}

/** What GitLab said, on one line. Only from the members it has for that: everything else could be anybody's. */
export function saidBy(json: Json | undefined): string {
  const said = ['message', 'error_description', 'error']
    .map((name) => member(json, name))
    .find((one) => one !== undefined);
  const text = typeof said === 'string' ? said : said === undefined || said === null ? '' : JSON.stringify(said);
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}

function anyOf(scopes: string): string {
  return scopes.split(/[\s,]+/).join(' or ');
}

function member(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  return (json as { readonly [key: string]: Json })[name];
}
