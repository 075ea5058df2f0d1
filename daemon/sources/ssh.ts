import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import type { Entry } from '../base/entry.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { directorySource } from './directory.ts';
import { sourceError, stopped } from './failure.ts';
import { capture, type Environment, ProgramFailed, run } from './program.ts';
import { rsyncPatterns } from './rsync-filter.ts';
import { COPIED, readLine, whyFailed } from './rsync-said.ts';
import type { PullContext, Source } from './source.ts';
import { ALIAS, type SshHost, writeSshFiles } from './ssh-files.ts';

export interface SshSourceOptions extends SshHost {
  readonly name: string;
  /** Directory on the host, absolute; with `rrsync` as the key's command relative to its folder. */
  readonly path: string;
  readonly exclude: readonly string[];
  /** Whether extended attributes and ACLs are copied. */
  readonly attributes: boolean;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
}

/** In every folder in which a file was cut short, until it is whole. */
const PARTIAL = '.~portcullis-partial';
/** Below it rsync believes names that the server sends (CVE-2022-29154), and leaves the path to the shell at the other end. */
const OLDEST = [3, 2, 5] as const;
/** From here on CVE-2024-12084 to 12088 are fixed; distributions have them fixed in older ones. */
const FIXED = [3, 4, 0] as const;
/** Seconds without a byte, after which the other end is gone. */
const SILENCE_S = 300;
const MOST_PROBLEMS = 10_000;
const LINES_KEPT = 50;

/**
 * A directory of another machine: rsync over ssh brings a working copy up to date, in which only what has changed is fetched, and the working
 * copy is read as a directory of this machine. What was deleted at the origin goes from the working copy; earlier snapshots have it.
 * A copy that was not brought to its end is no snapshot, and the next run goes on with it.
 *
 * Facts: `host`, `path`, `rsync` (its version here), `notCaptured`.
 */
export function sshSource(options: SshSourceOptions): Source {
  const { name, host, path, exclude, log } = options;
  const subject = `Source ${name}`;
  return {
    async pull(context) {
      const { workdir, signal } = context;
      if (signal.aborted) throw stopped(subject);
      try {
        const version = await rsyncVersion(options, signal);
        if (isOlder(version, FIXED))
          log.warn(
            'rsync is older than 3.4.0: it needs its distribution’s security updates (CVE-2024-12084 to 12088)',
            {
              source: name,
              rsync: version.join('.'),
            },
          );
        const tree = join(workdir, 'tree');
        await makeDirectory(tree);
        const copied = await copy(options, context, tree);
        const local = directorySource({ name, path: tree, exclude: [...exclude, `**/${PARTIAL}`] });
        const { entries, facts } = await local.pull(context);
        const told = await placed(copied, tree, path);
        const missing = [
          ...((facts['notCaptured'] as string[] | undefined) ?? []),
          ...(isRoot() ? [] : ['owners and groups: Portcullis does not run as root']),
          ...(options.attributes ? [] : ['extended attributes', 'ACLs']),
        ];
        const notCaptured = missing.length === 0 ? {} : { notCaptured: missing };
        return { entries: withTold(entries, told), facts: { host, path, rsync: version.join('.'), ...notCaptured } };
      } catch (error) {
        throw sourceError(subject, error, signal);
      }
    },
  };
}

/** What rsync said of single files: names as it has them, latin-1 of their bytes. */
interface Copied {
  readonly problems: Map<string, string>;
  readonly skipped: Set<string>;
  readonly others: string[];
}

async function copy(
  options: SshSourceOptions,
  { workdir, signal, progress }: PullContext,
  tree: string,
): Promise<Copied> {
  const { name, host, clock, environment } = options;
  const subject = `Source ${name}`;
  const config = await writeSshFiles(workdir, options);
  const excludes = join(workdir, 'exclude');
  await writeDurably(
    excludes,
    rsyncPatterns(options.exclude)
      .map((pattern) => `${pattern}\n`)
      .join(''),
  );
  const copied: Copied = { problems: new Map(), skipped: new Set(), others: [] };
  const lines: string[] = [];
  const what = `files of ${host}`;
  let done = 0;
  const heard = (line: string) => {
    const said = readLine(line);
    if (said.kind === 'copied') return void (++done % 100 === 0 && progress?.({ what, done }));
    if (lines.push(line) > LINES_KEPT) lines.shift();
    if (said.kind === 'no root')
      throw new PortcullisError('source.failed', `${subject}: ${options.path} on ${host} cannot be read: ${said.why}.`);
    if (said.kind === 'full')
      throw new PortcullisError('source.failed', `${subject}: the volume of working copies is full.`);
    if (said.kind === 'skipped') copied.skipped.add(said.name);
    if (said.kind === 'problem' && copied.problems.size < MOST_PROBLEMS) copied.problems.set(said.name, said.why);
    if (said.kind === 'other' && copied.others.length < LINES_KEPT) copied.others.push(said.text);
  };
  progress?.({ what, done });
  const command = rsyncCommand(options, { config, excludes, tree });
  const passed = { PATH: environment['PATH'], LC_ALL: 'C' };
  try {
    let rest = '';
    for await (const chunk of run({ command, environment: passed, signal, clock })) {
      const parts = (rest + chunk.toString('latin1')).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) heard(line);
    }
    if (rest !== '') heard(rest);
  } catch (error) {
    if (!(error instanceof ProgramFailed) || error.ending.how !== 'exited') throw error;
    const { status } = error.ending;
    if (status !== 23 && status !== 24)
      throw new PortcullisError('source.failed', `${subject}: ${whyFailed(status, lines, host)}.`, { cause: error });
    // Something is missing, whatever became of the lines that say what.
    if (copied.problems.size === 0 && copied.others.length === 0)
      copied.others.push(`rsync ended with status ${status}`);
    return copied;
  }
  progress?.({ what, done });
  return { ...copied, others: [] };
}

function rsyncCommand(
  { path, attributes }: SshSourceOptions,
  { config, excludes, tree }: { config: string; excludes: string; tree: string },
): string[] {
  const rsync = [
    'rsync',
    '--recursive',
    '--links',
    '--perms',
    '--times',
    '--hard-links',
    '--sparse',
    '--numeric-ids',
    ...(isRoot() ? ['--owner', '--group'] : []),
    ...(attributes ? ['--xattrs', '--acls'] : []),
    '--delete-delay',
    `--partial-dir=${PARTIAL}`,
    `--timeout=${SILENCE_S}`,
    `--out-format=${COPIED}`,
    `--exclude-from=${excludes}`,
    `--rsh=ssh -F "${config.replaceAll('"', '""')}"`,
    '--',
    `${ALIAS}:${path.replace(/\/*$/, '/')}`,
    `${tree}/`,
  ];
  // What it says of files goes to both outputs, and is read from one, in order and without a limit.
  return ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...rsync];
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

type Version = readonly [number, number, number];

async function rsyncVersion({ environment, clock }: SshSourceOptions, signal: AbortSignal): Promise<Version> {
  const own = { PATH: environment['PATH'], LC_ALL: 'C' };
  const said = await capture({ command: ['rsync', '--version'], environment: own, signal, clock }).catch((error) => {
    if (error instanceof ProgramFailed && error.ending.how === 'not started')
      throw new Error('rsync is not installed here: apt-get install rsync openssh-client', { cause: error });
    throw error;
  });
  const [, major, minor, patch] = /^rsync +version v?(\d+)\.(\d+)\.(\d+)/.exec(said.toString('latin1')) ?? [];
  const version = [Number(major), Number(minor), Number(patch)] as const;
  if (version.some(Number.isNaN) || isOlder(version, OLDEST))
    throw new Error(`rsync here is older than ${OLDEST.join('.')}, which believes what a hostile server sends`);
  return version;
}

function isOlder(version: Version, than: Version): boolean {
  const at = version.findIndex((number, index) => number !== than[index]);
  return at !== -1 && (version[at] as number) < (than[at] as number);
}

interface Told {
  readonly kind: 'problem' | 'skipped';
  readonly reason: string;
}

/** What was said of files, by their path in the working copy (latin-1). */
async function placed({ problems, skipped, others }: Copied, tree: string, root: string): Promise<Map<string, Told>> {
  const told = new Map<string, Told>();
  for (const name of skipped) told.set(name, { kind: 'skipped', reason: 'a device node, socket or FIFO' });
  for (const [name, why] of problems) {
    const path = await pathIn(tree, root, name);
    if (path === '') throw new Error(`${root} ${why}`);
    told.set(path, { kind: 'problem', reason: `${why}; what is here of it is of an earlier run` });
  }
  if (others.length > 0) told.set('(rsync)', { kind: 'problem', reason: others.join('; ') });
  return told;
}

/**
 * The path in the working copy of what is called `name` at the other end. There it is absolute, below a folder we may not know the name of (a key
 * may lead into a folder of its own): then it is the longest end of the name whose folder there is.
 */
async function pathIn(tree: string, root: string, name: string): Promise<string> {
  const top = Buffer.from(root.replace(/\/*$/, '/')).toString('latin1');
  const clean = name.replace(/\/\.$/, '/').replace(/\/{2,}/g, '/');
  if (clean === top || `${clean}/` === top) return '';
  if (clean.startsWith(`${tree}/`)) return clean.slice(tree.length + 1);
  const below = (clean.startsWith(top) ? clean.slice(top.length) : clean).replace(/^\/+|\/+$/g, '');
  const names = below.split('/');
  while (names.length > 1) {
    const folder = Buffer.from(`${Buffer.from(tree).toString('latin1')}/${names.slice(0, -1).join('/')}`, 'latin1');
    const stats = await lstat(folder).catch(() => undefined);
    if (stats?.isDirectory()) break;
    names.shift();
  }
  return names.join('/');
}

/** Entries with what was said of each; of what has no entry, in its place. */
async function* withTold(entries: AsyncIterable<Entry>, told: ReadonlyMap<string, Told>): AsyncGenerator<Entry> {
  const order = (path: string) => path.replaceAll('/', '\0');
  const waiting = [...told].map(([path, one]) => ({ path, ...one, at: order(path) }));
  waiting.sort((a, b) => (a.at < b.at ? -1 : 1));
  const alone = ({ kind, path, reason }: (typeof waiting)[number]): Entry => ({
    kind,
    path: Buffer.from(path, 'latin1'),
    reason,
  });
  for await (const entry of entries) {
    const path = entry.path.toString('latin1');
    const at = order(path);
    for (let next = waiting[0]; next !== undefined && next.at < at; next = waiting[0])
      yield alone(waiting.shift() ?? next);
    const [own] = waiting;
    if (own?.path !== path) yield entry;
    else {
      waiting.shift();
      yield own.kind === 'problem' && 'mode' in entry ? { ...entry, problem: own.reason } : entry;
    }
  }
  for (const left of waiting) yield alone(left);
}
