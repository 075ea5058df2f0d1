import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { JobRunner } from '../keeper/jobs.ts';
import { scriptCommand } from './scripts.ts';

/** Runs each job as a child process of its own; its standard input and output are the conversation. */
export const childJobs: JobRunner = {
  start(job) {
    const [program = '', ...args] = scriptCommand(job);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A child that is already gone shows itself as the end of its output.
    child.stdin.on('error', () => {});
    child.on('error', () => child.stdout.destroy());
    return {
      stream: Duplex.from({ readable: child.stdout, writable: child.stdin }),
      kill: () => void child.kill('SIGKILL'),
    };
  },
};
