import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { canonical } from '../base/canonical.ts';
import { type ErrorCode, hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { type SetAside, setAside } from './aside.ts';
import { type Draft, LedgerDatabase } from './database.ts';
import type { PageQuery } from './ports.ts';

/** What the main thread asks; each is answered once, in order. */
export type WorkerRequest =
  | { readonly do: 'open'; readonly path: string; readonly wall: number }
  | { readonly do: 'append'; readonly drafts: readonly Draft[] }
  | { readonly do: 'page'; readonly query: PageQuery }
  | { readonly do: 'close' };

export type WorkerAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly what: string };

let database: LedgerDatabase | undefined;

parentPort?.on('message', ({ id, request }: { id: number; request: WorkerRequest }) => {
  parentPort?.postMessage({ id, answer: answer(request) });
});

function answer(request: WorkerRequest): WorkerAnswer {
  try {
    return { ok: true, value: carryOut(request) };
  } catch (error) {
    const code = error instanceof PortcullisError ? error.code : 'ledger.failed';
    return { ok: false, code, what: reasonOf(error) };
  }
}

function carryOut(request: WorkerRequest): unknown {
  switch (request.do) {
    case 'open':
      return open(request.path, request.wall);
    case 'append':
      return opened().append(request.drafts);
    case 'page':
      return opened().page(request.query);
    case 'close':
      database?.close();
      database = undefined;
      return undefined;
    default:
      return request satisfies never;
  }
}

function opened(): LedgerDatabase {
  if (database === undefined) throw new PortcullisError('ledger.failed', 'The ledger is not open.');
  return database;
}

/** Opens the ledger; a damaged one is set aside and a new one begun that says so in its first entry. */
function open(path: string, wall: number): SetAside | undefined {
  try {
    database = new LedgerDatabase(path);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'ledger.damaged')) throw error;
    const aside = setAside(path, wall);
    database = new LedgerDatabase(path);
    const data = canonical({ damaged: basename(aside.path), why: error.what, head: aside.head ?? null });
    database.append([{ wall, type: 'ledger.replaced', data, durable: true }]);
    return aside;
  }
}
