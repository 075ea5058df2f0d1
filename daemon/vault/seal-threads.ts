import type { Worker } from 'node:worker_threads';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { startThread } from '../base/thread.ts';
import type { WrittenPack } from './blob-writer.ts';
import type { SealedFiles } from './file-sealer.ts';
import { DATA_CUT } from './gear.ts';
import type { Lane } from './lane.ts';
import type { ThreadAnswer, ThreadRequest, ThreadSetup } from './seal-thread.ts';

/** So much may wait for a thread that is busy. */
const ASKED = 2;

/** What threads make is soon garbage: left to itself the engine lets it grow by 48 MiB a thread first. */
const YOUNG = { maxYoungGenerationSizeMb: 4 };

interface Thread {
  readonly worker: Worker;
  readonly asked: Map<number, (answer: { files?: SealedFiles; blob?: Uint8Array }) => void>;
}

/**
 * Several threads that each read files and write packs of their own, each started when there is work for it: where nothing changed there is
 * none. Only pieces of long contents are handed to them, in shared memory.
 */
export class SealThreads implements Lane {
  readonly #count: number;
  #setup: ThreadSetup;
  readonly #wrote: (pack: WrittenPack) => void;
  readonly #threads: Thread[] = [];
  readonly #ring: SharedArrayBuffer;
  readonly #freeSlots: number[];
  readonly #waiting: (() => void)[] = [];
  #ids = 0;
  #failure: Error | undefined;
  #stopped = false;

  /** `wrote` is called for each pack when it is whole under its name. */
  constructor(count: number, setup: Omit<ThreadSetup, 'ring' | 'slotBytes'>, wrote: (pack: WrittenPack) => void) {
    const slots = count * ASKED;
    this.#ring = new SharedArrayBuffer(slots * DATA_CUT.maximum);
    this.#freeSlots = Array.from({ length: slots }, (_, index) => index);
    this.#count = count;
    this.#setup = { ...setup, ring: this.#ring, slotBytes: DATA_CUT.maximum };
    this.#wrote = wrote;
  }

  async files(paths: readonly Buffer[], done: (sealed: SealedFiles) => void): Promise<void> {
    await this.#ready();
    this.#ask(this.#least(), { do: 'files', paths }, ({ files }) => {
      if (files !== undefined) done(files);
    });
    await this.#ready();
  }

  async piece(bytes: Buffer, done: (id: Buffer) => void): Promise<void> {
    await this.#ready();
    const thread = this.#least();
    // As many slots as may be asked for, and files take none.
    const slot = this.#freeSlots.pop() ?? 0;
    bytes.copy(Buffer.from(this.#ring, slot * DATA_CUT.maximum, bytes.length));
    this.#ask(thread, { do: 'piece', slot, length: bytes.length }, ({ blob }) => {
      this.#freeSlots.push(slot);
      if (blob !== undefined) done(Buffer.from(blob));
    });
  }

  async turnTo(next: string): Promise<void> {
    this.#setup = { ...this.#setup, batch: next };
    for (const thread of this.#threads) this.#ask(thread, { do: 'turn', next }, () => {});
    while (this.#threads.some(({ asked }) => asked.size > 0)) await this.#change();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  /** Resolves when a thread can take more. Rejects when one has failed. */
  async #ready(): Promise<void> {
    while (this.#threads.length === this.#count && this.#threads.every(({ asked }) => asked.size >= ASKED)) {
      await this.#change();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The thread with the least to do: a new one, where all have something to do and more may be started. */
  #least(): Thread {
    const [least] = [...this.#threads].sort((a, b) => a.asked.size - b.asked.size);
    const started = least?.asked.size === 0 || this.#threads.length === this.#count;
    return started && least !== undefined ? least : this.#start();
  }

  #start(): Thread {
    const worker = startThread(import.meta.url, 'seal-thread', { workerData: this.#setup, resourceLimits: YOUNG });
    const thread: Thread = { worker, asked: new Map() };
    worker.on('message', (answer: ThreadAnswer) => {
      if ('wrote' in answer) this.#wrote(answer.wrote);
      else if ('failed' in answer) this.#fail(failureOf(answer.failed));
      else {
        const done = thread.asked.get(answer.id);
        thread.asked.delete(answer.id);
        done?.(answer);
      }
      this.#wake();
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the sealing ended with ${code}`)));
    this.#threads.push(thread);
    return thread;
  }

  #ask(
    { worker, asked }: Thread,
    request: ThreadRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never,
    done: (answer: { files?: SealedFiles; blob?: Uint8Array }) => void,
  ): void {
    const id = ++this.#ids;
    asked.set(id, done);
    worker.postMessage({ id, ...request });
  }

  /** Resolves after the next answer. Rejects when a thread has failed. */
  async #change(): Promise<void> {
    if (this.#failure === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #fail(error: unknown): void {
    if (!this.#stopped) this.#failure ??= error instanceof Error ? error : new Error(reasonOf(error));
    this.#wake();
  }
}

function failureOf({ code, what }: Extract<ThreadAnswer, { failed: unknown }>['failed']): Error {
  return code === undefined ? new Error(what) : new PortcullisError(code, what);
}
