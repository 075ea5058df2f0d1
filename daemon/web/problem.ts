import { STATUS_CODES } from 'node:http';
import { PortcullisError } from '../base/errors.ts';

/** An error as RFC 9457 problem details, with our code and what to do. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly remedy: string;
}

export function problemOf(error: PortcullisError, status: number = error.status): Problem {
  return {
    type: `urn:portcullis:error:${error.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: error.what,
    code: error.code,
    remedy: error.remedy,
  };
}

/**
 * What to answer for anything thrown while a request was served. The framework's own refusals keep their status; what
 * nobody foresaw says nothing about itself.
 */
export function problemFor(error: unknown): Problem {
  if (error instanceof PortcullisError) return problemOf(error);
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return problemOf(new PortcullisError('web.request', `${(error as Error).message}.`.replace(/\.\.$/, '.')), status);
  return problemOf(new PortcullisError('web.failed', 'The request could not be answered.'));
}
