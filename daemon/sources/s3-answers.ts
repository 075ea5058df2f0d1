import { errnoOf } from '../base/errors.ts';

/**
 * What an answer of an S3 server means for a backup. `part`: one object, or one thing about it, cannot be had; `absent`: there is no such
 * thing, such as a bucket's policy; `unknown here`: this server does not know what that is; `busy`: it may work later; `end`: nothing can be had.
 */
export type Meaning =
  | { readonly kind: 'part'; readonly why: string; readonly denied?: true; readonly gone?: true }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown here' }
  | { readonly kind: 'busy'; readonly why: string }
  | { readonly kind: 'end'; readonly why: string };

const ENDS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket',
  InvalidAccessKeyId: 'the server does not know the access key of `accessKeyId`',
  SignatureDoesNotMatch: '`secretAccessKey` does not belong to the access key',
  ExpiredToken: 'the credentials have expired: renew `sessionToken`, or take ones that last',
  InvalidToken: '`sessionToken` is not one of the access key',
  TokenRefreshRequired: 'the credentials have expired: renew `sessionToken`',
  RequestTimeTooSkewed: "this machine's clock and the server's are more than 15 minutes apart",
  AccountProblem: 'the account is suspended',
  AllAccessDisabled: 'the bucket is suspended',
  PermanentRedirect: 'the bucket is in another region than `region` says, or at another endpoint',
  AuthorizationHeaderMalformed: 'the bucket is in another region than `region` says',
  IllegalLocationConstraintException: 'the bucket is in another region than `region` says',
};
const ABSENT = new Set([
  'NoSuchLifecycleConfiguration',
  'NoSuchBucketPolicy',
  'NoSuchCORSConfiguration',
  'ServerSideEncryptionConfigurationNotFoundError',
  'ReplicationConfigurationNotFoundError',
  'NoSuchTagSet',
  'NoSuchTagSetError',
  'ObjectLockConfigurationNotFoundError',
  'NoSuchObjectLockConfiguration',
  'OwnershipControlsNotFoundError',
  'NoSuchPublicAccessBlockConfiguration',
  'NoSuchWebsiteConfiguration',
]);
const BUSY = new Set(['SlowDown', 'Throttling', 'ThrottlingException', 'RequestTimeout', 'RequestLimitExceeded']);

/** `error` is what the SDK threw. */
export function meaningOf(error: unknown): Meaning {
  const { name, message, status } = shapeOf(error);
  const end = ENDS[name];
  if (end !== undefined) return { kind: 'end', why: end };
  if (ABSENT.has(name)) return { kind: 'absent' };
  if (name === 'NotImplemented' || status === 501) return { kind: 'unknown here' };
  if (BUSY.has(name) || status === 429 || (status !== undefined && status >= 500))
    return { kind: 'busy', why: `the server answers ${status} ${name}` };
  if (status === undefined) return unanswered(error, message);
  if (status === 412) return { kind: 'part', why: 'it changed while it was read; the next run reads it' };
  if (name === 'InvalidObjectState')
    return { kind: 'part', why: 'it is archived: S3 has to restore it before it can be read' };
  if (name === 'NoSuchKey' || name === 'NoSuchVersion' || status === 404)
    return { kind: 'part', why: 'it was deleted between being listed and being read', gone: true };
  if (status === 401 || status === 403) return { kind: 'part', why: 'access is denied', denied: true };
  if (status === 301 || status === 307) return { kind: 'end', why: ENDS['PermanentRedirect'] as string };
  if (status === 405) return { kind: 'unknown here' };
  return { kind: 'part', why: `the server answers ${status} ${printable(`${name}: ${message}`)}` };
}

function unanswered(error: unknown, message: string): Meaning {
  if (/^Checksum mismatch/.test(message))
    return {
      kind: 'part',
      why: 'its bytes do not have the checksum it was stored with: it is damaged, or was on its way',
    };
  const errno = errnoOf(error);
  if (errno !== undefined && /CERT|TLS|SSL|UNABLE_TO|SELF_SIGNED/.test(errno))
    return { kind: 'end', why: `the server's certificate is not trusted here (${errno})` };
  if (errno === 'ENOTFOUND') return { kind: 'end', why: 'the name of the endpoint is not known (ENOTFOUND)' };
  return { kind: 'busy', why: `the server cannot be reached (${errno ?? printable(message)})` };
}

function shapeOf(error: unknown): { name: string; message: string; status: number | undefined } {
  if (!(error instanceof Error)) return { name: '', message: String(error), status: undefined };
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { name: error.name, message: error.message, status: $metadata?.httpStatusCode };
}

/** A server's words go to a terminal and into logs: one line, and not the server's idea of how long. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
