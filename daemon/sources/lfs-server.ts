import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import { hostOf, parseAddress } from './git-address.ts';
import { type Credentials, type Git, isRefusal, type SshAccess, sshOptions } from './git-tool.ts';
import { capture } from './program.ts';

/** Where the large files of a repository are to be had. */
export type LfsServer =
  | { readonly kind: 'http'; readonly url: URL; readonly headers: Readonly<Record<string, string>> }
  /** A repository on this machine: its folder `lfs/objects`. */
  | { readonly kind: 'folder'; readonly path: string };

export interface ServerQuestion {
  readonly git: Git;
  /** The bare mirror. */
  readonly mirror: string;
  /** Of the origin, without credentials. */
  readonly address: string;
  readonly credentials: Credentials | undefined;
  readonly ssh: SshAccess | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * Finds the LFS server of a repository as `git-lfs` does (docs/api/server-discovery.md), except that what anybody can
 * push, the file `.lfsconfig`, may name another address of the origin's own host, but no other host and no program.
 * Rejects with what to do when there is none to ask.
 */
export async function lfsServer(question: ServerQuestion): Promise<LfsServer> {
  const { git, mirror, address, credentials } = question;
  const origin = parseAddress(address);
  if (origin === undefined) throw new Error('the origin has no address that an LFS server follows from');
  const named = await urlInLfsconfig(git, mirror);
  if (named !== undefined) {
    const to = parseAddress(named);
    if (to?.kind !== 'http' || hostOf(to) !== hostOf(origin))
      throw new Error(
        `the repository's .lfsconfig names another LFS server, ${describe(named)}, which is not asked because whoever can push can write that; make it a server of the origin's host, or keep these objects as a source of their own`,
      );
    return { kind: 'http', url: new URL(trimmed(to.url)), headers: headersFor(to.url, credentials) };
  }
  switch (origin.kind) {
    case 'local': {
      const common = await git(['-C', origin.path, 'rev-parse', '--path-format=absolute', '--git-common-dir']);
      return { kind: 'folder', path: join(await realpath(common.toString('utf8').trimEnd()), 'lfs/objects') };
    }
    case 'http': {
      const url = new URL(guess(trimmed(origin.url)));
      return { kind: 'http', url, headers: headersFor(url, credentials) };
    }
    case 'git':
      return { kind: 'http', url: new URL(guess(trimmed(new URL(address.replace(/^git:/i, 'https:'))))), headers: {} };
    case 'ssh':
      return authenticated(question, origin);
    default:
      return origin satisfies never;
  }
}

/** `git-lfs` asks the ssh server, which knows a token for the HTTP one. */
async function authenticated(
  { git, ssh, signal, clock }: ServerQuestion,
  { user, host, port, path }: { user: string | undefined; host: string; port: string | undefined; path: string },
): Promise<LfsServer> {
  const place = path.replace(/^\/+/, '');
  try {
    const said = await capture({
      command: [
        'ssh',
        ...sshOptions(ssh).flatMap((option) => ['-o', option]),
        ...(port === undefined ? [] : ['-p', port]),
        '--',
        user === undefined ? host : `${user}@${host}`,
        `git-lfs-authenticate ${/^[\w./~+@-]+$/.test(place) ? place : `'${place.replaceAll("'", "'\\''")}'`} download`,
      ],
      environment: git.environment,
      signal,
      clock,
      timeoutMs: 120_000,
    });
    const { href, header = {} } = JSON.parse(said.toString('utf8')) as { href?: unknown; header?: object };
    if (typeof href === 'string' && URL.canParse(href) && /^https?:/i.test(href))
      return { kind: 'http', url: new URL(trimmed(new URL(href))), headers: headersOf(header) };
  } catch (error) {
    signal.throwIfAborted();
    // What it printed may hold a token, so a fault in it is not repeated.
    if (!isRefusal(error) && !(error instanceof SyntaxError)) throw error;
  }
  return {
    kind: 'http',
    url: new URL(guess(`https://${host.includes(':') ? `[${host}]` : host}/${place}`)),
    headers: {},
  };
}

async function urlInLfsconfig(git: Git, mirror: string): Promise<string | undefined> {
  try {
    const value = await git([`--git-dir=${mirror}`, 'config', '--blob', 'HEAD:.lfsconfig', '--get', 'lfs.url']);
    return value.toString('utf8').trim();
  } catch (error) {
    // No such file, no such key, or no configuration at all: then the origin's own address says it.
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/** Headers that say how a request is sent. */
const OURS = /^(?:host|content-length|transfer-encoding|connection|expect|upgrade)$/i;

/** Names and values of headers that an LFS server gave, and that can be sent. */
export function headersOf(given: unknown): Record<string, string> {
  if (typeof given !== 'object' || given === null) return {};
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given))
    if (/^[\w-]+$/.test(name) && typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value) && !OURS.test(name))
      headers[name.toLowerCase()] = value;
  return headers;
}

/** Credentials of the origin, where `url` is a place they are for. */
export function headersFor(url: URL, credentials: Credentials | undefined): Record<string, string> {
  if (credentials === undefined || !URL.canParse(credentials.scope)) return {};
  if (new URL(credentials.scope).origin !== url.origin) return {};
  const both = `${credentials.username}:${credentials.password}`;
  return { authorization: `Basic ${Buffer.from(both).toString('base64')}` };
}

function trimmed(url: URL): string {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  return copy.href.replace(/\/+$/, '');
}

function guess(address: string): string {
  return `${address.replace(/\.git$/, '')}.git/info/lfs`;
}

function describe(url: string): string {
  try {
    return new URL(url).host || 'no address of one';
  } catch (error) {
    return `no address (${reasonOf(error)})`;
  }
}
