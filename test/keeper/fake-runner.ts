import { Duplex, PassThrough } from 'node:stream';
import { type Lines, openLines } from '../../daemon/base/lines.ts';
import { anything } from '../../daemon/base/shape.ts';
import type { Job, JobRunner } from '../../daemon/keeper/jobs.ts';

/** One job as a test plays it. */
export class FakeJob {
  readonly kind: Job;
  readonly received: Record<string, unknown>[] = [];
  killed = false;
  readonly #lines: Lines<unknown>;
  readonly #raw: Duplex;

  constructor(kind: Job, raw: Duplex, received: (job: FakeJob, message: Record<string, unknown>) => void) {
    this.kind = kind;
    this.#raw = raw;
    this.#lines = openLines<unknown, unknown>(raw, anything, {
      message: (message) => {
        this.received.push(message as Record<string, unknown>);
        received(this, message as Record<string, unknown>);
      },
      closed: () => {},
    });
  }

  say(message: unknown): void {
    this.#lines.send(message);
  }

  /** Bytes that are no message. */
  babble(bytes: string): void {
    this.#raw.write(bytes);
  }

  /** Ends as a process does. */
  die(): void {
    this.#raw.end();
  }
}

/** Runs jobs that a test plays: `received` answers what the keeper says to one. */
export class FakeRunner implements JobRunner {
  readonly jobs: FakeJob[] = [];
  received: (job: FakeJob, message: Record<string, unknown>) => void = () => {};

  start(kind: Job): { stream: Duplex; kill(): void } {
    const [toJob, fromJob] = [new PassThrough(), new PassThrough()];
    const job = new FakeJob(kind, Duplex.from({ readable: toJob, writable: fromJob }), (each, message) =>
      this.received(each, message),
    );
    this.jobs.push(job);
    return {
      stream: Duplex.from({ readable: fromJob, writable: toJob }),
      kill: () => {
        job.killed = true;
      },
    };
  }

  of(kind: Job): FakeJob[] {
    return this.jobs.filter((job) => job.kind === kind);
  }
}
