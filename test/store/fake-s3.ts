import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One version of a key. */
interface Version {
  readonly id: string;
  readonly marker: boolean;
  readonly bytes: Buffer;
  lock: { mode: string; until: number } | undefined;
}

/** How a server can be worse than it says; all of them have been seen, or are what Object Lock is there to exclude. */
export interface Character {
  /** Takes the headers of a lock and forgets them. */
  readonly forgetsLocks?: boolean;
  /** Keeps a lock, and deletes all the same. */
  readonly deletesLocked?: boolean;
  /** Lets a lock be shortened. */
  readonly shortensLocks?: boolean;
  /** Lets compliance be turned into governance. */
  readonly softensLocks?: boolean;
  /** Says that a locked version was deleted, and keeps it. */
  readonly liesAboutDeleting?: boolean;
  /** Acknowledges a put and forgets it. */
  readonly forgetsObjects?: boolean;
  /** Locks for a day, whatever was asked for. */
  readonly locksShort?: boolean;
  /** Sends a byte less than there is, and says that this was all. */
  readonly losesBytes?: boolean;
  /** Sends the whole object whatever range was asked for. */
  readonly knowsNoRanges?: boolean;
}

export interface Fault {
  readonly status: number;
  readonly code: string;
}

/** What is done with a request instead of answering it: an error, the line cut, no answer at all, or half of the body. */
export type Disturbance = Fault | 'cut' | 'hang' | 'half' | 'cut after' | undefined;

const DAY_MS = 86_400_000;
const WALL = () => Date.now();

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * An S3 server with one bucket, in this process, as far as a store needs one, with the habits of a real Ceph gateway:
 * overwrites and delete markers always succeed, `If-None-Match` and SHA-256 are not looked at, a wrong Content-MD5 is refused, a body
 * of unknown length too, and a multipart upload drops the headers of a lock.
 */
export class FakeS3 {
  readonly bucket = 'vault';
  readonly accessKeyId = 'VAULT';
  /** Bucket made with Object Lock. */
  locks = true;
  versioning = true;
  exists = true;
  character: Character = {};
  /** Versions a page. */
  pageSize = 1000;
  disturb: (method: string, key: string, query: URLSearchParams) => Disturbance = () => undefined;
  /** Called when a disturbance has nothing more to say. */
  stuck: () => void = () => {};
  /** "METHOD key" of every request. */
  readonly requests: string[] = [];
  /** Newest last. */
  readonly versions = new Map<string, Version[]>();
  readonly #server: Server;
  readonly #uploads = new Map<string, Buffer[]>();

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.endpoint);
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const method = request.method ?? '';
    this.requests.push(`${method} ${key}`);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const disturbance = this.disturb(method, key, url.searchParams);
    if (disturbance === 'cut') return void request.socket.destroy();
    if (disturbance === 'hang') return this.stuck();
    try {
      if (typeof disturbance === 'object') throw new Refusal(disturbance.status, disturbance.code);
      this.#admit(request, bucket);
      const {
        status = 200,
        headers = {},
        body = Buffer.alloc(0),
      } = this.#answer(method, key, url.searchParams, request, Buffer.concat(chunks));
      if (disturbance === 'cut after') return void request.socket.destroy();
      response.writeHead(status, { 'content-length': body.length, ...headers });
      if (disturbance === 'half') {
        response.write(body.subarray(0, body.length / 2), () => this.stuck());
        return;
      }
      response.end(method === 'HEAD' ? undefined : body);
    } catch (error) {
      const { status, code, message } =
        error instanceof Refusal ? error : new Refusal(500, 'InternalError', String(error));
      const body = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(method === 'HEAD' ? undefined : body);
    }
  }

  #admit(request: IncomingMessage, bucket: string): void {
    const credential = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
    if (credential !== this.accessKeyId) throw new Refusal(403, 'InvalidAccessKeyId');
    if (!this.exists || bucket !== this.bucket) throw new Refusal(404, 'NoSuchBucket');
  }

  #answer(
    method: string,
    key: string,
    query: URLSearchParams,
    request: IncomingMessage,
    body: Buffer,
  ): { status?: number; headers?: Record<string, string>; body?: Buffer } {
    const version = query.get('versionId') ?? undefined;
    if (key === '' && query.has('versioning')) {
      return xml(
        `<VersioningConfiguration>${this.versioning ? '<Status>Enabled</Status>' : ''}</VersioningConfiguration>`,
      );
    }
    if (key === '' && query.has('versions')) return xml(this.#list(query));
    if (query.has('uploads') || query.has('uploadId')) return this.#multipart(method, key, query, body);
    if (query.has('retention')) return this.#relock(key, version, body.toString());
    switch (method) {
      case 'PUT':
        return this.#put(key, request, body);
      case 'DELETE':
        return this.#delete(key, version);
      case 'HEAD':
      case 'GET':
        return this.#get(key, version, method === 'GET' ? request.headers.range : undefined);
      default:
        throw new Refusal(501, 'NotImplemented');
    }
  }

  #put(key: string, request: IncomingMessage, body: Buffer) {
    const { headers } = request;
    if (headers['content-length'] === undefined || /^STREAMING/.test(String(headers['x-amz-content-sha256'])))
      throw new Refusal(411, 'MissingContentLength');
    const md5 = headers['content-md5'];
    if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64'))
      throw new Refusal(400, 'BadDigest');
    const mode = headers['x-amz-object-lock-mode'];
    const until = headers['x-amz-object-lock-retain-until-date'];
    if (mode !== undefined && !this.locks)
      throw new Refusal(400, 'InvalidRequest', 'Bucket is missing Object Lock Configuration');
    if (mode !== undefined && md5 === undefined) throw new Refusal(400, 'InvalidRequest', 'Content-MD5 is required');
    const { forgetsLocks, locksShort, forgetsObjects } = this.character;
    const asked =
      mode === undefined || forgetsLocks ? undefined : { mode: String(mode), until: Date.parse(String(until)) };
    const lock = asked !== undefined && locksShort ? { ...asked, until: WALL() + DAY_MS } : asked;
    return { headers: { 'x-amz-version-id': this.add(key, body, lock, forgetsObjects) } };
  }

  /** Adds a version on top; its id. */
  add(key: string, bytes: Buffer, lock: Version['lock'], forget = false, marker = false): string {
    const id = this.versioning ? randomBytes(8).toString('hex') : 'null';
    const before = this.versioning ? (this.versions.get(key) ?? []) : [];
    if (!forget) this.versions.set(key, [...before, { id, marker, bytes, lock }]);
    return id;
  }

  #delete(key: string, id: string | undefined) {
    if (id === undefined) {
      this.add(key, Buffer.alloc(0), undefined, false, true);
      return { status: 204 };
    }
    const found = this.#version(key, id);
    const locked = found.lock !== undefined && found.lock.until > WALL();
    if (locked && this.character.liesAboutDeleting) return { status: 204 };
    if (locked && !this.character.deletesLocked) throw new Refusal(403, 'AccessDenied');
    this.versions.set(
      key,
      (this.versions.get(key) ?? []).filter((version) => version.id !== id),
    );
    return { status: 204 };
  }

  #get(key: string, id: string | undefined, range: string | undefined) {
    const { bytes, lock, id: found } = this.#version(key, id);
    const headers: Record<string, string> = {
      'x-amz-version-id': found,
      'last-modified': new Date(WALL()).toUTCString(),
    };
    if (lock !== undefined) {
      headers['x-amz-object-lock-mode'] = lock.mode;
      headers['x-amz-object-lock-retain-until-date'] = new Date(lock.until).toISOString();
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (this.character.losesBytes && range === undefined) return { headers, body: bytes.subarray(1) };
    if (first === undefined || this.character.knowsNoRanges) return { headers, body: bytes };
    if (Number(first) >= bytes.length || Number(last) < Number(first)) throw new Refusal(416, 'InvalidRange');
    const body = bytes.subarray(Number(first), Number(last) + 1);
    return { status: 206, headers: { ...headers, 'content-range': `bytes ${first}-${last}/${bytes.length}` }, body };
  }

  #version(key: string, id: string | undefined): Version {
    const versions = this.versions.get(key) ?? [];
    const found = id === undefined ? versions.at(-1) : versions.find((version) => version.id === id);
    if (found === undefined) throw new Refusal(404, id === undefined ? 'NoSuchKey' : 'NoSuchVersion');
    if (found.marker)
      throw new Refusal(id === undefined ? 404 : 405, id === undefined ? 'NoSuchKey' : 'MethodNotAllowed');
    return found;
  }

  #relock(key: string, id: string | undefined, body: string) {
    const found = this.#version(key, id);
    const mode = /<Mode>(\w+)<\/Mode>/.exec(body)?.[1] ?? '';
    const until = Date.parse(/<RetainUntilDate>([^<]+)</.exec(body)?.[1] ?? '');
    const { lock } = found;
    const shorter = lock !== undefined && until < lock.until;
    const softer = lock?.mode === 'COMPLIANCE' && mode !== 'COMPLIANCE';
    const allowed = (!shorter || this.character.shortensLocks) && (!softer || this.character.softensLocks);
    if (!allowed) throw new Refusal(403, 'AccessDenied');
    found.lock = { mode, until };
    return {};
  }

  #multipart(method: string, key: string, query: URLSearchParams, body: Buffer) {
    const id = query.get('uploadId');
    if (id === null) {
      const upload = randomBytes(8).toString('hex');
      this.#uploads.set(upload, []);
      return xml(`<InitiateMultipartUploadResult><UploadId>${upload}</UploadId></InitiateMultipartUploadResult>`);
    }
    const parts = this.#uploads.get(id);
    if (parts === undefined) throw new Refusal(404, 'NoSuchUpload');
    if (method === 'PUT') {
      parts[Number(query.get('partNumber')) - 1] = body;
      return { headers: { etag: '"part"' } };
    }
    this.add(key, Buffer.concat(parts), undefined);
    return xml('<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
  }

  #list(query: URLSearchParams): string {
    const prefix = query.get('prefix') ?? '';
    const keyMarker = query.get('key-marker') ?? '';
    const versionMarker = query.get('version-id-marker') ?? '';
    const encode = (key: string) =>
      query.get('encoding-type') === 'url' ? encodeURIComponent(key).replaceAll('%20', '+') : key;
    const all = [...this.versions]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .flatMap(([key, versions]) => versions.toReversed().map((version) => ({ key, ...version })));
    const after = all.findIndex(({ key, id }) => key === keyMarker && (versionMarker === '' || id === versionMarker));
    const rest = keyMarker === '' ? all : all.slice(after + 1);
    const page = rest.slice(0, this.pageSize);
    const last = page.at(-1);
    const entries = page.map(({ key, id, bytes, marker }) =>
      marker
        ? `<DeleteMarker><Key>${encode(key)}</Key><VersionId>${id}</VersionId></DeleteMarker>`
        : `<Version><Key>${encode(key)}</Key><VersionId>${id}</VersionId><Size>${bytes.length}</Size></Version>`,
    );
    const more =
      rest.length > page.length && last !== undefined
        ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${encode(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.id}</NextVersionIdMarker>`
        : '<IsTruncated>false</IsTruncated>';
    const type = query.get('encoding-type') === 'url' ? '<EncodingType>url</EncodingType>' : '';
    return `<ListVersionsResult>${type}${more}${entries.join('')}</ListVersionsResult>`;
  }
}

function xml(text: string) {
  return { headers: { 'content-type': 'application/xml' }, body: Buffer.from(`<?xml version="1.0"?>${text}`) };
}
