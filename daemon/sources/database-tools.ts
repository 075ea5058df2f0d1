import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import { handedFile } from './handed-file.ts';
import { type Environment, ProgramFailed, run } from './program.ts';

/** Runs the programs that come with a database. */
export interface Tools {
  /** A program of the database by its name; where the operator named a folder, the one in there. */
  program(name: string): string;
  /** What it prints, as `run` has it. */
  stream(command: readonly string[], more?: ToolRun): AsyncGenerator<Buffer, void, undefined>;
  /** The same, of programs that print little, as text. */
  text(command: readonly string[], more?: ToolRun): Promise<string>;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly workdir: string;
}

export interface ToolRun {
  /** Text of a file without a name that the program finds at `/dev/fd/3`: where passwords stand. */
  readonly handed?: string | undefined;
  readonly environment?: Environment;
  readonly input?: AsyncIterable<Buffer>;
}

export interface ToolOptions {
  /** Of this process. A tool gets `PATH` and what of `keep` is set in it, and nothing else: no variable of the database's own. */
  readonly environment: Environment;
  /** Folder of the database's programs. Without it they are found by PATH. */
  readonly folder?: string | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** A folder for what no program can do without, such as a home. */
  readonly workdir: string;
}

const KEPT = ['PATH', 'TZ', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

/** Characters of what a program prints that is read whole. */
const MAX_TEXT = 64 << 20;

export function openTools({ environment, folder, signal, clock, timeoutMs, workdir }: ToolOptions): Tools {
  const base: Environment = {
    ...Object.fromEntries(KEPT.map((name) => [name, environment[name]])),
    // Configuration in a home would change what a dump is.
    HOME: workdir,
    LC_ALL: 'C',
  };
  async function* stream(command: readonly string[], { handed, environment: extra, input }: ToolRun = {}) {
    const file = handed === undefined ? undefined : await handedFile(handed, workdir);
    try {
      yield* run({
        command,
        environment: { ...base, ...extra },
        signal,
        clock,
        timeoutMs,
        handed: file?.fd,
        ...(input === undefined ? {} : { input }),
      });
    } finally {
      await file?.close();
    }
  }
  return {
    program: (name) => (folder === undefined ? name : join(folder, name)),
    stream,
    async text(command, more) {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of stream(command, more)) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_TEXT) throw new Error(`${command[0]} printed more than ${MAX_TEXT >> 20} MiB`);
      }
      return Buffer.concat(chunks).toString('utf8');
    },
    environment: base,
    signal,
    clock,
    timeoutMs,
    workdir,
  };
}

/** The first version number in what a program says of itself: `15.18`. Rejects with what to install where it is missing. */
export async function versionOf(
  tools: Tools,
  program: string,
  argument: string,
  where: string,
): Promise<{ readonly text: string; readonly major: number }> {
  const said = await tools.text([tools.program(program), argument]).catch((error: unknown) => {
    if (error instanceof ProgramFailed && error.ending.how === 'not started')
      throw new Error(`${error.message}: install ${where}, or name its folder with \`tools\``);
    throw error;
  });
  const text = /\d+(?:\.\d+)+/.exec(said.replace(/^.*Distrib /, ''))?.[0];
  if (text === undefined) throw new Error(`${program} does not say which version it is`);
  return { text, major: Number.parseInt(text, 10) };
}

/** A host, or the path of a Unix socket or of its folder. */
export function isSocket(host: string): boolean {
  return host.startsWith('/');
}

export function textOf(secret: Secret | undefined): string | undefined {
  return secret?.reveal().toString('utf8');
}
