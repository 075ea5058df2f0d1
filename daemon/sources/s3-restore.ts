import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { reasonOf } from '../base/errors.ts';
import { PartFailed, type PatientBucket } from './s3-client.ts';

/** An object as a snapshot has it. */
export interface RestorableObject {
  readonly key: string;
  readonly size: number;
  /** Its document below `metadata/`, as text; undefined where the snapshot has none. */
  readonly metadata: string | undefined;
  /** Its bytes, from the beginning each time. */
  open(): AsyncIterable<Buffer>;
}

/** What becomes of an object. */
export type ObjectFate =
  /** It is put there, or, in a dry run, would be. */
  | { readonly kind: 'made' }
  /** Its bytes and metadata are there already. */
  | { readonly kind: 'same' }
  /** Its bytes are there; its tags are set, or would be. */
  | { readonly kind: 'tagged' }
  /** Something else is there, and stays. */
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

export interface ObjectReport {
  readonly key: string;
  readonly fate: ObjectFate;
  /** What of it could not be recreated, and why. */
  readonly missing: readonly string[];
}

export interface S3RestoreOptions {
  /** False for a dry run: the bucket is looked at, and nothing is written. */
  readonly apply: boolean;
  /** Whether what is there under a key with other bytes is overwritten. */
  readonly overwrite: boolean;
}

/** Longer objects go in parts of so many bytes: then their ETag can be foretold, and 10,000 parts are 640 GB. */
const PART = 64 << 20;

interface Metadata {
  readonly head?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly { readonly Key?: string; readonly Value?: string }[];
  readonly acl?: { readonly grants?: readonly unknown[] };
}

/**
 * Puts objects of a snapshot into a bucket, with their headers, user metadata and tags. What is there already with the same bytes and
 * metadata is not sent again, so that one that was cut short can be done over. Grants name accounts, which may mean others elsewhere:
 * they are not set, and told. Yields a report of each object, in their order; rejects with `source.failed` when the bucket cannot be had.
 */
export async function* restoreObjects(
  bucket: PatientBucket,
  objects: AsyncIterable<RestorableObject>,
  options: S3RestoreOptions,
): AsyncGenerator<ObjectReport> {
  for await (const object of objects) {
    const { metadata, problem } = readMetadata(object.metadata);
    const missing = [...(problem === undefined ? [] : [problem]), ...notRecreated(metadata)];
    try {
      yield { key: object.key, fate: await restoreOne(bucket, object, metadata, options), missing };
    } catch (error) {
      if (!(error instanceof PartFailed)) throw error;
      const denied = error.meaning.kind === 'part' && error.meaning.denied;
      const why = denied
        ? 'access is denied: it takes s3:PutObject, s3:GetObject, s3:PutObjectTagging and s3:GetObjectTagging'
        : error.message;
      yield { key: object.key, fate: { kind: 'failed', why }, missing };
    }
  }
}

async function restoreOne(
  bucket: PatientBucket,
  object: RestorableObject,
  metadata: Metadata,
  { apply, overwrite }: S3RestoreOptions,
): Promise<ObjectFate> {
  const there = await headOf(bucket, object.key);
  if (there !== undefined) {
    const same = there.ContentLength === object.size && there.ETag === (await etagOf(object));
    const other = same ? differing(there, headersOf(metadata)) : 'other bytes are there';
    if (other === undefined) {
      if (tagsText(metadata.tags) === tagsText(await tagsOf(bucket, object.key))) return { kind: 'same' };
      if (apply) await tag(bucket, object.key, metadata);
      return { kind: 'tagged' };
    }
    if (!overwrite) return { kind: 'other', why: other };
  }
  if (apply) await put(bucket, object, metadata);
  return { kind: 'made' };
}

async function headOf(bucket: PatientBucket, key: string): Promise<HeadObjectCommandOutput | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket.access.bucket, Key: key });
  try {
    return await bucket.ask(`looking for ${key}`, (client, options) => client.send(command, options));
  } catch (error) {
    if (error instanceof PartFailed && error.meaning.kind === 'part' && error.meaning.gone) return undefined;
    throw error;
  }
}

async function tagsOf(bucket: PatientBucket, key: string): Promise<Metadata['tags']> {
  const command = new GetObjectTaggingCommand({ Bucket: bucket.access.bucket, Key: key });
  const answer = await bucket.ask(`reading the tags of ${key}`, (client, options) => client.send(command, options));
  return answer.TagSet as Metadata['tags'];
}

async function tag(bucket: PatientBucket, key: string, { tags = [] }: Metadata): Promise<void> {
  const TagSet = tags.map(({ Key = '', Value = '' }) => ({ Key, Value }));
  const command = new PutObjectTaggingCommand({ Bucket: bucket.access.bucket, Key: key, Tagging: { TagSet } });
  await bucket.ask(`setting the tags of ${key}`, (client, options) => client.send(command, options));
}

async function put(bucket: PatientBucket, object: RestorableObject, metadata: Metadata): Promise<void> {
  const { key, size } = object;
  const what = `writing ${key}`;
  const named = { Bucket: bucket.access.bucket, Key: key };
  const tagging = tagsText(metadata.tags);
  const about = { ...named, ...headersOf(metadata), ...(tagging === '' ? {} : { Tagging: tagging }) };
  const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64');
  if (size <= PART) {
    let Body: Buffer = Buffer.alloc(0);
    for await (const part of parts(object)) Body = part;
    const command = new PutObjectCommand({ ...about, Body, ContentLength: Body.length, ContentMD5: md5(Body) });
    await bucket.ask(what, (client, options) => client.send(command, options));
    return;
  }
  const create = new CreateMultipartUploadCommand(about);
  const { UploadId } = await bucket.ask(what, (client, options) => client.send(create, options));
  const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
  try {
    for await (const Body of parts(object)) {
      const PartNumber = Parts.length + 1;
      const upload = { ...named, UploadId, PartNumber, Body, ContentLength: Body.length, ContentMD5: md5(Body) };
      const command = new UploadPartCommand(upload);
      const { ETag } = await bucket.ask(what, (client, options) => client.send(command, options));
      Parts.push({ PartNumber, ETag });
    }
    const complete = new CompleteMultipartUploadCommand({ ...named, UploadId, MultipartUpload: { Parts } });
    await bucket.ask(what, (client, options) => client.send(complete, options));
  } catch (error) {
    // Parts nobody completes are paid for. What cannot be tidied up now a lifecycle rule does.
    const abort = new AbortMultipartUploadCommand({ ...named, UploadId });
    await bucket.ask(what, (client, options) => client.send(abort, options)).catch(() => {});
    throw error;
  }
}

/** The ETag the object gets when it is put: of one part its MD5, of several the MD5 of theirs. */
async function etagOf(object: RestorableObject): Promise<string> {
  const sums: Buffer[] = [];
  for await (const part of parts(object)) sums.push(createHash('md5').update(part).digest());
  const [only = createHash('md5').digest()] = sums;
  if (object.size <= PART) return `"${only.toString('hex')}"`;
  return `"${createHash('md5').update(Buffer.concat(sums)).digest('hex')}-${sums.length}"`;
}

async function* parts({ open }: RestorableObject): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of open()) {
    let rest = chunk;
    while (length + rest.length >= PART) {
      const taken = rest.subarray(0, PART - length);
      yield Buffer.concat([...chunks, taken]);
      rest = rest.subarray(taken.length);
      chunks = [];
      length = 0;
    }
    // A chunk is another's as soon as the next one is asked for.
    chunks.push(Buffer.from(rest));
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(chunks);
}

/** Headers that belong to the object, by the names the SDK has for them. */
const HEADERS = [
  'ContentType',
  'CacheControl',
  'ContentDisposition',
  'ContentEncoding',
  'ContentLanguage',
  'WebsiteRedirectLocation',
] as const;

function headersOf({ head = {} }: Metadata): Readonly<Record<string, string | Record<string, string>>> {
  const headers: Record<string, string | Record<string, string>> = {};
  for (const name of HEADERS) {
    const value = head[name];
    if (typeof value === 'string' && value !== '') headers[name] = value;
  }
  const { Metadata } = head;
  if (typeof Metadata === 'object' && Metadata !== null && Object.keys(Metadata).length > 0)
    headers['Metadata'] = Metadata as Record<string, string>;
  return headers;
}

/** What of the headers is not as it should be. */
function differing(there: HeadObjectCommandOutput, wanted: ReturnType<typeof headersOf>): string | undefined {
  const { Metadata: own = {}, ...rest } = wanted;
  const plain = (pairs: object) => JSON.stringify(Object.entries(pairs).sort());
  if (plain(there.Metadata ?? {}) !== plain(own as object)) return 'it is there with other user metadata';
  const name = HEADERS.find((header) => rest[header] !== undefined && rest[header] !== there[header]);
  return name === undefined ? undefined : `it is there with another ${name}`;
}

function tagsText(tags: Metadata['tags'] = []): string {
  const pairs = tags.map(({ Key = '', Value = '' }) => `${encodeURIComponent(Key)}=${encodeURIComponent(Value)}`);
  return pairs.sort().join('&');
}

function notRecreated({ head = {}, acl }: Metadata): string[] {
  const { StorageClass, ServerSideEncryption, ObjectLockMode } = head;
  return [
    // One grant is the owner's own.
    ...((acl?.grants?.length ?? 0) > 1 ? ['its grants, which name accounts'] : []),
    ...(typeof StorageClass === 'string' && StorageClass !== 'STANDARD' ? [`its storage class ${StorageClass}`] : []),
    ...(typeof ServerSideEncryption === 'string'
      ? [`its encryption ${ServerSideEncryption}: the bucket's default holds`]
      : []),
    ...(typeof ObjectLockMode === 'string' ? [`its lock (${ObjectLockMode}): the bucket's default holds`] : []),
  ];
}

function readMetadata(text: string | undefined): { metadata: Metadata; problem?: string } {
  if (text === undefined) return { metadata: {}, problem: 'its headers and tags, which the snapshot does not have' };
  try {
    return { metadata: JSON.parse(text) as Metadata };
  } catch (error) {
    return { metadata: {}, problem: `its headers and tags, whose document cannot be read (${reasonOf(error)})` };
  }
}
