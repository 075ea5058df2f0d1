import { PortcullisError, reasonOf } from '../base/errors.ts';

/** What anything thrown means for `subject`, for example `Source db`: `source.stopped` once `signal` has fired. */
export function sourceError(subject: string, error: unknown, signal: AbortSignal): PortcullisError {
  if (error instanceof PortcullisError) return error;
  if (signal.aborted) return stopped(subject);
  return new PortcullisError('source.failed', `${subject}: ${reasonOf(error)}.`, { cause: error });
}

/** The error of a source that was told to stop. */
export function stopped(subject: string): PortcullisError {
  return new PortcullisError('source.stopped', `${subject} was stopped before it was read whole.`);
}

/** A failure of what sources do too, in a restore: there is no snapshot that was not made. Everything else stays what it is. */
export function inRestore(error: unknown): unknown {
  if (!(error instanceof PortcullisError) || error.code !== 'source.failed') return error;
  return new PortcullisError('restore.failed', error.what, { cause: error });
}
