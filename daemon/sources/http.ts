import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { proxyFor } from './http-proxy.ts';
import type { Environment } from './program.ts';

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Surroundings {
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

/** A server that sends nothing for so long is dead, as it is to git. */
const IDLE_MS = 300_000;
const MAX_REDIRECTS = 5;
/** All that another host than the one asked is told. */
const HARMLESS = ['accept', 'content-type', 'range', 'user-agent'];

/**
 * Asks over HTTP, through the proxy the environment names, and resolves with an answer whose body waits to be read. It
 * follows redirects, but tells another host nothing secret and never leaves https. Rejects when there is no answer.
 */
export async function ask(question: Question, around: Surroundings): Promise<IncomingMessage> {
  let asked = question;
  for (let hop = 0; ; hop += 1) {
    const answer = await askOnce(asked, around);
    const { statusCode = 0, headers } = answer;
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return answer;
    answer.destroy();
    if (hop === MAX_REDIRECTS) throw new Error(`${asked.url.host} redirects again and again`);
    asked = redirected(asked, headers.location);
  }
}

function redirected(from: Question, location: string): Question {
  if (!URL.canParse(location, from.url.href)) throw new Error(`${from.url.host} redirects to nowhere`);
  const url = new URL(location, from.url);
  url.username = '';
  url.password = '';
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || from.url.protocol === 'https:'))
    throw new Error(`${from.url.host} redirects to ${url.protocol}//, which is not followed`);
  if (url.origin === from.url.origin) return { ...from, url };
  const headers = Object.fromEntries(Object.entries(from.headers).filter(([name]) => HARMLESS.includes(name)));
  return { ...from, url, headers };
}

async function askOnce({ method, url, headers, body }: Question, around: Surroundings): Promise<IncomingMessage> {
  const { environment, signal } = around;
  const https = url.protocol === 'https:';
  const proxy = proxyFor(url, environment);
  const ca = https ? await authorities(environment) : undefined;
  const all: Record<string, string> = { ...headers, host: url.host };
  if (body !== undefined) all['content-length'] = String(Buffer.byteLength(body));
  if (proxy !== undefined && !https) Object.assign(all, proxyCredentials(proxy));
  const options = { method, headers: all, signal, timeout: IDLE_MS, agent: false as const };
  const tunnel = proxy !== undefined && https ? await tunnelTo(url, proxy, signal) : undefined;
  return new Promise((resolve, reject) => {
    const request =
      tunnel !== undefined
        ? tlsRequest(url, {
            ...options,
            createConnection: () => connect({ socket: tunnel, servername: url.hostname, ...(ca && { ca }) }),
          })
        : proxy !== undefined
          ? plainRequest(proxy, { ...options, path: url.href })
          : https
            ? tlsRequest(url, { ...options, ...(ca && { ca }) })
            : plainRequest(url, options);
    request.on('response', resolve);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`${url.host} has sent nothing for ${IDLE_MS / 1000} s`)));
    request.end(body);
  });
}

function tunnelTo(url: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  const ask = proxy.protocol === 'https:' ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const request = ask(proxy, {
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...proxyCredentials(proxy) },
      signal,
      timeout: IDLE_MS,
      agent: false,
    });
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket as Socket);
      socket.destroy();
      reject(new Error(`the proxy ${proxy.host} answers ${statusCode}`));
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`the proxy ${proxy.host} says nothing`)));
    request.end();
  });
}

function proxyCredentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(both).toString('base64')}` };
}

/** The authorities git is told to believe, so that both believe the same ones. */
async function authorities(environment: Environment): Promise<Buffer | undefined> {
  const file = environment['SSL_CERT_FILE'];
  return file === undefined ? undefined : readFile(file);
}

/** The body of an answer, at most `limit` bytes. Rejects when it is longer or cut short. */
export async function bodyOf(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).length;
    if (size > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
