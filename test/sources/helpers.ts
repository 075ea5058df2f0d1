import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import type { Entry } from '../../daemon/base/entry.ts';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import { openSource, type SourceSettings } from '../../daemon/sources/open.ts';
import type { Pulled, Source } from '../../daemon/sources/source.ts';

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** A directory that goes away after the test. */
export async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'portcullis-sources-'));
  directories.push(path);
  return path;
}

export const never = new AbortController().signal;

export function source(settings: SourceSettings, log: Log = silentLog): Source {
  return openSource(settings, { environment: process.env, clock: systemClock, log });
}

/** One entry with its bytes read, paths as latin-1 text. */
export interface Read {
  readonly path: string;
  readonly entry: Entry;
  readonly bytes: Buffer | undefined;
}

/** Everything a pull describes, read as seal would read it. */
export async function readAll(pulled: Pulled): Promise<Read[]> {
  const all: Read[] = [];
  for await (const entry of pulled.entries) {
    let bytes: Buffer | undefined;
    if (entry.kind === 'file') {
      const chunks: Buffer[] = [];
      if (entry.content.from === 'path') chunks.push(await readFile(entry.content.path));
      else for await (const chunk of entry.content.open()) chunks.push(chunk);
      bytes = Buffer.concat(chunks);
    }
    all.push({ path: entry.path.toString('latin1'), entry, bytes });
  }
  return all;
}

/** Pulls and reads everything. */
export async function pullAll(from: Source, workdir: string, signal = never): Promise<Read[]> {
  return readAll(await from.pull({ workdir, signal }));
}

export function git(directory: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'A',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'A',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    },
  }).trim();
}

/** Processes with `mark` in their arguments or environment, zombies left out: what a test started, wherever it hides. */
export function processesMarked(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${name}/${file}`, 'latin1');
        return (read('cmdline') + read('environ')).includes(mark) && !/^State:\s+Z/m.test(read('status'));
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Waits until `probe` gives something, by asking again on every turn of the event loop's timers. */
export async function eventually<T>(probe: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Writes what was read below `dest`, as a restore would. */
export async function materialise(all: readonly Read[], dest: string): Promise<void> {
  for (const { path, entry, bytes } of all) {
    const at = Buffer.from(`${dest}/${path}`, 'latin1');
    if (entry.kind === 'directory') await mkdir(at, { recursive: true, mode: entry.mode });
    else if (entry.kind === 'file') await writeFile(at, bytes ?? Buffer.alloc(0), { mode: entry.mode });
  }
}

/** Adds a commit that changes `file` and returns its id. */
export function commit(repository: string, file: string, content: string | Buffer): string {
  writeFileSync(join(repository, file), content);
  git(repository, 'add', '--', file);
  git(repository, 'commit', '--quiet', '-m', `Change ${file}`);
  return git(repository, 'rev-parse', 'HEAD');
}

/** A repository with two branches, an annotated tag of a tag, notes and a pull request's ref. */
export async function sampleRepository(parent?: string): Promise<string> {
  const path = join(parent ?? (await temporary()), 'origin');
  git('.', 'init', '--quiet', '-b', 'main', path);
  commit(path, 'a', 'one');
  git(path, 'branch', 'feature/x');
  commit(path, 'a', 'two');
  git(path, 'tag', '-a', '-m', 'annotated', 'v1');
  git(path, 'tag', '-a', '-m', 'tag of a tag', 'v1-signed', 'v1');
  git(path, 'notes', 'add', '-m', 'a note');
  git(path, 'update-ref', 'refs/pull/1/head', 'HEAD~1');
  return path;
}
