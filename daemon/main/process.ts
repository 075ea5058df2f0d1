import { systemClock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { createLog, type Log } from '../base/log.ts';

/** A running part of the daemon. `stop` works after half a start. */
export interface Running {
  stop(): Promise<void>;
}

/** How long a polite stop may take before the process goes anyway. */
const STOP_MS = 5000;

export function processLog(unit: string): Log {
  return createLog(
    unit,
    systemClock.wall,
    (line) => process.stderr.write(line),
    process.env['PORTCULLIS_DEBUG'] ? 'debug' : 'info',
  );
}

/**
 * The life of one server process: start, then stop on SIGTERM, SIGINT or, where a supervisor holds our standard input,
 * when that ends, however it ended. A second signal exits at once. `lastAct` runs on every way out that lets code run.
 */
export async function live(log: Log, start: () => Promise<Running>, lastAct: () => void = () => {}): Promise<void> {
  let running: Running | undefined;
  let stopping = false;
  const leave = (code: number): never => {
    lastAct();
    process.exit(code);
  };
  const stop = (why: string) => {
    if (stopping) leave(1);
    stopping = true;
    // First of all, before anything that may take time.
    lastAct();
    log.info('stopping', { why });
    systemClock.after(STOP_MS, () => leave(1));
    (running?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stopping failed', { error });
        leave(1);
      },
    );
  };
  // A log that nobody reads any more stops nothing.
  process.stderr.on('error', () => {});
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('uncaughtException', (error) => {
    lastAct();
    log.error('an error nobody caught', { error, stack: error.stack });
    leave(1);
  });
  if (process.env['PORTCULLIS_SUPERVISED'] === '1') {
    // The supervisor orders the stops; Ctrl-C and a closed terminal reach it, and a dead supervisor is a closed pipe.
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
    process.stdin.on('end', () => stop('the supervisor went away'));
    process.stdin.on('error', () => stop('the supervisor went away'));
    process.stdin.resume();
  } else {
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
  }
  try {
    running = await start();
    log.info('started', { pid: process.pid });
  } catch (error) {
    lastAct();
    log.error(
      'cannot start',
      error instanceof PortcullisError ? { code: error.code, error: error.message } : { error },
    );
    leave(error instanceof PortcullisError ? error.exit : 1);
  }
}
