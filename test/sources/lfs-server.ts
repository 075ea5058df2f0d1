import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

/** An LFS server as a part of another: objects in memory, and a record of what was asked. */
export class LfsStore {
  readonly objects = new Map<string, Buffer>();
  /** Ids asked for in batches, in order. */
  readonly asked: string[] = [];
  /** Each download: its id, and what header said how much of it. */
  readonly downloads: {
    readonly oid: string;
    readonly range: string | undefined;
    readonly authorization: string | undefined;
  }[] = [];
  /** In front of a download's address: the server itself when undefined. */
  storage: string | undefined;
  /** Headers that come with each download. */
  header: Record<string, string> | undefined;
  /** Answers a request its own way: true when it did. */
  mischief: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;

  add(content: Buffer): { oid: string; pointer: string } {
    const oid = createHash('sha256').update(content).digest('hex');
    this.objects.set(oid, content);
    return { oid, pointer: pointerTo(oid, content.length) };
  }

  readonly intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = request.url ?? '';
    if (!/\/info\/lfs\/|^\/storage\//.test(url)) return false;
    if (this.mischief?.(request, response)) return true;
    if (url.endsWith('/info/lfs/objects/batch')) void this.#batch(request, response);
    else this.#download(url.split('/').at(-1) ?? '', request, response);
    return true;
  };

  async #batch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { objects } = (await json(request)) as { objects: { oid: string; size: number }[] };
    this.asked.push(...objects.map(({ oid }) => oid));
    const base = this.storage ?? `http://${request.headers.host}`;
    response.setHeader('content-type', 'application/vnd.git-lfs+json');
    response.end(
      JSON.stringify({
        transfer: 'basic',
        objects: objects.map(({ oid, size }) =>
          this.objects.has(oid)
            ? { oid, size, actions: { download: { href: `${base}/storage/${oid}`, header: this.header } } }
            : { oid, size, error: { code: 404, message: 'Object does not exist' } },
        ),
      }),
    );
  }

  #download(oid: string, { headers }: IncomingMessage, response: ServerResponse): void {
    this.downloads.push({ oid, range: headers.range, authorization: headers.authorization });
    const content = this.objects.get(oid);
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (content === undefined) response.writeHead(404).end();
    else if (from > 0)
      response
        .writeHead(206, { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` })
        .end(content.subarray(from));
    else response.end(content);
  }
}

export function pointerTo(oid: string, size: number): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
}
