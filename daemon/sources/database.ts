import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { ContentLost, type Entry } from '../base/entry.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { openTools, type Tools } from './database-tools.ts';
import { sourceError, stopped } from './failure.ts';
import type { Environment } from './program.ts';
import type { Source } from './source.ts';

/** One file of the snapshot. */
export interface Dump {
  /** `databases/app.dump`: one folder deep at the most. */
  readonly file: string;
  /** For people: `database app`. */
  readonly what: string;
  /** Holds password hashes. */
  readonly secret?: boolean;
  /** Its loss is a loss of data: when every such dump is lost there is no snapshot. */
  readonly data: boolean;
  /** Starts the dump. Rejects unless it was whole to its own end marker. */
  open(): AsyncIterable<Buffer>;
  /** Of a database, for the facts. */
  readonly database?: { readonly name: string; readonly serverBytes?: number };
  /** What the dump said of itself, once it has ended. */
  learned?(): Readonly<Record<string, unknown>>;
}

export interface Survey {
  /** Versions of the server and of the tool, for the facts. */
  readonly server?: string;
  readonly tool?: string;
  /** What the operator should know about these dumps: `3 tables of app are MyISAM …`. */
  readonly notes: readonly string[];
  readonly dumps: readonly Dump[];
}

/** A kind of database: which programs dump it, with which flags, and what proves that a dump is whole. */
export interface Preset {
  /** Asks the server what there is. Rejects, for people, where it cannot be asked or its version cannot be dumped. */
  survey(tools: Tools): Promise<Survey>;
  /** What to do about an error message of its programs. */
  readonly advice: readonly (readonly [RegExp, string])[];
  /** Passwords that must not be in any message, should a program repeat one. */
  readonly secrets: readonly (string | undefined)[];
}

export interface DatabaseOptions {
  readonly name: string;
  readonly kind: string;
  readonly preset: Preset;
  /** Folder of the database's programs. */
  readonly tools?: string | undefined;
  readonly timeoutMs: number;
  readonly environment: Environment;
  readonly clock: Clock;
}

/**
 * Dumps of a database server. Each starts when its file is read and ends well only if its program exited with status 0 and the dump has its own
 * end marker. A dump that fails is a problem of its file, and the others remain; when all data is lost, the source fails.
 */
export function databaseSource(options: DatabaseOptions): Source {
  const { name, kind, preset, environment, clock, timeoutMs } = options;
  const subject = `Source ${name}`;

  return {
    async pull({ workdir, signal, progress }) {
      if (signal.aborted) throw stopped(subject);
      const tools = openTools({ environment, folder: options.tools, signal, clock, timeoutMs, workdir });
      const explain = (error: unknown) => explained(error, preset);
      const { dumps, notes, server, tool } = await preset.survey(tools).catch((error: unknown) => {
        throw sourceError(subject, explain(error), signal);
      });
      const facts: Facts = { preset: kind, server, tool, notes, databases: [] };

      async function* content(dump: Dump, outcome: Outcome): AsyncGenerator<Buffer, void, undefined> {
        let bytes = 0;
        try {
          for await (const chunk of dump.open()) {
            bytes += chunk.length;
            yield chunk;
          }
        } catch (error) {
          const failure = sourceError(subject, explain(error), signal);
          outcome.failure ??= failure;
          if (failure.code === 'source.stopped' || !outcome.others) throw failure;
          throw new ContentLost(`${dump.what}: ${reasonOf(explain(error))}`);
        }
        if (dump.data) outcome.whole = true;
        if (dump.database !== undefined)
          facts.databases.push({ ...dump.database, ...dump.learned?.(), file: dump.file, bytes });
      }

      return {
        facts: facts as unknown as Readonly<Record<string, unknown>>,
        entries: (async function* () {
          const common = {
            mtimeNs: BigInt(Math.trunc(clock.wall())) * 1_000_000n,
            uid: process.getuid?.() ?? 0,
            gid: process.getgid?.() ?? 0,
          };
          // A failure of the only dump fails the source where it happens.
          const outcome: Outcome = { whole: false, others: dumps.length > 1 };
          const folders = new Set<string>();
          for (const [done, dump] of dumps.entries()) {
            const folder = posix.dirname(dump.file);
            if (folder !== '.' && !folders.has(folder)) {
              folders.add(folder);
              yield { kind: 'directory', path: Buffer.from(folder), mode: 0o700, ...common } satisfies Entry;
            }
            progress?.({ what: dump.what, done, total: dumps.length });
            yield {
              kind: 'file',
              path: Buffer.from(dump.file),
              mode: 0o600,
              ...common,
              ...(dump.secret === true ? { secret: true } : {}),
              content: { from: 'stream', open: () => content(dump, outcome) },
            } satisfies Entry;
          }
          if (!outcome.whole && dumps.some(({ data }) => data))
            throw (
              outcome.failure ?? new PortcullisError('source.failed', `${subject}: no dump of a database was read.`)
            );
        })(),
      };
    },
  };
}

interface Facts {
  readonly preset: string;
  readonly server: string | undefined;
  readonly tool: string | undefined;
  readonly notes: readonly string[];
  readonly databases: {
    readonly name: string;
    readonly file: string;
    readonly bytes: number;
    readonly serverBytes?: number;
  }[];
}

interface Outcome {
  /** Data was dumped whole. */
  whole: boolean;
  /** There is more than one dump. */
  readonly others: boolean;
  failure?: PortcullisError;
}

/** What went wrong with what to do about it, and without passwords. */
export function explained(error: unknown, { advice, secrets }: Pick<Preset, 'advice' | 'secrets'>): unknown {
  if (error instanceof PortcullisError) return error;
  let reason = reasonOf(error);
  for (const secret of secrets) if (secret !== undefined && secret !== '') reason = reason.replaceAll(secret, '***');
  const what = advice.find(([pattern]) => pattern.test(reason))?.[1];
  return new Error(what === undefined ? reason : `${what} (${reason})`, { cause: error });
}

/** A file name for the dump of the database `name`, whatever is in that. */
export function dumpFile(name: string, ending: string): string {
  const readable = encodeURIComponent(name);
  const short = readable.length <= 200 ? readable : `sha256-${createHash('sha256').update(name).digest('hex')}`;
  return `databases/${short}.${ending}`;
}
