import { type ErrorCode, errnoOf, PortcullisError } from '../base/errors.ts';

/** What an S3 server, or the way to it, answered instead of what was asked for. */
interface Answer {
  /** The error's name in S3: `AccessDenied`, `NoSuchBucket`; of a HEAD, which has no body, only what its status says. */
  readonly name: string;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly message: string;
  readonly serverTime: string | undefined;
}

/** Where the bucket is, for the sentences. */
export interface Place {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
}

/** What an error of the SDK means to a person and to the code: one of `store.*`. `what` is the beginning of its sentence. */
export function s3Failure(error: unknown, what: string, place: Place): PortcullisError {
  if (error instanceof PortcullisError) return error;
  const answer = answerOf(error);
  const { code, why } = answer === undefined ? unreachable(error, place) : meaning(answer, place);
  return new PortcullisError(code, `${what} failed: ${why}.`, { cause: error });
}

/** The status of an answer that was an error; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return answerOf(error)?.status;
}

/** The S3 name of an error. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function answerOf(error: unknown): Answer | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $metadata, ServerTime } = error as { $metadata?: { httpStatusCode?: number }; ServerTime?: unknown };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return undefined;
  const serverTime = typeof ServerTime === 'string' ? ServerTime : undefined;
  return { name: error.name, status, message: error.message, serverTime };
}

type Meaning = { readonly code: ErrorCode; readonly why: string };

function unreachable(error: unknown, { endpoint }: Place): Meaning {
  const errno = errnoOf(error);
  if (errno !== undefined && /CERT|TLS|SSL|UNABLE_TO|SELF_SIGNED/.test(errno))
    return { code: 'store.refused', why: `the certificate of ${endpoint} is not trusted here (${errno})` };
  return { code: 'store.gone', why: `${endpoint} cannot be reached (${errno ?? shown(error)})` };
}

/** Of S3's errors those that a person can do something about, or that are not what their status says. */
const MEANINGS: Readonly<Record<string, (place: Place, answer: Answer) => Meaning>> = {
  NoSuchBucket: ({ endpoint, bucket }) => ({ code: 'store.gone', why: `there is no bucket ${bucket} at ${endpoint}` }),
  NoSuchKey: missing,
  NoSuchVersion: missing,
  InvalidAccessKeyId: ({ endpoint }) => ({
    code: 'store.refused',
    why: `${endpoint} does not know the access key that \`vault.store.accessKeyId\` stands for`,
  }),
  SignatureDoesNotMatch: ({ endpoint }) => ({
    code: 'store.refused',
    why: `${endpoint} says that \`vault.store.secretAccessKey\` does not belong to the access key`,
  }),
  RequestTimeTooSkewed: ({ endpoint }, { serverTime }) => ({
    code: 'store.refused',
    why: `the clock of this box and that of ${endpoint} are more than 15 minutes apart${
      serverTime === undefined ? '' : ` (there it is ${printable(serverTime)})`
    }`,
  }),
  AccessDenied: denied,
  Forbidden: denied,
  AuthorizationHeaderMalformed: otherRegion,
  PermanentRedirect: otherRegion,
  IllegalLocationConstraintException: otherRegion,
  QuotaExceeded: full,
  XMinioStorageFull: full,
  // Something between here and there changed the bytes, or did not send them all in time.
  BadDigest: garbled,
  XAmzContentSHA256Mismatch: garbled,
  RequestTimeout: busy,
  SlowDown: busy,
  ObjectLockConfigurationNotFoundError: ({ bucket }) => ({
    code: 'store.unlocked',
    why: `bucket ${bucket} was made without Object Lock`,
  }),
};

function meaning(answer: Answer, place: Place): Meaning {
  const { name, status = 0, message } = answer;
  const known = MEANINGS[name];
  if (known !== undefined) return known(place, answer);
  if (status === 507) return full(place);
  if (status >= 500 || status === 429) return busy(place, answer);
  if (status === 403) return denied(place);
  if (status === 404) return missing(place);
  return { code: 'store.refused', why: `${place.endpoint} answered ${status} ${printable(`${name}: ${message}`)}` };
}

function missing({ bucket }: Place): Meaning {
  return { code: 'store.missing', why: `it is not in bucket ${bucket}` };
}

function denied({ endpoint, bucket }: Place): Meaning {
  return { code: 'store.refused', why: `${endpoint} does not let these credentials do that in bucket ${bucket}` };
}

function otherRegion({ bucket, region }: Place): Meaning {
  return { code: 'store.refused', why: `bucket ${bucket} is not in the region ${region} of \`vault.store.region\`` };
}

function full({ bucket }: Place): Meaning {
  return { code: 'store.full', why: `bucket ${bucket} has no room left` };
}

function garbled({ endpoint }: Place): Meaning {
  return { code: 'store.busy', why: `other bytes arrived at ${endpoint} than were sent` };
}

function busy({ endpoint }: Place, { name, status }: Answer): Meaning {
  return { code: 'store.busy', why: `${endpoint} cannot do it now (${status} ${printable(name)})` };
}

function shown(error: unknown): string {
  return printable(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

/** A server's words go to a terminal and into logs: one line, and not the server's idea of how long. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
