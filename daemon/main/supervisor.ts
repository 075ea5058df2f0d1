import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

export interface ProcessSpec {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
}

const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 5000;
/** A process that lived this long starts over with a short delay. */
const SOUND_MS = 10_000;
const STOP_MS = 6000;
/** Exit status of wrong use or configuration: trying again would change nothing. */
const WRONG_CONFIGURATION = 2;

interface Child {
  readonly spec: ProcessSpec;
  process: ChildProcess | undefined;
  restartMs: number;
  startedAt: number;
  cancelRestart: () => void;
}

/**
 * Keeps the processes running in one terminal, restarts what dies, and takes them down in the order given. Each child
 * holds our end of its standard input: when this process dies, however it dies, they notice and stop by themselves.
 */
export class Supervisor {
  readonly #children: Child[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #failed: (name: string) => void;
  #stopping = false;

  /** `failed` is called when a process says that its configuration is wrong. */
  constructor(specs: readonly ProcessSpec[], clock: Clock, log: Log, failed: (name: string) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#failed = failed;
    this.#children = specs.map((spec) => ({
      spec,
      process: undefined,
      restartMs: FIRST_RESTART_MS,
      startedAt: 0,
      cancelRestart: () => {},
    }));
  }

  /** Starts every process in order; each may start before the one ahead of it is ready, and they find each other. */
  start(): void {
    for (const child of this.#children) this.#spawn(child);
  }

  pids(): Record<string, number | undefined> {
    return Object.fromEntries(this.#children.map((child) => [child.spec.name, child.process?.pid]));
  }

  /** Stops the processes one after the other, the last started first. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of [...this.#children].reverse()) {
      child.cancelRestart();
      await this.#end(child);
    }
  }

  #spawn(child: Child): void {
    const [program = '', ...args] = child.spec.command;
    const spawned = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, PORTCULLIS_SUPERVISED: '1' },
    });
    child.process = spawned;
    child.startedAt = this.#clock.monotonic();
    spawned.stdin?.on('error', () => {});
    spawned.on('error', (error) => this.#log.error('cannot start a process', { name: child.spec.name, error }));
    spawned.on('close', (code, signal) => {
      child.process = undefined;
      if (this.#stopping) return;
      this.#log.error('a process ended', { name: child.spec.name, code, signal });
      if (code === WRONG_CONFIGURATION) {
        this.#failed(child.spec.name);
        return;
      }
      if (this.#clock.monotonic() - child.startedAt > SOUND_MS) child.restartMs = FIRST_RESTART_MS;
      child.cancelRestart = this.#clock.after(child.restartMs, () => this.#spawn(child));
      child.restartMs = Math.min(LONGEST_RESTART_MS, child.restartMs * 2);
    });
  }

  #end(child: Child): Promise<void> {
    const running = child.process;
    if (running === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(STOP_MS, () => running.kill('SIGKILL'));
      running.once('close', () => {
        cancel();
        resolve();
      });
      running.kill('SIGTERM');
    });
  }
}
