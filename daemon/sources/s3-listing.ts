import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { isoTime } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { stopped } from './failure.ts';
import { globsTest } from './glob.ts';
import { PartFailed, type PatientBucket, type Request } from './s3-client.ts';
import { pathOfKey, treeOrder, versionName } from './s3-keys.ts';
import { addRun, merged, removeRuns, type Sorted } from './sorted-runs.ts';

/** A version of an object as the bucket lists it. Times are milliseconds since the epoch. */
export interface Listed {
  /** Below `objects/`, or below `versions/`. */
  readonly path: string;
  readonly key: string;
  /** Absent where versions are not listed. */
  readonly version?: string;
  readonly etag?: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly storageClass?: string;
  readonly marker?: true;
  /** Why it cannot be asked for. */
  readonly problem?: string;
}

export interface ListingOptions {
  readonly prefix: string;
  readonly versions: 'current' | 'all';
  /** Glob patterns of keys; none: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export interface Listing {
  /** What there is now, in tree order. Each call reads it anew. */
  objects(): AsyncIterable<Listed>;
  /** What there was: older versions and delete markers, in tree order. */
  versions(): AsyncIterable<Listed>;
  readonly counts: Counts;
  /** RFC 3339: when it began. */
  readonly since: string;
}

interface Counts {
  readonly objects: number;
  readonly bytes: number;
  readonly versions: number;
  readonly excluded: number;
}

/** What is durable after every run of files. */
interface State {
  /** Which bucket and which choice of it. */
  readonly of: string;
  readonly startedMs: number;
  readonly runs: number;
  readonly counts: Counts;
  /** Everything up to here is in the files. */
  readonly after: Marker | undefined;
}

interface Marker {
  readonly key: string;
  readonly version?: string | undefined;
}

/** Items in memory before they go to the disk: about 20 MB. */
const RUN_ITEMS = 32_768;
/** A listing is gone on with only while it is so young: what was listed long ago says nothing of now. */
const RESUMED_MS = 6 * 3_600_000;

const NONE: Counts = { objects: 0, bytes: 0, versions: 0, excluded: 0 };

/**
 * Lists the bucket into files below `folder`, page by page, in bounded memory. One that was cut short is gone on with. Rejects as
 * `PatientBucket.ask` does; `told` is called after every page.
 */
export async function listBucket(
  bucket: PatientBucket,
  options: ListingOptions,
  folder: string,
  told: (listed: number) => void,
  runItems = RUN_ITEMS,
): Promise<Listing> {
  const objects: Sorted<Listed> = { folder, name: 'objects', order: ({ path }) => treeOrder(path) };
  const versions: Sorted<Listed> = { folder, name: 'versions', order: ({ path }) => treeOrder(path) };
  await makeDirectory(folder);
  const statePath = join(folder, 'listing.json');
  const { clock, signal, subject } = bucket.ports;
  const now = clock.wall();
  const of = fingerprint(bucket, options);
  const left = await readState(statePath);
  const usable = left !== undefined && left.of === of && left.startedMs <= now && now - left.startedMs < RESUMED_MS;
  let state: State = usable ? left : { of, startedMs: now, runs: 0, counts: NONE, after: undefined };
  await removeRuns(objects, state.runs);
  await removeRuns(versions, state.runs);

  let { counts } = state;
  const found: { objects: Listed[]; versions: Listed[] } = { objects: [], versions: [] };
  const flush = async (after: Marker | undefined) => {
    if (found.objects.length > 0) await addRun(objects, state.runs, found.objects.splice(0));
    if (found.versions.length > 0) await addRun(versions, state.runs, found.versions.splice(0));
    state = { ...state, runs: state.runs + 1, counts, after };
    await writeDurably(statePath, JSON.stringify(state));
  };
  const included = globsTest(options.include);
  const excluded = globsTest(options.exclude);
  for await (const page of pages(bucket, options, state.after)) {
    for (const { current, ...item } of page.items) {
      const key = Buffer.from(item.key);
      if ((options.include.length > 0 && !included(key)) || excluded(key)) {
        counts = { ...counts, excluded: counts.excluded + 1 };
      } else if (current) {
        counts = { ...counts, objects: counts.objects + 1, bytes: counts.bytes + item.size };
        found.objects.push(item);
      } else {
        counts = { ...counts, versions: counts.versions + 1 };
        const name = versionName(isoTime(item.mtimeMs), item.version ?? '');
        found.versions.push({ ...item, path: `${item.path}/${name}` });
      }
    }
    if (page.after !== undefined && found.objects.length + found.versions.length >= runItems) await flush(page.after);
    told(counts.objects + counts.versions + counts.excluded);
    if (signal.aborted) throw stopped(subject);
  }
  await flush(undefined);
  // It is read once: the next run lists anew.
  await rm(statePath);
  return {
    objects: () => merged(objects),
    versions: () => merged(versions),
    counts,
    since: isoTime(state.startedMs),
  };
}

interface Page {
  readonly items: readonly (Listed & { readonly current: boolean })[];
  /** Where the next page goes on; undefined where it cannot be said. */
  readonly after: Marker | undefined;
}

async function* pages(bucket: PatientBucket, options: ListingOptions, from: Marker | undefined): AsyncGenerator<Page> {
  yield* options.versions === 'all' ? versionPages(bucket, options, from) : objectPages(bucket, options, from);
}

async function* objectPages(
  bucket: PatientBucket,
  { prefix }: ListingOptions,
  from: Marker | undefined,
): AsyncGenerator<Page> {
  let token: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket.access.bucket,
      // A key may hold bytes that no XML can: one would make the whole list unreadable.
      EncodingType: 'url',
      ...(prefix === '' ? {} : { Prefix: prefix }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(from === undefined || token !== undefined ? {} : { StartAfter: from.key }),
    });
    const page = await listed(bucket, 's3:ListBucket', (client, rest) => client.send(command, rest));
    const items = (page.Contents ?? []).map((object) => ({ ...item(object, page.EncodingType), current: true }));
    const last = items.at(-1);
    yield { items, after: last === undefined || last.problem !== undefined ? undefined : { key: last.key } };
    if (!page.IsTruncated) return;
    token = advanced(bucket, token, page.NextContinuationToken);
  } while (token !== undefined);
}

async function* versionPages(
  bucket: PatientBucket,
  { prefix }: ListingOptions,
  from: Marker | undefined,
): AsyncGenerator<Page> {
  let after = from;
  for (;;) {
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
      Bucket: bucket.access.bucket,
      EncodingType: 'url',
      ...(prefix === '' ? {} : { Prefix: prefix }),
      ...(after === undefined ? {} : { KeyMarker: after.key }),
      ...(after?.version === undefined ? {} : { VersionIdMarker: after.version }),
    });
    const page = await listed(bucket, 's3:ListBucketVersions', (client, rest) => client.send(command, rest));
    const found = (page.Versions ?? []).map((one) => ({
      ...item(one, page.EncodingType),
      version: one.VersionId ?? 'null',
      current: one.IsLatest === true,
    }));
    const markers = (page.DeleteMarkers ?? []).map((one) => ({
      ...item(one, page.EncodingType),
      version: one.VersionId ?? 'null',
      marker: true as const,
      current: false,
    }));
    const key = page.NextKeyMarker === undefined ? undefined : plainKey(page.NextKeyMarker, page.EncodingType);
    const next = key === undefined ? undefined : { key, version: page.NextVersionIdMarker };
    yield { items: [...found, ...markers], after: next };
    if (!page.IsTruncated) return;
    advanced(bucket, JSON.stringify(after), next && JSON.stringify(next));
    after = next;
  }
}

async function listed<T>(bucket: PatientBucket, action: string, request: Request<T>): Promise<T> {
  const what = `listing bucket ${bucket.access.bucket}`;
  try {
    return await bucket.ask(what, request);
  } catch (error) {
    if (!(error instanceof PartFailed)) throw error;
    const denied = error.meaning.kind === 'part' && error.meaning.denied;
    const why = denied ? `access is denied: the policy has to allow ${action}` : error.message;
    throw bucket.end(`${what} failed: ${why}`);
  }
}

/** A server that says that there is more, and not where, or where it was already, would be listed for ever. */
function advanced(bucket: PatientBucket, before: string | undefined, next: string | undefined): string {
  if (next === undefined || next === before)
    throw bucket.end(
      `listing bucket ${bucket.access.bucket} failed: the server says that there is more, and does not go on`,
    );
  return next;
}

interface Answered {
  readonly Key?: string | undefined;
  readonly ETag?: string | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: { getTime(): number } | undefined;
  readonly StorageClass?: string | undefined;
}

function item({ Key = '', ETag, Size, LastModified, StorageClass }: Answered, encoding: string | undefined): Listed {
  const key = plainKey(Key, encoding);
  return {
    path: pathOfKey(key ?? Key),
    key: key ?? Key,
    ...(ETag === undefined ? {} : { etag: ETag }),
    size: Size ?? 0,
    mtimeMs: LastModified?.getTime() ?? 0,
    ...(StorageClass === undefined ? {} : { storageClass: StorageClass }),
    ...(key === undefined ? { problem: 'its key is no UTF-8, and cannot be asked for' } : {}),
  };
}

/** Undefined for a key that is no UTF-8. */
function plainKey(key: string, encoding: string | undefined): string | undefined {
  if (encoding !== 'url') return key;
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function fingerprint({ access: { endpoint, bucket } }: PatientBucket, options: ListingOptions): string {
  const { prefix, versions, include, exclude } = options;
  const choice = JSON.stringify([endpoint, bucket, prefix, versions, include, exclude]);
  return createHash('sha256').update(choice).digest('hex');
}

async function readState(path: string): Promise<State | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as State;
  } catch {
    // None, or torn: the bucket is listed from its beginning.
    return undefined;
  }
}
