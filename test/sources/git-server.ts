import { execFileSync, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What the server does to the answer that carries the pack. */
export type Mischief =
  /** Sends the first `bytes`, then nothing more, and calls `reached`. */
  | { readonly kind: 'stall'; readonly bytes: number; readonly reached: () => void }
  /** Sends the first `bytes`, then cuts the connection. */
  | { readonly kind: 'cut'; readonly bytes: number };

export interface GitServer {
  readonly url: string;
  /** Applies to answers from now on. */
  mischief: Mischief | undefined;
  /** `user:password` that is asked for. */
  password: string | undefined;
  /** A program that is started in place of `git pack-objects`, with that as its arguments. */
  packer: string | undefined;
  /** Asked first, of everything but wrong passwords: true when it has answered itself. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

/** Git's own HTTP backend behind a plain server on the loopback address, serving the repositories in `root`. */
export async function serveGit(root: string): Promise<GitServer> {
  const backend = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const expected = `Basic ${Buffer.from(server.password ?? '').toString('base64')}`;
    if (server.password !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    if (server.intercept?.(request, response)) return;
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
    const child = spawn(backend, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        ...(server.packer === undefined
          ? {}
          : {
              GIT_CONFIG_COUNT: '1',
              GIT_CONFIG_KEY_0: 'uploadpack.packObjectsHook',
              GIT_CONFIG_VALUE_0: server.packer,
            }),
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] as string | undefined,
        GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
      },
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => {});
    let head = Buffer.alloc(0);
    let body = false;
    let sent = 0;
    const send = (chunk: Buffer) => {
      const { mischief } = server;
      // Only the answer with the pack is longer than this.
      if (mischief === undefined || sent + chunk.length <= mischief.bytes) {
        sent += chunk.length;
        response.write(chunk);
        return;
      }
      const part = chunk.subarray(0, mischief.bytes - sent);
      child.stdout.destroy();
      response.write(part, () => {
        if (mischief.kind === 'cut') response.destroy();
        else mischief.reached();
      });
    };
    child.stdout.on('data', (chunk: Buffer) => {
      if (body) {
        send(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      body = true;
      for (const line of head.subarray(0, end).toString('latin1').split('\r\n')) {
        const [, name = '', value = ''] = /^([^:]*): (.*)$/.exec(line) ?? [];
        if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      send(head.subarray(end + 4));
    });
    child.stdout.on('end', () => response.end());
    response.on('close', () => child.kill('SIGKILL'));
  };
  const http = createServer(handle);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: GitServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    mischief: undefined,
    password: undefined,
    packer: undefined,
    intercept: undefined,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}
