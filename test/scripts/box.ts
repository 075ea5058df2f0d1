import { execFile } from 'node:child_process';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export const SCRIPTS = new URL('../../scripts/', import.meta.url).pathname;
export const TOKEN = 'a-token-of-more-than-24-characters$(id)`id`';

/** What stands for the appliance: answers every question alike, and keeps the questions. */
export interface Box {
  readonly url: string;
  readonly asked: {
    readonly headers: IncomingHttpHeaders;
    readonly method: string;
    readonly path: string;
    readonly body: string;
  }[];
  /** What it answers from now on. */
  reply: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string } | 'silence';
  close(): Promise<void>;
}

export const DENY = {
  status: 200,
  headers: { 'portcullis-decision': 'deny', 'content-type': 'application/json' },
  body: '{"allow":false,"reason":"An agent overwrites a branch."}',
};
export const NONE = { status: 200, headers: { 'portcullis-decision': 'none' }, body: '{}' };

export async function startBox(): Promise<Box> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, method = '', url: path = '' } = request;
      box.asked.push({ headers, method, path, body: Buffer.concat(chunks).toString() });
      if (box.reply === 'silence') return;
      response.writeHead(box.reply.status, box.reply.headers).end(box.reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const box: Box = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tools/agent`,
    asked: [],
    reply: NONE,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return box;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with `stdin`. Its environment is `env` and a PATH, nothing else. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly cwd?: string; readonly stdin?: string } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], ...options.env };
    const child = execFile(file, args, { env, cwd: options.cwd }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    // Who does not read its input to the end closes the pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.stdin ?? '');
  });
}

export const script = (name: string) => join(SCRIPTS, name);
