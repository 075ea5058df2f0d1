import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { constants, open, readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Content, Entry } from '../base/entry.ts';
import { errnoOf, PortcullisError } from '../base/errors.ts';
import { stopped } from './failure.ts';
import { globTest } from './glob.ts';
import type { Source } from './source.ts';

export interface DirectoryOptions {
  readonly name: string;
  /** The directory to back up; may itself be a symbolic link to one. */
  readonly path: string;
  /** Glob patterns (`glob.ts`) of relative paths to leave out; an excluded directory is not entered. */
  readonly exclude: readonly string[];
}

/** How many names are looked up at once. */
const BATCH = 128;

/**
 * A directory tree as it is found: names as raw bytes, in byte order within each directory, links not followed. What
 * vanishes while it is being read was not there; a directory that cannot be read is a `problem`, and a file one for whoever reads it. A root that is not there, is no
 * directory, or is another directory at the end than at the start, rejects with `source.failed`.
 *
 * Sockets and FIFOs are left out without a word: they hold nothing, and whoever serves them makes them anew. Were they
 * problems, every home directory with an agent's socket would be partial for ever, and partial would mean nothing. A
 * device node somebody put there by hand would be missed after a restore, so it is a problem (exclude it to accept that).
 */
export function directorySource({ name, path, exclude }: DirectoryOptions): Source {
  const tests = exclude.map(globTest);
  const excluded = (relative: Buffer) => {
    const text = relative.toString('utf8');
    return tests.some((test) => test(text));
  };
  const root = Buffer.from(path);

  async function rootStat(): Promise<BigIntStats> {
    try {
      return await statByOpening(root, constants.O_DIRECTORY);
    } catch (error) {
      const code = errnoOf(error);
      const why = code === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${code})`;
      throw new PortcullisError('source.failed', `Source ${name}: ${path} ${why}.`, { cause: error });
    }
  }

  async function* entries(start: BigIntStats, signal: AbortSignal): AsyncGenerator<Entry> {
    const goOn = () => {
      if (signal.aborted) throw stopped(`Source ${name}`);
    };
    goOn();
    const names = await readdir(root, { encoding: 'buffer' }).catch((error: unknown) => {
      throw new PortcullisError('source.failed', `Source ${name}: ${path} cannot be read (${errnoOf(error)}).`);
    });
    yield* walk(root, undefined, names, excluded, goOn);
    // An unmounted or replaced root looks like a tree whose files vanished one by one.
    const end = await rootStat();
    if (end.dev !== start.dev || end.ino !== start.ino)
      throw new PortcullisError('source.failed', `Source ${name}: ${path} was replaced while it was being read.`);
  }

  return {
    async pull({ signal }) {
      return { entries: entries(await rootStat(), signal), facts: { path } };
    },
  };
}

type Found =
  | { readonly stats: BigIntStats; readonly target?: Buffer; readonly names?: Buffer[] }
  | { readonly problem: string }
  | undefined;

/** Everything below `directory`, whose path from the root is `prefix` and which holds `names`. */
async function* walk(
  directory: Buffer,
  prefix: Buffer | undefined,
  names: Buffer[],
  excluded: (relative: Buffer) => boolean,
  goOn: () => void,
): AsyncGenerator<Entry> {
  names.sort(Buffer.compare);
  for (let from = 0; from < names.length; from += BATCH) {
    const batch = names
      .slice(from, from + BATCH)
      .map((name) => ({ path: prefix === undefined ? name : join(prefix, name), absolute: join(directory, name) }))
      .filter(({ path }) => !excluded(path));
    // At once: asked for one by one by a pool of threads it takes four times as long. Between batches others have their turn.
    await setImmediate();
    const found = batch.map(({ absolute }) => look(absolute));
    for (const [index, { path, absolute }] of batch.entries()) {
      goOn();
      const at = found[index];
      if (at === undefined) continue;
      if ('problem' in at) {
        yield { kind: 'problem', path, reason: at.problem };
        continue;
      }
      const { stats } = at;
      const common = {
        path,
        mode: Number(stats.mode & 0o7777n),
        mtimeNs: stats.mtimeNs,
        uid: Number(stats.uid),
        gid: Number(stats.gid),
      };
      if (at.target !== undefined) yield { ...common, kind: 'symlink', target: at.target };
      else if (stats.isDirectory()) {
        // Read late: a batch of directories must not hold all their listings at once.
        const inside = attempt(() => readdirSync(absolute, { encoding: 'buffer' }));
        if (inside === undefined) continue;
        if ('problem' in inside) yield { kind: 'problem', path, reason: inside.problem };
        else {
          yield { ...common, kind: 'directory' };
          yield* walk(absolute, path, inside.value, excluded, goOn);
        }
      } else yield { ...common, kind: 'file', content: contentAt(absolute, stats) };
    }
  }
}

function contentAt(path: Buffer, { size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): Content {
  return { from: 'path', path, size: Number(size), identity: { size, mtimeNs, ctimeNs, ino, dev } };
}

/** What stands at `absolute`; undefined for what has no content or has vanished. */
function look(absolute: Buffer): Found {
  const found = attempt((): Found => {
    const stats = lstatSync(absolute, { bigint: true });
    if (stats.isSymbolicLink()) return { stats, target: readlinkSync(absolute, { encoding: 'buffer' }) };
    // Whether a file may be read whoever reads it finds out: most need not be read again.
    if (stats.isDirectory() || stats.isFile()) return { stats };
    if (stats.isSocket() || stats.isFIFO()) return undefined;
    return { problem: 'a device node, skipped' };
  });
  return found !== undefined && 'value' in found ? found.value : found;
}

/**
 * The only true test of what may be read: access(2) asks for the real user and forgets the capabilities of a backup
 * service.
 */
async function statByOpening(path: Buffer, flags: number): Promise<BigIntStats> {
  const file = await open(path, constants.O_RDONLY | flags);
  try {
    return await file.stat({ bigint: true });
  } finally {
    await file.close();
  }
}

/** The result of `act`; undefined when its object has vanished; a problem when it cannot be read. */
function attempt<T>(act: () => T): { value: T } | { problem: string } | undefined {
  try {
    return { value: act() };
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return { problem: `cannot be read (${code ?? 'unknown error'})` };
  }
}

function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}

const SLASH = Buffer.from('/');
