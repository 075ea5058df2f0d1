import { dirname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { canonical, type Json } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { startThread } from '../base/thread.ts';
import type { SetAside } from './aside.ts';
import { wellFormed } from './chain.ts';
import type { Draft, Place } from './database.ts';
import type { LedgerEntry, LedgerReads, LedgerWrites, PageQuery } from './ports.ts';
import type { WorkerAnswer, WorkerRequest } from './worker.ts';

/** Entries in one transaction, at most. */
const MAX_BATCH = 200;
/** Entries that may wait for the disk; beyond that the caller hears that they are not recorded. */
const MAX_WAITING = 10_000;
/** Canonical JSON of one entry's data, in UTF-16 units. */
const MAX_DATA = 256 * 1024;

export interface Ledger extends LedgerReads, LedgerWrites {
  /**
   * Opens the database, creating or migrating it. Rejects with `ledger.newer`, `ledger.foreign` or `ledger.failed`. A
   * damaged database is set aside as `<path>.damaged-<time>`, and the new one's first entry, `ledger.replaced`, links to
   * the old head where that could be read.
   */
  start(): Promise<void>;
  /** Writes what waits, then closes. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly draft: Draft;
  readonly data: LedgerEntry['data'];
  resolve(entry: LedgerEntry): void;
  reject(error: Error): void;
}

/** The ledger at `path`. SQLite runs in a worker thread: this thread, which renews the lease, never waits for a disk. */
export function openLedger(ports: { path: string; clock: Clock; log: Log }): Ledger {
  return new LedgerClient(ports);
}

class LedgerClient implements Ledger {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #worker: LedgerWorker | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  constructor(ports: { path: string; clock: Clock; log: Log }) {
    this.#path = ports.path;
    this.#clock = ports.clock;
    this.#log = ports.log;
  }

  async start(): Promise<void> {
    await makeDirectory(dirname(this.#path)).catch((error: unknown) => {
      throw new PortcullisError('ledger.failed', `The ledger ${this.#path} cannot be opened: ${reasonOf(error)}.`);
    });
    const worker = new LedgerWorker();
    try {
      const wall = Math.trunc(this.#clock.wall());
      const aside = (await worker.ask({ do: 'open', path: this.#path, wall })) as SetAside | undefined;
      if (aside !== undefined)
        this.#log.error('the ledger was damaged; it is set aside and a new one begun', { ...aside });
    } catch (error) {
      await worker.stop();
      throw error;
    }
    this.#worker = worker;
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    while (this.#writing !== undefined) await this.#writing;
    await worker?.stop();
  }

  append(
    type: string,
    data: { readonly [key: string]: Json },
    options: { durable?: boolean } = {},
  ): Promise<LedgerEntry> {
    return new Promise((resolve, reject) => {
      if (this.#worker === undefined) throw new PortcullisError('ledger.failed', 'The ledger is not open.');
      if (this.#waiting.length >= MAX_WAITING)
        throw new PortcullisError('ledger.failed', `${MAX_WAITING} entries already wait for the ledger's disk.`);
      const clean = wellFormed(data) as LedgerEntry['data'];
      const draft: Draft = {
        wall: Math.trunc(this.#clock.wall()),
        type,
        data: textOf(type, clean),
        durable: options.durable === true,
      };
      this.#waiting.push({ draft, data: clean, resolve, reject });
      this.#writing ??= this.#write(this.#worker);
    });
  }

  page(query: PageQuery): Promise<LedgerEntry[]> {
    return this.#ask({ do: 'page', query }) as Promise<LedgerEntry[]>;
  }

  async head(): Promise<LedgerEntry | undefined> {
    return (await this.page({ limit: 1 }))[0];
  }

  async #ask(request: WorkerRequest): Promise<unknown> {
    if (this.#worker === undefined) throw new PortcullisError('ledger.failed', 'The ledger is not open.');
    return this.#worker.ask(request);
  }

  /** One transaction at a time; whatever arrives while one is under way shares the next. */
  async #write(worker: LedgerWorker): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        const places = (await worker.ask({ do: 'append', drafts: batch.map(({ draft }) => draft) })) as Place[];
        for (const [index, { draft, data, resolve }] of batch.entries()) {
          const place = places[index];
          if (place !== undefined) resolve({ ...place, wall: draft.wall, type: draft.type, data });
        }
      } catch (error) {
        for (const { reject } of batch) reject(error instanceof Error ? error : new Error(reasonOf(error)));
      }
    }
    this.#writing = undefined;
  }
}

function textOf(type: string, data: Json): string {
  let text: string;
  try {
    text = canonical(data);
  } catch (error) {
    throw new PortcullisError('ledger.failed', `An entry ${type} cannot be recorded: ${reasonOf(error)}.`);
  }
  if (text.length > MAX_DATA)
    throw new PortcullisError('ledger.failed', `An entry ${type} of ${text.length} characters is too long to record.`);
  return text;
}

/** The thread that owns the database, as questions and answers. Once it has died every question is refused. */
class LedgerWorker {
  readonly #thread: Worker;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #ids = 0;
  #dead: string | undefined;

  constructor() {
    this.#thread = startThread(import.meta.url, 'worker');
    this.#thread.on('message', ({ id, answer }: { id: number; answer: WorkerAnswer }) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (answer.ok) asked?.resolve(answer.value);
      else asked?.reject(new PortcullisError(answer.code, answer.what));
    });
    this.#thread.on('error', (error) => this.#die(reasonOf(error)));
    this.#thread.on('exit', (code) => this.#die(`it ended with ${code}`));
  }

  ask(request: WorkerRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) throw gone(this.#dead);
      const id = ++this.#ids;
      this.#asked.set(id, { resolve, reject });
      this.#thread.postMessage({ id, request });
    });
  }

  async stop(): Promise<void> {
    if (this.#dead === undefined) await this.ask({ do: 'close' });
    await this.#thread.terminate();
  }

  #die(reason: string): void {
    this.#dead ??= reason;
    for (const { reject } of this.#asked.values()) reject(gone(this.#dead));
    this.#asked.clear();
  }
}

function gone(reason: string): PortcullisError {
  return new PortcullisError('ledger.failed', `The ledger's thread has died: ${reason}.`);
}
