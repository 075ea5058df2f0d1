import { join } from 'node:path';
import { canonical } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import type { Content, Entry } from '../base/entry.ts';
import { sourceError, stopped } from './failure.ts';
import { ahead } from './patient.ts';
import { PatientBucket, type S3Access } from './s3-client.ts';
import { type BucketConfiguration, documentText, readConfiguration } from './s3-configuration.ts';
import { pathInside } from './s3-keys.ts';
import { type Listed, type Listing, type ListingOptions, listBucket } from './s3-listing.ts';
import { readAttributes, readMetadata, readObject, type Wanted } from './s3-object.ts';
import type { PullContext, Source } from './source.ts';

export interface S3SourceOptions extends S3Access, ListingOptions {
  readonly name: string;
  /** Whether tags and grants are asked for, two requests an object and run. */
  readonly tags: boolean;
  readonly acls: boolean;
  readonly clock: Clock;
}

/** Objects whose tags and grants are asked for at once. */
const AHEAD = 16;
/** Progress is told after so many objects. */
const TOLD_EVERY = 256;

/**
 * A bucket. What it holds is listed into files in the working folder, and each object comes from the bucket while it is sealed: there is no
 * copy of any content. An object that was sealed under the same ETag, version, size and time is not asked for again.
 *
 *     bucket.json                 what was asked for
 *     configuration/NAME.json     how the bucket is set up: versioning, lifecycle, policy …
 *     metadata/KEY                of each object its headers, user metadata, tags and grants
 *     objects/KEY                 its bytes
 *     versions/KEY/%+TIME~ID      bytes of older versions, where `versions` is `all`
 *     versions-metadata/…         the same of those, and of delete markers
 *
 * JSON is canonical (RFC 8785). How a key becomes a path: `s3-keys.ts`.
 *
 * Facts: `endpoint`, `bucket`, `prefix`, `versions`, `since` (when it was listed), `objects`, `bytes`, `olderVersions`, `excluded`, and
 * `notCaptured` where the server does not know something.
 */
export function s3Source(options: S3SourceOptions): Source {
  const { name, clock } = options;
  const subject = `Source ${name}`;

  async function* entries(bucket: PatientBucket, pulling: Pulling): AsyncGenerator<Entry> {
    try {
      for await (const entry of everything(bucket, options, pulling)) {
        if (pulling.context.signal.aborted) throw stopped(subject);
        yield entry;
      }
    } catch (error) {
      throw sourceError(subject, error, pulling.context.signal);
    } finally {
      bucket.close();
    }
  }

  return {
    async pull(context) {
      const { workdir, signal, progress } = context;
      if (signal.aborted) throw stopped(subject);
      const bucket = new PatientBucket(options, { subject, clock, signal });
      try {
        const what = `the list of bucket ${options.bucket}`;
        const listing = await listBucket(bucket, options, join(workdir, 'listing'), (done) =>
          progress?.({ what, done }),
        );
        const configuration = await readConfiguration(bucket);
        const facts = factsOf(options, listing, configuration);
        return { entries: entries(bucket, { listing, configuration, context }), facts };
      } catch (error) {
        bucket.close();
        throw sourceError(subject, error, signal);
      }
    },
  };
}

interface Pulling {
  readonly listing: Listing;
  readonly configuration: BucketConfiguration;
  readonly context: PullContext;
}

function factsOf(options: S3SourceOptions, { counts, since }: Listing, { unknown, aclsDisabled }: BucketConfiguration) {
  const { endpoint, bucket, prefix, versions } = options;
  const missing = unknown.map((name) => `${name} of the bucket`);
  return {
    endpoint,
    bucket,
    prefix,
    versions,
    since,
    objects: counts.objects,
    bytes: counts.bytes,
    olderVersions: counts.versions,
    excluded: counts.excluded,
    ...(aclsDisabled ? { acls: 'disabled in the bucket' } : {}),
    ...(missing.length === 0 ? {} : { notCaptured: missing }),
  };
}

async function* everything(bucket: PatientBucket, options: S3SourceOptions, pulling: Pulling): AsyncGenerator<Entry> {
  const { listing, configuration, context } = pulling;
  const { endpoint, prefix, versions } = options;
  yield document('bucket.json', documentText({ endpoint, bucket: options.bucket, prefix, versions }));
  if (configuration.documents.length > 0) yield folder('configuration');
  for (const { name, text, problem } of configuration.documents) {
    const path = `configuration/${name}.json`;
    yield text === undefined ? lostAt(path, problem ?? 'it could not be read') : document(path, text);
  }
  const wanted = { tags: options.tags, acls: options.acls && !configuration.aclsDisabled };
  const { objects, versions: older } = listing.counts;
  const { may, problem } = await tryAttributes(bucket, listing, wanted);
  const told = teller(context, options.bucket, 2 * (objects + older));
  const bytes = async (listed: Listed) => contentEntry(bucket, listed);
  const metadata = async (listed: Listed) => metadataEntry(bucket, listed, may);
  yield* tree('metadata', ahead(placed(listing.objects()), AHEAD, metadata), told, problem);
  yield* tree('objects', ahead(placed(listing.objects()), 1, bytes), told);
  if (versions === 'current') return;
  yield* tree('versions', ahead(withContent(listing.versions()), 1, bytes), told);
  yield* tree('versions-metadata', ahead(listing.versions(), AHEAD, metadata), told);
}

/** A key that is also the beginning of others moves into their folder; it comes just before them. */
async function* placed(listed: AsyncIterable<Listed>): AsyncGenerator<Listed> {
  let last: Listed | undefined;
  for await (const next of listed) {
    if (last !== undefined)
      yield next.path.startsWith(`${last.path}/`) ? { ...last, path: pathInside(last.path) } : last;
    last = next;
  }
  if (last !== undefined) yield last;
}

async function* withContent(listed: AsyncIterable<Listed>): AsyncGenerator<Listed> {
  for await (const one of listed) if (!one.marker) yield one;
}

/** Entries below `root`, which come in tree order, with the folders they are in. */
async function* tree(
  root: string,
  entries: AsyncIterable<Entry>,
  told: () => void,
  problem?: string,
): AsyncGenerator<Entry> {
  yield { ...folder(root), ...(problem === undefined ? {} : { problem }) };
  let inside: string[] = [];
  for await (const entry of entries) {
    const names = entry.path.toString('utf8').split('/').slice(0, -1);
    let same = 0;
    while (same < inside.length && inside[same] === names[same]) same++;
    for (let length = same + 1; length <= names.length; length++)
      yield folder([root, ...names.slice(0, length)].join('/'));
    inside = names;
    told();
    yield { ...entry, path: Buffer.concat([Buffer.from(`${root}/`), entry.path]) };
  }
}

/** Asks for tags and grants of the first object: a permission that is missing is one problem, and not one of every object. */
async function tryAttributes(
  bucket: PatientBucket,
  listing: Listing,
  wanted: Wanted,
): Promise<{ may: Wanted; problem?: string }> {
  for await (const first of listing.objects()) {
    const { problems, denied } = await readAttributes(bucket, first, wanted);
    if (denied.length === 0) break;
    const may = { tags: wanted.tags && !denied.includes('tags'), acls: wanted.acls && !denied.includes('grants') };
    return { may, problem: `of no object they were asked for: ${problems.join('; ')}` };
  }
  return { may: wanted };
}

async function metadataEntry(bucket: PatientBucket, listed: Listed, wanted: Wanted): Promise<Entry> {
  const attributes = await readAttributes(bucket, listed, wanted);
  const { problems, denied: _, ...rest } = attributes;
  async function* open() {
    yield await readMetadata(bucket, listed, attributes);
  }
  const tag = documentText({ metadata: tagOf(bucket, listed), ...rest });
  const problem = problems.length === 0 ? {} : { problem: problems.join('; ') };
  return { ...fileOf(listed, { from: 'stream', open, identity: { tag } }), ...problem };
}

function contentEntry(bucket: PatientBucket, listed: Listed): Entry {
  const open = () => readObject(bucket, listed);
  // Without an ETag two contents of a moment could not be told apart.
  const identity = listed.etag === undefined ? {} : { identity: { size: listed.size, tag: tagOf(bucket, listed) } };
  return fileOf(listed, { from: 'stream', open, ...identity });
}

/** What tells one content of a key from another. */
function tagOf(
  { access: { endpoint, bucket } }: PatientBucket,
  { key, version = '', etag = '', size, mtimeMs }: Listed,
): string {
  return canonical([endpoint, bucket, key.toWellFormed(), version, etag, size, mtimeMs]);
}

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function fileOf({ path, mtimeMs }: Listed, content: Content): Extract<Entry, { kind: 'file' }> {
  return {
    kind: 'file',
    path: Buffer.from(path),
    mode: 0o600,
    mtimeNs: BigInt(Math.round(mtimeMs)) * 1_000_000n,
    ...own,
    content,
  };
}

function document(path: string, text: string): Entry {
  async function* open() {
    yield Buffer.from(text);
  }
  return { kind: 'file', path: Buffer.from(path), mode: 0o600, mtimeNs: 0n, ...own, content: { from: 'stream', open } };
}

function folder(path: string): Extract<Entry, { kind: 'directory' }> {
  return { kind: 'directory', path: Buffer.from(path), mode: 0o700, mtimeNs: 0n, ...own };
}

function lostAt(path: string, reason: string): Entry {
  return { kind: 'problem', path: Buffer.from(path), reason };
}

function teller({ progress }: PullContext, bucket: string, total: number): () => void {
  let done = 0;
  return () => {
    done++;
    if (done % TOLD_EVERY === 0 || done === total) progress?.({ what: `objects of bucket ${bucket}`, done, total });
  };
}
