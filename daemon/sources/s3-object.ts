import { createHash } from 'node:crypto';
import {
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  type Grant,
  HeadObjectCommand,
  type Tag,
} from '@aws-sdk/client-s3';
import { ContentLost } from '../base/entry.ts';
import { PartFailed, type PatientBucket } from './s3-client.ts';
import { documentText } from './s3-configuration.ts';
import type { Listed } from './s3-listing.ts';

/** The tags and grants of an object: they change without a trace in a listing. */
export interface Attributes {
  readonly tags?: readonly Tag[];
  readonly acl?: { readonly owner: string | undefined; readonly grants: readonly Grant[] };
  /** What of them could not be had, and what to do about it. */
  readonly problems: readonly string[];
  /** Which of them the credentials may not read. */
  readonly denied: readonly string[];
}

/** Which of them are asked for. */
export interface Wanted {
  readonly tags: boolean;
  readonly acls: boolean;
}

/**
 * The bytes of an object, all of the version that was listed: a connection that breaks is taken up where it broke. Checked for their number, for the
 * checksum they were stored with, and for their MD5 where the ETag is one. Rejects with `ContentLost` where this object cannot be had.
 */
export async function* readObject(bucket: PatientBucket, listed: Listed): AsyncGenerator<Buffer> {
  if (listed.problem !== undefined) throw new ContentLost(listed.problem);
  const { key, etag, size } = listed;
  const what = `reading ${key}`;
  const md5 = createHash('md5');
  let encrypted = false;
  let at = 0;
  for (let failures = 0; ; ) {
    try {
      const command = new GetObjectCommand({
        ...naming(bucket, listed),
        ...(etag === undefined ? {} : { IfMatch: etag }),
        ...(at === 0 ? { ChecksumMode: 'ENABLED' } : { Range: `bytes=${at}-` }),
      });
      // Once: what comes after it may fail as well, and is tried again together with it.
      const answer = await bucket.once((client, options) => client.send(command, options));
      encrypted =
        answer.SSECustomerAlgorithm !== undefined || answer.ServerSideEncryption?.startsWith('aws:kms') === true;
      if (at > 0 && answer.ContentRange?.startsWith(`bytes ${at}-`) !== true)
        throw new ContentLost('the connection broke, and the server does not go on where it broke');
      for await (const chunk of (answer.Body ?? []) as AsyncIterable<Buffer>) {
        at += chunk.length;
        failures = 0;
        if (at > size) throw new ContentLost(`it has more bytes than the ${size} that were listed`);
        md5.update(chunk);
        yield chunk;
      }
      if (at < size) throw new ContentLost(`only ${at} of its ${size} bytes came`);
      break;
    } catch (error) {
      if (error instanceof ContentLost) throw error;
      await bucket.failed(what, error, ++failures).catch((failure: unknown) => {
        throw lost(failure, listed.version === undefined ? 's3:GetObject' : 's3:GetObjectVersion');
      });
    }
  }
  const said = /^"([0-9a-f]{32})"$/.exec(etag ?? '')?.[1];
  // Of parts, of what KMS or the customer's key encrypts, and in directory buckets, an ETag is no MD5.
  if (said === undefined || encrypted || bucket.access.bucket.endsWith('--x-s3')) return;
  if (md5.digest('hex') !== said) throw new ContentLost('its bytes do not have the MD5 that its ETag says');
}

/** Tags and grants as they are now. What of them is refused is a problem of this object. */
export async function readAttributes(bucket: PatientBucket, listed: Listed, wanted: Wanted): Promise<Attributes> {
  if (listed.problem !== undefined || listed.marker) return { problems: [], denied: [] };
  const version = listed.version === undefined ? '' : 'Version';
  const problems: string[] = [];
  const denied: string[] = [];
  const part = async <T>(what: string, action: string, asked: Promise<T>): Promise<T | undefined> => {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof PartFailed)) throw error;
      const { meaning } = error;
      if (meaning.kind === 'part' && !meaning.gone)
        problems.push(`its ${what} are missing: ${meaning.denied ? `the policy has to allow ${action}` : meaning.why}`);
      if (meaning.kind === 'part' && meaning.denied) denied.push(what);
      return undefined;
    }
  };
  const named = naming(bucket, listed);
  const [tagging, acl] = await Promise.all([
    wanted.tags
      ? part(
          'tags',
          `s3:GetObject${version}Tagging`,
          bucket.ask(`reading the tags of ${listed.key}`, (c, o) => c.send(new GetObjectTaggingCommand(named), o)),
        )
      : undefined,
    wanted.acls
      ? part(
          'grants',
          `s3:GetObject${version}Acl`,
          bucket.ask(`reading the grants of ${listed.key}`, (c, o) => c.send(new GetObjectAclCommand(named), o)),
        )
      : undefined,
  ]);
  const byKey = (a: Tag, b: Tag) => ((a.Key ?? '') < (b.Key ?? '') ? -1 : 1);
  return {
    problems,
    denied,
    ...(tagging === undefined ? {} : { tags: [...(tagging.TagSet ?? [])].sort(byKey) }),
    ...(acl === undefined ? {} : { acl: { owner: acl.Owner?.ID, grants: acl.Grants ?? [] } }),
  };
}

/** Of what HEAD says these change by themselves, or say nothing of the object. */
const PASSING = new Set([
  '$metadata',
  'AcceptRanges',
  'Expiration',
  'Restore',
  'ReplicationStatus',
  'RequestCharged',
  'Expires',
]);

/** Everything about an object but its bytes, as canonical JSON. Rejects with `ContentLost` where it cannot be had. */
export async function readMetadata(bucket: PatientBucket, listed: Listed, attributes: Attributes): Promise<Buffer> {
  if (listed.problem !== undefined) throw new ContentLost(listed.problem);
  const { path: _, ...rest } = listed;
  const { tags, acl } = attributes;
  const head = listed.marker ? undefined : await readHead(bucket, listed);
  return Buffer.from(documentText({ ...rest, head, tags, acl }));
}

async function readHead(bucket: PatientBucket, listed: Listed): Promise<object> {
  const { etag } = listed;
  try {
    const command = new HeadObjectCommand({
      ...naming(bucket, listed),
      ...(etag === undefined ? {} : { IfMatch: etag }),
      ChecksumMode: 'ENABLED',
    });
    const head = await bucket.ask(`reading the metadata of ${listed.key}`, (c, o) => c.send(command, o));
    return Object.fromEntries(Object.entries(head).filter(([name]) => !PASSING.has(name)));
  } catch (error) {
    throw lost(error, listed.version === undefined ? 's3:GetObject' : 's3:GetObjectVersion');
  }
}

/** A failure that concerns one object as such, with the permission it may want. */
function lost(failure: unknown, action: string): unknown {
  if (!(failure instanceof PartFailed)) return failure;
  const denied = failure.meaning.kind === 'part' && failure.meaning.denied;
  const policy = `access is denied: the policy has to allow ${action} (and kms:Decrypt where a key of KMS encrypts it)`;
  return new ContentLost(denied ? policy : failure.message, { cause: failure });
}

function naming(bucket: PatientBucket, { key, version }: Listed) {
  return { Bucket: bucket.access.bucket, Key: key, ...(version === undefined ? {} : { VersionId: version }) };
}
