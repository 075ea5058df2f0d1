import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import type { JobRunner } from '../keeper/jobs.ts';
import { scriptCommand } from './scripts.ts';

/**
 * What the engine is told so that sealing stays within its memory: left to itself it lets 48 MiB of garbage gather, and the C library keeps
 * a heap for each thread, and what was freed of large pieces in it.
 */
const SEAL_FLAGS = ['--max-semi-space-size=1'];
const SEAL_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(1 << 20) };

/** How long a seal may take to end. It needs a moment of its event loop to kill what its source has started, which would outlive it. */
const END_MS = 500;

function endSeal(child: ChildProcess): void {
  child.kill('SIGTERM');
  const cancel = systemClock.after(END_MS, () => child.kill('SIGKILL'));
  child.once('exit', cancel);
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) cancel();
}

/** Runs each job as a child process of its own; its standard input and output are the conversation. */
export const childJobs: JobRunner = {
  start(job) {
    const [program = '', ...args] = scriptCommand(job);
    const seals = job === 'seal';
    const child = spawn(program, seals ? [...SEAL_FLAGS, ...args] : args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: seals ? { ...process.env, ...SEAL_ENVIRONMENT } : process.env,
    });
    // A child that is already gone shows itself as the end of its output.
    child.stdin.on('error', () => {});
    child.on('error', () => child.stdout.destroy());
    return {
      stream: Duplex.from({ readable: child.stdout, writable: child.stdin }),
      kill: seals ? () => endSeal(child) : () => void child.kill('SIGKILL'),
    };
  },
};

/**
 * The same, but that the process which protects the vault is started by systemd, one for each conversation with the socket `protect` in the
 * runtime directory: it may do what whoever asks it may not.
 */
export function jobsOf(runtime: string): JobRunner {
  return {
    start(job) {
      if (job !== 'protect') return childJobs.start(job);
      const stream = createConnection(join(runtime, 'protect'));
      return { stream, kill: () => void stream.destroy() };
    },
  };
}
