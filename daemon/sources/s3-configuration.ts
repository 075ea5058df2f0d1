import {
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLoggingCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetBucketWebsiteCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { canonical, type Json } from '../base/canonical.ts';
import { PartFailed, type PatientBucket } from './s3-client.ts';

type Get = (client: S3Client, bucket: string, options: { abortSignal: AbortSignal }) => Promise<object>;

/** What a bucket is set up to do: name of its document, the permission that reads it, and how it is asked for. In the order of names. */
const DOCUMENTS: readonly { readonly name: string; readonly action: string; readonly get: Get }[] = [
  { name: 'acl', action: 's3:GetBucketAcl', get: (c, Bucket, o) => c.send(new GetBucketAclCommand({ Bucket }), o) },
  { name: 'cors', action: 's3:GetBucketCORS', get: (c, Bucket, o) => c.send(new GetBucketCorsCommand({ Bucket }), o) },
  {
    name: 'encryption',
    action: 's3:GetEncryptionConfiguration',
    get: (c, Bucket, o) => c.send(new GetBucketEncryptionCommand({ Bucket }), o),
  },
  {
    name: 'lifecycle',
    action: 's3:GetLifecycleConfiguration',
    get: (c, Bucket, o) => c.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), o),
  },
  {
    name: 'logging',
    action: 's3:GetBucketLogging',
    get: (c, Bucket, o) => c.send(new GetBucketLoggingCommand({ Bucket }), o),
  },
  {
    name: 'notification',
    action: 's3:GetBucketNotification',
    get: (c, Bucket, o) => c.send(new GetBucketNotificationConfigurationCommand({ Bucket }), o),
  },
  {
    name: 'object-lock',
    action: 's3:GetBucketObjectLockConfiguration',
    get: (c, Bucket, o) => c.send(new GetObjectLockConfigurationCommand({ Bucket }), o),
  },
  {
    name: 'ownership',
    action: 's3:GetBucketOwnershipControls',
    get: (c, Bucket, o) => c.send(new GetBucketOwnershipControlsCommand({ Bucket }), o),
  },
  {
    name: 'policy',
    action: 's3:GetBucketPolicy',
    get: (c, Bucket, o) => c.send(new GetBucketPolicyCommand({ Bucket }), o),
  },
  {
    name: 'public-access',
    action: 's3:GetBucketPublicAccessBlock',
    get: (c, Bucket, o) => c.send(new GetPublicAccessBlockCommand({ Bucket }), o),
  },
  {
    name: 'replication',
    action: 's3:GetReplicationConfiguration',
    get: (c, Bucket, o) => c.send(new GetBucketReplicationCommand({ Bucket }), o),
  },
  {
    name: 'tagging',
    action: 's3:GetBucketTagging',
    get: (c, Bucket, o) => c.send(new GetBucketTaggingCommand({ Bucket }), o),
  },
  {
    name: 'versioning',
    action: 's3:GetBucketVersioning',
    get: (c, Bucket, o) => c.send(new GetBucketVersioningCommand({ Bucket }), o),
  },
  {
    name: 'website',
    action: 's3:GetBucketWebsite',
    get: (c, Bucket, o) => c.send(new GetBucketWebsiteCommand({ Bucket }), o),
  },
];

export interface BucketDocument {
  readonly name: string;
  /** Canonical JSON with a line break, or why there is none. */
  readonly text?: string;
  readonly problem?: string;
}

export interface BucketConfiguration {
  readonly documents: readonly BucketDocument[];
  /** What this server does not know. */
  readonly unknown: readonly string[];
  /** Objects have no ACLs of their own: S3 Object Ownership says that the bucket's owner owns all. */
  readonly aclsDisabled: boolean;
}

/** How the bucket is set up. A document that may not be read is a problem of its own. */
export async function readConfiguration(bucket: PatientBucket): Promise<BucketConfiguration> {
  const documents: BucketDocument[] = [];
  const unknown: string[] = [];
  let aclsDisabled = false;
  for (const { name, action, get } of DOCUMENTS) {
    try {
      const what = `reading the ${name} of bucket ${bucket.access.bucket}`;
      const answer = await bucket.ask(what, (client, options) => get(client, bucket.access.bucket, options));
      const { $metadata: _, ...said } = answer as { $metadata?: unknown };
      aclsDisabled ||= name === 'ownership' && JSON.stringify(said).includes('"BucketOwnerEnforced"');
      // What is set to nothing is as what is not set.
      if (Object.values(said).some((value) => value !== undefined)) documents.push({ name, text: documentText(said) });
    } catch (error) {
      if (!(error instanceof PartFailed)) throw error;
      const { meaning } = error;
      // Some servers have a 404 of their own for what is not set up. That the bucket is there the listing has told.
      if (meaning.kind === 'absent' || (meaning.kind === 'part' && meaning.gone)) continue;
      if (meaning.kind === 'unknown here') unknown.push(name);
      else {
        const why = meaning.denied ? `access is denied: the policy has to allow ${action}` : meaning.why;
        documents.push({ name, problem: why });
      }
    }
  }
  return { documents, unknown, aclsDisabled };
}

/** What the SDK gave, as canonical JSON (RFC 8785) that ends in a line break: without what is undefined, times as RFC 3339. */
export function documentText(said: object): string {
  return `${canonical(JSON.parse(JSON.stringify(said)) as Json)}\n`;
}
