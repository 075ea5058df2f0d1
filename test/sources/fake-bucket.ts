import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../daemon/base/secret.ts';

/** One version of a key. */
export interface Stored {
  readonly id: string;
  readonly bytes: Buffer;
  readonly etag: string;
  readonly mtimeMs: number;
  readonly marker: boolean;
  /** As they are sent: `content-type`, `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>;
  tags: Readonly<Record<string, string>>;
  grants: string;
}

export interface Refused {
  readonly status: number;
  readonly code: string;
}

/** What is asked for: `GetObject`, `HeadObject`, `List`, `ListVersions`, `tagging`, `acl`, or the name of another subresource. */
export interface Asked {
  readonly what: string;
  readonly key: string;
  readonly range: string | undefined;
}

/** Instead of the answer: an error, the line cut, no answer, or half of the body. */
export type Disturbed = Refused | 'cut' | 'hang' | 'half' | undefined;

/** A bucket to read from, in this process: versions, headers, tags, grants, and how it is set up. Keys are taken byte by byte. */
export class FakeBucket {
  readonly name = 'photos';
  readonly accessKeyId = 'READER';
  readonly secretAccessKey = 'TELLTALE-secret-access-key';
  exists = true;
  /** Items a page. */
  pageSize = 1000;
  /** Gives the same page again and again, and says that there is more. */
  endless = false;
  /** Newest last. Keys are latin-1 of their bytes. */
  readonly keys = new Map<string, Stored[]>();
  /** XML of `policy`, `cors` …; what is not there answers as S3 does. */
  readonly configuration = new Map<string, string>();
  disturb: (asked: Asked) => Disturbed = () => undefined;
  /** "WHAT KEY" of every request. */
  readonly requests: string[] = [];
  /** Called before each request is answered. */
  before: (asked: Asked) => Promise<void> | void = () => {};
  /** Session tokens that came. */
  readonly tokens = new Set<unknown>();
  #count = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get settings() {
    return {
      kind: 's3' as const,
      name: 'sample',
      endpoint: this.endpoint,
      region: 'us-east-1',
      bucket: this.name,
      forcePathStyle: true,
      prefix: '',
      include: [],
      exclude: [],
      versions: 'current' as const,
      tags: true,
      acls: true,
      accessKeyId: Secret.fromText(this.accessKeyId),
      secretAccessKey: Secret.fromText(this.secretAccessKey),
    };
  }

  /** How often what was asked for. */
  count(what: string): number {
    return this.requests.filter((request) => request.startsWith(`${what} `)).length;
  }

  put(key: string, bytes: string | Buffer, more: Partial<Stored> = {}): Stored {
    const body = Buffer.from(bytes);
    const stored: Stored = {
      id: `v${++this.#count}`,
      bytes: body,
      etag: `"${createHash('md5').update(body).digest('hex')}"`,
      mtimeMs: 1_700_000_000_000 + this.#count * 1000,
      marker: false,
      headers: {},
      tags: {},
      grants: '',
      ...more,
    };
    const raw = Buffer.from(key).toString('latin1');
    this.keys.set(raw, [...(this.keys.get(raw) ?? []), stored]);
    return stored;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Not by URL, which would take the dots out of a key.
    const [path = '', search = ''] = (request.url ?? '').split(/\?(.*)/s);
    const [, bucket = '', raw = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
    const key = bytesOf(raw);
    const query = new URLSearchParams(search);
    const asked = { what: whatOf(request.method ?? '', key, query), key, range: request.headers.range };
    this.requests.push(`${asked.what} ${key}`);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    await this.before(asked);
    const disturbed = this.disturb(asked);
    if (disturbed === 'cut') return void request.socket.destroy();
    if (disturbed === 'hang') return;
    try {
      if (typeof disturbed === 'object') throw new Refusal(disturbed.status, disturbed.code);
      this.#admit(request, bucket);
      const { status = 200, headers = {}, body = '' } = this.#answer(asked, query, request, Buffer.concat(chunks));
      const bytes = Buffer.from(body);
      response.writeHead(status, { 'content-length': bytes.length, ...headers });
      if (disturbed === 'half') response.write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
      else response.end(request.method === 'HEAD' ? undefined : bytes);
    } catch (error) {
      const { status, code } = error instanceof Refusal ? error : new Refusal(500, `Internal ${error}`);
      const body = `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }

  #admit(request: IncomingMessage, bucket: string): void {
    this.tokens.add(request.headers['x-amz-security-token']);
    const credential = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
    if (credential !== this.accessKeyId) throw new Refusal(403, 'InvalidAccessKeyId');
    if (!this.exists || bucket !== this.name) throw new Refusal(404, 'NoSuchBucket');
  }

  #answer({ what, key, range }: Asked, query: URLSearchParams, request: IncomingMessage, body: Buffer): Answer {
    switch (what) {
      case 'List':
        return xml(this.#list(query));
      case 'ListVersions':
        return xml(this.#listVersions(query));
      case 'tagging':
        if (key === '') return this.#configured('tagging', 'NoSuchTagSet');
        return xml(
          `<Tagging><TagSet>${Object.entries(this.#version(key, query).tags)
            .map(([name, value]) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`)
            .join('')}</TagSet></Tagging>`,
        );
      case 'acl': {
        const grants = key === '' ? '' : this.#version(key, query).grants;
        return xml(
          `<AccessControlPolicy><Owner><ID>owner</ID></Owner><AccessControlList>${grants}</AccessControlList></AccessControlPolicy>`,
        );
      }
      case 'PutObject':
        return this.#putObject(key, request, body);
      case 'PutTagging': {
        const found = [...body.toString().matchAll(/<Key>(.*?)<\/Key><Value>(.*?)<\/Value>/g)];
        this.#version(key, query).tags = Object.fromEntries(found.map(([, name = '', value = '']) => [name, value]));
        return {};
      }
      case 'PutAcl':
        this.#version(key, query).grants =
          /<AccessControlList>(.*)<\/AccessControlList>/s.exec(body.toString())?.[1] ?? '';
        return {};
      case 'GetObject':
      case 'HeadObject':
        return this.#object(key, query, request, range);
      default:
        return this.#configured(what, NOT_SET[what] ?? 'NoSuchConfiguration');
    }
  }

  #configured(name: string, code: string): Answer {
    const text = this.configuration.get(name);
    if (text === undefined && (name === 'versioning' || name === 'logging' || name === 'notification'))
      return xml(`<C></C>`);
    if (text === undefined) throw new Refusal(404, code);
    return name === 'policy' ? { body: text } : xml(text);
  }

  #putObject(key: string, request: IncomingMessage, bytes: Buffer): Answer {
    const kept = Object.entries(request.headers).filter(([name]) =>
      /^(x-amz-meta-|content-(type|encoding|language|disposition)$|cache-control$)/.test(name),
    );
    const tags = Object.fromEntries(new URLSearchParams(String(request.headers['x-amz-tagging'] ?? '')));
    const stored = this.put(Buffer.from(key, 'latin1').toString('utf8'), bytes, {
      headers: Object.fromEntries(kept) as Record<string, string>,
      tags,
    });
    return { headers: { etag: stored.etag, 'x-amz-version-id': stored.id } };
  }

  #object(key: string, query: URLSearchParams, request: IncomingMessage, range: string | undefined): Answer {
    const { bytes, etag, mtimeMs, headers, id } = this.#version(key, query);
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== etag) throw new Refusal(412, 'PreconditionFailed');
    const all = { etag, 'last-modified': new Date(mtimeMs).toUTCString(), 'x-amz-version-id': id, ...headers };
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (range === undefined) return { headers: all, body: bytes };
    const more = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    return { status: 206, headers: { ...all, ...more }, body: bytes.subarray(from) };
  }

  #version(key: string, query: URLSearchParams): Stored {
    const versions = this.keys.get(key) ?? [];
    const id = query.get('versionId');
    const found = id === null ? versions.at(-1) : versions.find((version) => version.id === id);
    if (found === undefined || found.marker) throw new Refusal(404, id === null ? 'NoSuchKey' : 'NoSuchVersion');
    return found;
  }

  #sorted(query: URLSearchParams): [string, Stored[]][] {
    const prefix = Buffer.from(query.get('prefix') ?? '').toString('latin1');
    return [...this.keys].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #list(query: URLSearchParams): string {
    const token = query.get('continuation-token');
    const start = Buffer.from(query.get('start-after') ?? '').toString('latin1');
    const after = token === null ? start : Buffer.from(token, 'hex').toString('latin1');
    if (this.endless)
      return '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>6f</NextContinuationToken></ListBucketResult>';
    const all = this.#sorted(query).filter(([key, versions]) => key > after && versions.at(-1)?.marker === false);
    const page = all.slice(0, this.pageSize);
    const last = page.at(-1)?.[0];
    const more =
      all.length > page.length && last !== undefined
        ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${Buffer.from(last, 'latin1').toString('hex')}</NextContinuationToken>`
        : '<IsTruncated>false</IsTruncated>';
    const items = page.map(([key, versions]) => `<Contents>${shown(key, versions.at(-1) as Stored)}</Contents>`);
    return `<ListBucketResult><EncodingType>url</EncodingType>${more}${items.join('')}</ListBucketResult>`;
  }

  #listVersions(query: URLSearchParams): string {
    const keyMarker = Buffer.from(query.get('key-marker') ?? '').toString('latin1');
    const versionMarker = query.get('version-id-marker');
    const all = this.#sorted(query).flatMap(([key, versions]) =>
      versions.toReversed().map((version, index) => ({ key, version, latest: index === 0 })),
    );
    const at = all.findIndex(({ key, version }) => key === keyMarker && version.id === versionMarker);
    const rest = keyMarker === '' ? all : all.slice(at + 1);
    const page = rest.slice(0, this.pageSize);
    const last = page.at(-1);
    const more =
      rest.length > page.length && last !== undefined
        ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${encoded(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.version.id}</NextVersionIdMarker>`
        : '<IsTruncated>false</IsTruncated>';
    const items = page.map(({ key, version, latest }) => {
      const of = `${shown(key, version)}<VersionId>${version.id}</VersionId><IsLatest>${latest}</IsLatest>`;
      return version.marker ? `<DeleteMarker>${of}</DeleteMarker>` : `<Version>${of}</Version>`;
    });
    return `<ListVersionsResult><EncodingType>url</EncodingType>${more}${items.join('')}</ListVersionsResult>`;
  }
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const NOT_SET: Readonly<Record<string, string>> = {
  lifecycle: 'NoSuchLifecycleConfiguration',
  policy: 'NoSuchBucketPolicy',
  cors: 'NoSuchCORSConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  replication: 'ReplicationConfigurationNotFoundError',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  ownershipControls: 'OwnershipControlsNotFoundError',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  website: 'NoSuchWebsiteConfiguration',
};

function whatOf(method: string, key: string, query: URLSearchParams): string {
  const plain = ['tagging', 'acl', 'versioning', 'logging', 'notification', ...Object.keys(NOT_SET)];
  const sub = plain.find((name) => query.has(name));
  if (method === 'PUT') return sub === 'tagging' ? 'PutTagging' : sub === 'acl' ? 'PutAcl' : 'PutObject';
  if (sub !== undefined) return sub;
  if (query.has('versions')) return 'ListVersions';
  if (key === '' && query.has('list-type')) return 'List';
  return method === 'HEAD' ? 'HeadObject' : 'GetObject';
}

function shown(key: string, { bytes, etag, mtimeMs }: Stored): string {
  return `<Key>${encoded(key)}</Key><ETag>${etag.replaceAll('"', '&quot;')}</ETag><Size>${bytes.length}</Size><LastModified>${new Date(mtimeMs).toISOString()}</LastModified><StorageClass>STANDARD</StorageClass>`;
}

/** Of latin-1 text, byte by byte. */
function encoded(key: string): string {
  return key
    .replace(/[^A-Za-z0-9_.\-/ ]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
    .replaceAll(' ', '+');
}

function bytesOf(raw: string): string {
  return raw.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function xml(text: string): Answer {
  return { headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0"?>${text}` };
}
