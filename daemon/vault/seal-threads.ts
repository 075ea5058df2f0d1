import { PortcullisError } from '../base/errors.ts';
import { startThread } from '../base/thread.ts';
import { ASKED, ThreadPool, YOUNG } from '../base/thread-pool.ts';
import type { WrittenPack } from './blob-writer.ts';
import type { SealedFiles } from './file-sealer.ts';
import { DATA_CUT } from './gear.ts';
import type { Lane } from './lane.ts';
import type { ThreadAnswer, ThreadRequest, ThreadSetup, ThreadTold } from './seal-thread.ts';

/**
 * Several threads that each read files and write packs of their own, each started when there is work for it: where nothing changed there is
 * none. Only pieces of long contents are handed to them, in shared memory.
 */
export class SealThreads implements Lane {
  readonly #pool: ThreadPool<ThreadRequest, ThreadAnswer, ThreadTold>;
  readonly #ring: SharedArrayBuffer;
  readonly #freeSlots: number[];
  #setup: ThreadSetup;

  /** `wrote` is called for each pack when it is whole under its name. */
  constructor(count: number, setup: Omit<ThreadSetup, 'ring' | 'slotBytes'>, wrote: (pack: WrittenPack) => void) {
    const slots = count * ASKED;
    this.#ring = new SharedArrayBuffer(slots * DATA_CUT.maximum);
    this.#freeSlots = Array.from({ length: slots }, (_, index) => index);
    this.#setup = { ...setup, ring: this.#ring, slotBytes: DATA_CUT.maximum };
    const start = () => startThread(import.meta.url, 'seal-thread', { workerData: this.#setup, resourceLimits: YOUNG });
    this.#pool = new ThreadPool(count, start, (told) => {
      if ('failed' in told) throw failureOf(told.failed);
      wrote(told.wrote);
    });
  }

  async files(paths: readonly Buffer[], done: (sealed: SealedFiles) => void): Promise<void> {
    await this.#pool.ready();
    this.#pool.ask({ do: 'files', paths }, ({ files }) => {
      if (files !== undefined) done(files);
    });
    await this.#pool.ready();
  }

  async piece(bytes: Buffer, done: (id: Buffer) => void): Promise<void> {
    await this.#pool.ready();
    // As many slots as may be asked for, and files take none.
    const slot = this.#freeSlots.pop() ?? 0;
    bytes.copy(Buffer.from(this.#ring, slot * DATA_CUT.maximum, bytes.length));
    this.#pool.ask({ do: 'piece', slot, length: bytes.length }, ({ blob }) => {
      this.#freeSlots.push(slot);
      if (blob !== undefined) done(Buffer.from(blob));
    });
  }

  async turnTo(next: string): Promise<void> {
    this.#setup = { ...this.#setup, batch: next };
    this.#pool.askAll({ do: 'turn', next });
    await this.#pool.answered();
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }
}

function failureOf({ code, what }: Extract<ThreadTold, { failed: unknown }>['failed']): Error {
  return code === undefined ? new Error(what) : new PortcullisError(code, what);
}
