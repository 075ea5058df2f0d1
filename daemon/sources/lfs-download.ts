import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, delay } from '../base/clock.ts';
import { makeDirectory, syncDirectory } from '../base/durable.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import type { Credentials } from './git-tool.ts';
import { ask, bodyOf, type Question } from './http.ts';
import type { Pointer } from './lfs-pointer.ts';
import { headersFor, headersOf, type LfsServer } from './lfs-server.ts';
import type { Environment } from './program.ts';
import { redact } from './redact.ts';

export interface Download {
  readonly server: LfsServer;
  /** For the origin's own scope only. */
  readonly credentials: Credentials | undefined;
  /** Folder of `objects/` and of what is on its way. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Called after each object. */
  readonly done?: () => void;
}

/** Objects in one question, as `git-lfs` asks for. */
const BATCH = 100;
const AT_ONCE = 4;
const MAX_ANSWER = 4 << 20;
const TRIES = 3;
/** The longest that a server's wish to be left alone is granted. */
const MAX_WAIT_MS = 60_000;
const JSON_TYPE = 'application/vnd.git-lfs+json';

/** What a disk says that cannot take any more: not the origin's fault, and no reason to go on. */
const DISK_FAULTS = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG'];

/** Path of an object below `objects/`, as `git-lfs` has it. */
export function placeOf(oid: string): string {
  return `${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`;
}

/**
 * Fetches `wanted` into `folder/objects/`, each whole and of its own SHA-256 or not at all, and resolves with those that
 * could not be had and why. What had come of an object when it was cut off is not asked for again. Rejects when the
 * disk takes no more, and when `signal` fires.
 */
export async function download(job: Download, wanted: readonly Pointer[]): Promise<Map<string, string>> {
  const lost = new Map<string, string>();
  for (let at = 0; at < wanted.length; at += BATCH) {
    const batch = wanted.slice(at, at + BATCH);
    let waiting: Offered[];
    try {
      waiting = await offers(job, batch);
    } catch (error) {
      job.signal.throwIfAborted();
      // The whole server refuses: the rest would only be refused as well.
      for (const { oid } of wanted.slice(at)) lost.set(oid, redact(reasonOf(error)));
      return lost;
    }
    const workers = Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const reason = await one(job, next);
        if (reason !== undefined) lost.set(next.pointer.oid, reason);
        job.done?.();
      }
    });
    await Promise.all(workers);
  }
  return lost;
}

/** An object, and what the server says of it. */
interface Offered {
  readonly pointer: Pointer;
  readonly from:
    | { readonly kind: 'http'; readonly question: Question }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'refused'; readonly reason: string };
}

async function offers(job: Download, batch: readonly Pointer[]): Promise<Offered[]> {
  const { server } = job;
  if (server.kind === 'folder')
    return batch.map((pointer) => ({ pointer, from: { kind: 'file', path: join(server.path, placeOf(pointer.oid)) } }));
  const body = JSON.stringify({ operation: 'download', transfers: ['basic'], objects: batch, hash_algo: 'sha256' });
  const answer = await withTries(job, async () => {
    const response = await ask(
      {
        method: 'POST',
        url: new URL(`${server.url.href}/objects/batch`),
        headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE, ...server.headers },
        body,
      },
      job,
    );
    if (response.statusCode === 200) return bodyOf(response, MAX_ANSWER);
    response.destroy();
    throw new Refused(response.statusCode ?? 0, response.headers['retry-after'], `the LFS server ${server.url.host}`);
  });
  const objects = new Map(parseOffers(answer).map((object) => [object.oid, object]));
  return batch.map((pointer) => ({ pointer, from: offerOf(job, objects.get(pointer.oid)) }));
}

interface AnsweredObject {
  readonly oid: string;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  readonly actions?: { readonly download?: { readonly href?: unknown; readonly header?: unknown } };
}

function parseOffers(body: Buffer): AnsweredObject[] {
  let answer: { transfer?: unknown; objects?: unknown };
  try {
    answer = JSON.parse(body.toString('utf8')) ?? {};
  } catch {
    throw new Error('the LFS server answers something that is not JSON');
  }
  if (answer.transfer !== undefined && answer.transfer !== null && answer.transfer !== 'basic')
    throw new Error('the LFS server offers no basic transfer');
  if (!Array.isArray(answer.objects)) throw new Error('the LFS server answers without objects');
  return answer.objects.filter((object) => typeof object?.oid === 'string');
}

function offerOf(job: Download, object: AnsweredObject | undefined): Offered['from'] {
  if (object?.error !== undefined) {
    const { code, message } = object.error;
    const said = typeof message === 'string' ? `: ${message.slice(0, 200)}` : '';
    return {
      kind: 'refused',
      reason: `the LFS server has it no more or does not give it (${Number(code) || 0}${said})`,
    };
  }
  const { href, header } = object?.actions?.download ?? {};
  if (typeof href !== 'string' || !URL.canParse(href))
    return { kind: 'refused', reason: 'the LFS server offers no download' };
  const url = new URL(href);
  const { url: server, headers: given } = job.server.kind === 'http' ? job.server : { url, headers: {} };
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || server.protocol === 'https:'))
    return { kind: 'refused', reason: `the LFS server offers it over ${url.protocol}//, which is not followed` };
  url.username = '';
  url.password = '';
  const headers = headersOf(header);
  const own =
    'authorization' in headers
      ? {}
      : { ...headersFor(url, job.credentials), ...(url.origin === server.origin && given) };
  return { kind: 'http', question: { method: 'GET', url, headers: { ...own, ...headers } } };
}

class Refused extends Error {
  readonly status: number;
  readonly retryAfter: string | undefined;

  constructor(status: number, retryAfter: string | undefined, who: string) {
    const hint =
      status === 401 || status === 403 || status === 404
        ? ': the token may not read it, or it has no LFS'
        : status === 507 || status === 509
          ? ': its quota is used up'
          : '';
    super(`${who} answers ${status}${hint}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Once more after what may pass: too many questions, a server in trouble, a connection that broke. */
async function withTries<T>({ clock, signal }: Download, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const passing =
        error instanceof Refused ? error.status === 429 || error.status >= 500 : errnoOf(error) !== undefined;
      if (tried === TRIES || !passing || DISK_FAULTS.includes(errnoOf(error) ?? '')) throw error;
      const asked = error instanceof Refused ? Number(error.retryAfter) * 1000 : Number.NaN;
      await stoppable(delay(clock, Math.min(asked > 0 ? asked : tried * 1000, MAX_WAIT_MS)), signal);
    }
  }
}

async function stoppable(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([waiting, stopped]);
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
}

/** Why the object could not be had, or undefined once it is on disk. */
async function one(job: Download, { pointer, from }: Offered): Promise<string | undefined> {
  const { folder, signal } = job;
  const part = join(folder, `${pointer.oid}.part`);
  try {
    switch (from.kind) {
      case 'refused':
        return from.reason;
      case 'file':
        await rm(part, { force: true });
        await copied(from.path, part, pointer, signal);
        break;
      case 'http':
        await withTries(job, () => fetched(job, from.question, part, pointer));
        break;
      default:
        from satisfies never;
    }
    const place = join(folder, 'objects', placeOf(pointer.oid));
    await makeDirectory(dirname(place));
    await rename(part, place);
    await syncDirectory(dirname(place));
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (DISK_FAULTS.includes(errnoOf(error) ?? '')) throw error;
    if (errnoOf(error) === 'ENOENT') return 'the origin has it no more';
    return redact(reasonOf(error));
  }
}

async function copied(from: string, part: string, pointer: Pointer, signal: AbortSignal): Promise<void> {
  // Neither through a link nor out of a pipe: whoever owns the origin may have put one there.
  const file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('at the origin it is not a file');
    await receive(file.createReadStream({ autoClose: false, highWaterMark: 1 << 20, signal }), part, pointer, 0);
  } finally {
    await file.close();
  }
}

async function fetched(job: Download, question: Question, part: string, pointer: Pointer): Promise<void> {
  const had = await sizeOf(part);
  const from = had < pointer.size ? had : 0;
  const headers = from === 0 ? question.headers : { ...question.headers, range: `bytes=${from}-` };
  const response = await ask({ ...question, headers }, job);
  const { statusCode = 0 } = response;
  if (statusCode !== 200 && statusCode !== 206) {
    response.destroy();
    // A part that the server cannot go on from is of no use.
    if (statusCode === 416) await rm(part, { force: true });
    throw new Refused(statusCode, response.headers['retry-after'], question.url.host);
  }
  const resumed = statusCode === 206 && (response.headers['content-range'] ?? '').startsWith(`bytes ${from}-`);
  if (statusCode === 206 && !resumed) {
    response.destroy();
    throw new Error(`${question.url.host} sends another part than was asked for`);
  }
  try {
    await receive(response, part, pointer, resumed ? from : 0);
  } catch (error) {
    // The part that was gone on from may be what was wrong. It is empty now, so this ends.
    if (!(resumed && error instanceof WrongContent)) throw error;
    await fetched(job, question, part, pointer);
  } finally {
    response.destroy();
  }
}

/** What came is not what the pointer says, and nothing of it is kept. */
class WrongContent extends Error {}

async function sizeOf(path: string): Promise<number> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    return (await file.stat()).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  } finally {
    await file?.close();
  }
}

/** Appends to the first `from` bytes of `part`, and resolves once it is durable and what the pointer says. */
async function receive(
  bytes: AsyncIterable<Buffer | string>,
  part: string,
  pointer: Pointer,
  from: number,
): Promise<void> {
  const hash = createHash('sha256');
  if (from > 0) for await (const chunk of createReadStream(part, { end: from - 1 })) hash.update(chunk as Buffer);
  const file = await open(part, from > 0 ? 'r+' : 'w', 0o600);
  let size = from;
  try {
    await file.truncate(from);
    for await (const chunk of bytes) {
      if (size + chunk.length > pointer.size)
        throw new WrongContent(`it is larger than the ${pointer.size} bytes its pointer says`);
      await file.write(chunk as Buffer, 0, chunk.length, size);
      hash.update(chunk);
      size += chunk.length;
    }
    if (size < pointer.size) throw new Error(`it ends after ${size} of ${pointer.size} bytes`);
    if (hash.digest('hex') !== pointer.oid)
      throw new WrongContent('its content does not have the SHA-256 its pointer says');
    await file.sync();
  } catch (error) {
    if (error instanceof WrongContent) await file.truncate(0);
    throw error;
  } finally {
    await file.close();
  }
}
