import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { errnoOf } from '../base/errors.ts';
import { redact } from './redact.ts';

/** How a program ended. Only `exited` with status 0 is success. */
export type Ending =
  | { readonly how: 'exited'; readonly status: number }
  | { readonly how: 'killed'; readonly signal: string }
  | { readonly how: 'not started'; readonly reason: string }
  | { readonly how: 'stopped' }
  | { readonly how: 'late'; readonly timeoutMs: number };

/** A program that did not succeed, and the end of what it wrote to standard error (redacted, printable). */
export class ProgramFailed extends Error {
  readonly ending: Ending;
  readonly said: string;

  constructor(program: string, ending: Ending, said: string) {
    super(`${program} ${describe(ending)}${said === '' ? '' : `: ${said}`}`);
    this.name = 'ProgramFailed';
    this.ending = ending;
    this.said = said;
  }
}

export interface ProgramSpec {
  /** Program and arguments; no shell. Arguments are never repeated in errors: they may hold secrets. */
  readonly command: readonly string[];
  /** The whole environment of the program. */
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Killed after this long. Without it only `signal` ends a program that does not end. */
  readonly timeoutMs?: number;
  /** A file it reads as its standard input, instead of `input`. */
  readonly inputFile?: string;
  /** Given what it writes to standard error, as it comes. */
  readonly heard?: (said: Buffer) => void;
  /** Its standard input, which is empty without it. What it rejects with kills the program and is what `run` rejects with. */
  readonly input?: AsyncIterable<Buffer>;
  /** An open file the program gets as descriptor 3, which it can open as `/dev/fd/3`. */
  readonly handed?: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Bytes of standard error kept. A failed job's message carries 4,000 characters; this leaves room around it. */
const KEPT = 3 * 1024;
/** How long a killed program is waited for. One stuck in the kernel does not die, and must not hold us. */
const GRACE_MS = 2000;

/**
 * Runs a program in a process group of its own and yields what it prints, no faster than it is read. Ends normally only
 * when the program exited with status 0, read its input to the end, and every holder of its standard output let go of it; rejects with
 * `ProgramFailed` otherwise. However it ends, also when the reader stops reading, the whole group is killed.
 */
export async function* run(spec: ProgramSpec): AsyncGenerator<Buffer, void, undefined> {
  const [program = '', ...args] = spec.command;
  if (spec.signal.aborted) throw new ProgramFailed(program, { how: 'stopped' }, '');
  const { child, stdout, stderr } = launch(program, args, spec);

  let said = Buffer.alloc(0);
  stderr.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]).subarray(-KEPT);
    spec.heard?.(chunk);
  });
  const closed = new Promise<void>((resolve) => child.once('close', resolve));
  let waiting: Promise<void> | undefined;
  const gone = () => {
    waiting ??= within(spec.clock, GRACE_MS, closed);
    return waiting;
  };

  let ending: Ending | undefined;
  let settle: (next: Ending) => void = () => {};
  const over = new Promise<void>((resolve) => {
    settle = (next) => {
      // The first failure stands. An exit with status 0 does not yet: a grandchild may still be writing the output.
      if (failed(ending)) return;
      ending = next;
      if (failed(next)) {
        killGroup(child);
        stdout.destroy();
      }
      resolve();
    };
  });
  child.on('error', (error) => settle({ how: 'not started', reason: errnoOf(error) ?? error.message }));
  child.once('exit', (status, signal) =>
    settle(signal === null ? { how: 'exited', status: status ?? -1 } : { how: 'killed', signal }),
  );
  const onAbort = () => settle({ how: 'stopped' });
  spec.signal.addEventListener('abort', onAbort, { once: true });
  const feeding = spec.input === undefined ? undefined : feed(child, spec.input);
  const { timeoutMs } = spec;
  const cancelTimeout =
    timeoutMs === undefined ? undefined : spec.clock.after(timeoutMs, () => settle({ how: 'late', timeoutMs }));

  try {
    let broken: unknown;
    try {
      for await (const chunk of stdout) yield chunk as Buffer;
    } catch (error) {
      broken = error;
    }
    await over;
    if (failed(ending)) {
      await gone();
      if (feeding?.lost !== undefined) throw feeding.lost.error;
      throw new ProgramFailed(program, ending, printable(said));
    }
    if (broken !== undefined) throw broken;
    const taken = await feeding?.whole;
    if (feeding?.lost !== undefined) throw feeding.lost.error;
    if (taken === false) throw new Error(`${program} succeeded but did not read its input to the end`);
  } finally {
    cancelTimeout?.();
    spec.signal.removeEventListener('abort', onAbort);
    killGroup(child);
    stdout.destroy();
    await gone();
    stderr.destroy();
  }
}

/** Everything a program printed, for programs that print little. At most 256 MiB. */
export async function capture(spec: ProgramSpec): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of run(spec)) {
    size += chunk.length;
    if (size > 256 << 20) throw new Error(`${spec.command[0]} printed more than 256 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

interface Feeding {
  /** What the input rejected with. */
  lost?: { readonly error: unknown };
  /** Whether the program took all of it, once the input has ended. */
  readonly whole: Promise<boolean>;
}

/** Writes `input` to the program. One that is cut short must not look like one that ended: the program is killed first. */
function feed(child: ChildProcess, input: AsyncIterable<Buffer>): Feeding {
  const stdin = child.stdin as Writable;
  const closed = new Promise<void>((resolve) => stdin.once('close', resolve));
  // EPIPE: the program let go of its input. Its exit status says why.
  stdin.on('error', () => {});
  const write = async () => {
    try {
      for await (const chunk of input) {
        if (stdin.destroyed) return false;
        if (stdin.write(chunk)) continue;
        const drained = new Promise<void>((resolve) => stdin.once('drain', resolve));
        await Promise.race([drained, closed]);
        if (stdin.writableLength > 0) return false;
      }
    } catch (error) {
      feeding.lost = { error };
      killGroup(child);
      return false;
    }
    // A program may know where its input ends, and be gone before it is told.
    const taken = stdin.writableLength === 0;
    if (!stdin.destroyed) stdin.end();
    await closed;
    return taken || stdin.writableFinished;
  };
  const feeding: Feeding = { whole: write() };
  return feeding;
}

function launch(program: string, args: readonly string[], { environment, input, inputFile, handed }: ProgramSpec) {
  let reason = 'no pipe could be made';
  const stdin = inputFile === undefined ? undefined : openSync(inputFile, 'r');
  try {
    const child: ChildProcess = spawn(program, args, {
      stdio: [
        stdin ?? (input === undefined ? 'ignore' : 'pipe'),
        'pipe',
        'pipe',
        ...(handed === undefined ? [] : [handed]),
      ],
      // A session of its own: a process group to kill whole, and no terminal to ask a password on.
      detached: true,
      env: environment,
    });
    const { stdout, stderr } = child;
    if (stdout && stderr) return { child, stdout, stderr };
    // Out of descriptors: Node makes no pipes and reports the error later.
    child.on('error', () => {});
  } catch (error) {
    reason = errnoOf(error) ?? 'its arguments are impossible';
  } finally {
    if (stdin !== undefined) closeSync(stdin);
  }
  throw new ProgramFailed(program, { how: 'not started', reason }, '');
}

function failed(ending: Ending | undefined): ending is Ending {
  return ending !== undefined && !(ending.how === 'exited' && ending.status === 0);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

/** Waits for `promise`, at most `ms` milliseconds. */
async function within(clock: Clock, ms: number, promise: Promise<void>): Promise<void> {
  let cancel: () => void = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([promise, late]);
  cancel();
}

function describe(ending: Ending): string {
  switch (ending.how) {
    case 'exited':
      return `exited with status ${ending.status}`;
    case 'killed':
      return `was killed by ${ending.signal}`;
    case 'not started':
      return `could not be started (${ending.reason})`;
    case 'stopped':
      return 'was stopped before it finished';
    case 'late':
      return `had not finished after ${ending.timeoutMs / 1000} s and was killed`;
  }
}

/** One line a person can read: no control characters, no credentials, no progress counters. */
function printable(bytes: Buffer): string {
  const lines = bytes
    .toString('utf8')
    .split(/[\r\n]+/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal or a log
    .map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim())
    .filter((line) => line !== '' && !/: +\d+% \(\d+\/\d+\)|^remote: (Enumerating|Total) /.test(line));
  return redact(lines.join(' '));
}
