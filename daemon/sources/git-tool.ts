import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import { capture, type Environment, ProgramFailed, run } from './program.ts';

/**
 * The system's git, deaf to the machine's and the user's git configuration. Resolves with what `git ARGS` prints, rejects
 * with `ProgramFailed`. `extra` adds to git's environment.
 */
export interface Git {
  (args: readonly string[], extra?: Environment): Promise<Buffer>;
  /** The same, with an end to the memory that git takes: for what a server may go on telling for ever. */
  bounded(args: readonly string[], extra?: Environment): Promise<Buffer>;
  /** What `git ARGS` prints, as it comes. It ends early when `signal` fires as well. */
  stream(args: readonly string[], options?: StreamOptions): AsyncIterable<Buffer>;
  /** What another program needs to reach what git reaches, without credentials. */
  readonly environment: Environment;
}

export interface StreamOptions {
  /** A file that git reads as its standard input. */
  readonly input?: string;
  readonly heard?: (said: Buffer) => void;
  readonly signal?: AbortSignal;
}

export interface GitOptions {
  /** An existing directory for git's configuration file. */
  readonly directory: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** For the host of the origin only; in neither the process list nor a file. */
  readonly credentials?: Credentials | undefined;
  readonly ssh?: SshAccess | undefined;
}

/** How ssh proves who is who. Without it: the system's known hosts, and this user's keys. */
export interface SshAccess {
  /** File of the private key. */
  readonly key?: string | undefined;
  /** File of the hosts' public keys; no other is believed. */
  readonly knownHosts?: string | undefined;
}

export interface Credentials {
  /** Scheme, host and port they are for. */
  readonly scope: string;
  readonly username: string;
  readonly password: string;
}

/**
 * A file, not the environment, because git strips configuration in the environment from the `upload-pack` it starts for
 * a local origin, and that is who asks about `safe.directory`.
 */
const CONFIG = `[protocol]
	allow = never
[protocol "file"]
	allow = always
[protocol "git"]
	allow = always
[protocol "http"]
	allow = always
[protocol "https"]
	allow = always
[protocol "ssh"]
	allow = always
# The only repositories git is pointed at are our mirror and the origin somebody configured, which seldom is ours.
[safe]
	directory = *
[core]
	hooksPath = /dev/null
	fsmonitor = false
# Every fetch leaves one pack, and no pack is ever touched again.
[fetch]
	unpackLimit = 1
	writeCommitGraph = false
[transfer]
	unpackLimit = 1
[gc]
	auto = 0
[maintenance]
	auto = false
# Five minutes without a byte is a dead server, even one that is busy counting objects: that one sends keep-alives.
[http]
	followRedirects = initial
	lowSpeedLimit = 1
	lowSpeedTime = 300
`;

/** What git and its transports may know of our environment: no `GIT_*`, no askpass program, no terminal. */
const PASSED = [
  'PATH',
  'HOME',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
];

/** Kibibytes of data, which leaves out packs of an origin on this machine that git maps: some millions of refs. */
const BOUNDED = ['sh', '-c', 'ulimit -d 524288 && exec git "$@"', 'git'];

/** Git with its own configuration file in `directory`. */
export async function openGit({ directory, environment, signal, clock, credentials, ssh }: GitOptions): Promise<Git> {
  const config = join(directory, 'gitconfig');
  await writeFile(config, CONFIG);
  const plain: Record<string, string | undefined> = {
    ...Object.fromEntries(PASSED.map((name) => [name, environment[name]])),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: config,
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_DEFAULT_REF_FORMAT: 'files',
    GIT_SSH_COMMAND: sshCommand(ssh),
  };
  const own = { ...plain };
  if (credentials !== undefined)
    Object.assign(own, {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `credential.${credentials.scope}.helper`,
      GIT_CONFIG_VALUE_0: '!printf "username=%s\\npassword=%s\\n" "$SOURCE_USERNAME" "$SOURCE_PASSWORD"; :',
      SOURCE_USERNAME: credentials.username,
      SOURCE_PASSWORD: credentials.password,
    });
  const git = (args: readonly string[], extra?: Environment) =>
    capture({ command: ['git', ...args], environment: { ...own, ...extra }, signal, clock });
  return Object.assign(git, {
    environment: plain,
    bounded: (args: readonly string[], extra?: Environment) =>
      capture({ command: [...BOUNDED, ...args], environment: { ...own, ...extra }, signal, clock }),
    stream: (args: readonly string[], { input, heard, signal: other }: StreamOptions = {}) =>
      run({
        command: ['git', ...args],
        environment: own,
        signal: other === undefined ? signal : AbortSignal.any([signal, other]),
        clock,
        ...(input === undefined ? {} : { inputFile: input }),
        ...(heard === undefined ? {} : { heard }),
      }),
  });
}

/** ssh as git's shell starts it. */
function sshCommand(access?: SshAccess): string {
  return `ssh ${sshOptions(access)
    .map((option) => `-o '${option.replaceAll("'", "'\\''")}'`)
    .join(' ')}`;
}

/** Options of ssh: no question, no host it does not know, nothing forwarded. */
export function sshOptions({ key, knownHosts }: SshAccess = {}): string[] {
  return [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'ForwardAgent=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'ConnectTimeout=30',
    'ServerAliveInterval=30',
    'ServerAliveCountMax=4',
    ...(key === undefined ? [] : [`IdentityFile="${key}"`, 'IdentitiesOnly=yes']),
    ...(knownHosts === undefined ? [] : [`UserKnownHostsFile="${knownHosts}"`, 'GlobalKnownHostsFile=/dev/null']),
  ];
}

/** Credentials for the host of `address`, where they can be sent to it; undefined where ssh or a file needs none. */
export function credentialsFor(address: string, username: string, token: Secret): Credentials | undefined {
  const scope = /^https?:\/\/[^/]+/i.exec(address)?.[0];
  return scope === undefined ? undefined : { scope, username, password: token.reveal().toString('utf8') };
}

/** The address to give to git, and the credentials that stood in it. */
export function splitCredentials(url: string): { address: string; credentials?: Credentials } {
  const match = /^(https?:\/\/)([^/]*)@([^/@]+)/i.exec(url);
  if (match === null) return { address: url };
  const [whole, scheme = '', user = '', host = ''] = match;
  const colon = user.indexOf(':');
  return {
    address: scheme + host + url.slice(whole.length),
    credentials: {
      scope: scheme + host,
      username: decode(colon === -1 ? user : user.slice(0, colon)),
      password: decode(colon === -1 ? '' : user.slice(colon + 1)),
    },
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Makes an empty bare repository at `path`: no templates, no hooks, branch `head` to come. */
export async function initBare(git: Git, path: string, format: ObjectFormat, head: string): Promise<void> {
  await git(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, '--', path]);
  await git([`--git-dir=${path}`, 'symbolic-ref', 'HEAD', head]);
}

export type ObjectFormat = 'sha1' | 'sha256';

/** Brings `refspecs` of the repository at `address`, one of our own, into the one at `path`. Its progress makes an orphan notice our end. */
export async function fetchInto(git: Git, path: string, address: string, refspecs: readonly string[]): Promise<void> {
  await git(fetchArguments(path, address, refspecs));
}

/** What `git fetch` is given, so that all refs become those of `address`. */
export function fetchArguments(path: string, address: string, refspecs: readonly string[]): string[] {
  return [
    `--git-dir=${path}`,
    'fetch',
    '--progress',
    '--prune',
    '--no-tags',
    '--force',
    '--update-shallow',
    '--no-write-fetch-head',
    '--',
    address,
    ...refspecs,
  ];
}

/** The branches and other refs of the repository at `path`, ordered by the bytes of their names (read as latin-1). */
export async function listRefs(git: Git, path: string, prefix?: string): Promise<Map<string, string>> {
  const printed = await git([
    `--git-dir=${path}`,
    'for-each-ref',
    '--format=%(refname) %(objectname)',
    ...(prefix === undefined ? [] : [prefix]),
  ]);
  const refs = new Map<string, string>();
  for (const line of printed.toString('latin1').split('\n')) {
    const space = line.lastIndexOf(' ');
    if (space > 0) refs.set(line.slice(0, space), line.slice(space + 1));
  }
  return refs;
}

/** True when `error` is the origin's or git's, rather than a stop by our own signal. */
export function isRefusal(error: unknown): error is ProgramFailed {
  return error instanceof ProgramFailed && error.ending.how === 'exited';
}
