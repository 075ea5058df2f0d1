import type { TransferListItem, Worker } from 'node:worker_threads';
import { reasonOf } from './errors.ts';

/** So much may wait for a thread that is busy. */
export const ASKED = 2;

/** Limits for them. What they make is soon garbage: left to itself the engine lets it grow by 48 MiB a thread first. */
export const YOUNG = { maxYoungGenerationSizeMb: 4 };

interface Thread<Answer> {
  readonly worker: Worker;
  readonly asked: Map<number, (answer: Answer) => void>;
}

/**
 * Threads that answer each request once, with its `id`. Each is started when there is work for it and the others are busy. Other messages go to
 * `told`, which throws to fail the pool. A thread that ends fails it too; then nothing more can be asked of it.
 */
export class ThreadPool<Request extends object, Answer extends { readonly id: number }, Told = never> {
  readonly #count: number;
  readonly #start: () => Worker;
  readonly #told: (message: Told) => void;
  readonly #threads: Thread<Answer>[] = [];
  readonly #waiting: (() => void)[] = [];
  #ids = 0;
  #failure: Error | undefined;
  #stopped = false;

  constructor(count: number, start: () => Worker, told: (message: Told) => void = () => {}) {
    this.#count = count;
    this.#start = start;
    this.#told = told;
  }

  /** Resolves when a thread can take more. Rejects when one has failed. */
  async ready(): Promise<void> {
    while (this.#threads.length === this.#count && this.#threads.every(({ asked }) => asked.size >= ASKED)) {
      await this.#change();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Asks the thread with the least to do. To be called once `ready` has resolved. `done` gets the answer. */
  ask(request: Request, done: (answer: Answer) => void, transfer: readonly TransferListItem[] = []): void {
    const [least] = [...this.#threads].sort((a, b) => a.asked.size - b.asked.size);
    const started = least?.asked.size === 0 || this.#threads.length === this.#count;
    this.#ask(started && least !== undefined ? least : this.#add(), request, done, transfer);
  }

  /** Asks every thread that was started. */
  askAll(request: Request): void {
    for (const thread of this.#threads) this.#ask(thread, request, () => {}, []);
  }

  /** Resolves when everything that was asked has been answered. Rejects when a thread has failed. */
  async answered(): Promise<void> {
    while (this.#threads.some(({ asked }) => asked.size > 0)) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends whatever is under way. May be called at any time, and again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #add(): Thread<Answer> {
    const worker = this.#start();
    const thread: Thread<Answer> = { worker, asked: new Map() };
    worker.on('message', (message: Answer | Told) => {
      try {
        this.#hear(thread, message);
      } catch (error) {
        this.#fail(error);
      }
      this.#wake();
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread ended with ${code}`)));
    this.#threads.push(thread);
    return thread;
  }

  #hear({ asked }: Thread<Answer>, message: Answer | Told): void {
    if (typeof message === 'object' && message !== null && 'id' in message) {
      const done = asked.get(message.id);
      asked.delete(message.id);
      done?.(message);
    } else this.#told(message as Told);
  }

  #ask(
    { worker, asked }: Thread<Answer>,
    request: Request,
    done: (answer: Answer) => void,
    transfer: readonly TransferListItem[],
  ): void {
    const id = ++this.#ids;
    asked.set(id, done);
    worker.postMessage({ ...request, id }, transfer);
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
