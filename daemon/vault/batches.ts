import { plainBytes } from './blob-table.ts';
import type { WrittenPack } from './blob-writer.ts';
import { type BatchSetup, OpenBatch } from './open-batch.ts';
import type { PackTable } from './pack-table.ts';
import { listBatches } from './staging.ts';

export interface BatchOptions {
  readonly staging: string;
  /** Bytes that may lie in staging; what is under way in threads comes on top. Default: no limit. */
  readonly stagingLimit?: number;
  /** Called while staging is full; resolves when it is worth looking again. */
  readonly full?: () => Promise<void>;
  /** A part was staged: packs that can be shipped before the snapshot is. */
  readonly part?: (batch: string) => void;
  readonly signal?: AbortSignal;
}

/** Staging is filled in so many parts, so that room comes free while the others are still being shipped. */
const PARTS = 8;

/** The batches of one sealing: parts while staging fills, and the last, which gets the snapshot. */
export class Batches {
  readonly #options: BatchOptions;
  readonly #setup: BatchSetup;
  readonly #session: { readonly id: string; readonly bytes: Buffer };
  readonly #table: PackTable;
  readonly #partBytes: number;
  #current: OpenBatch | undefined;
  #finishedBytes = 0;
  packs = 0;

  constructor(
    options: BatchOptions,
    setup: BatchSetup,
    session: { readonly id: string; readonly bytes: Buffer },
    table: PackTable,
  ) {
    this.#options = options;
    this.#setup = setup;
    this.#session = session;
    this.#table = table;
    this.#partBytes = (options.stagingLimit ?? Number.POSITIVE_INFINITY) / PARTS;
  }

  /** The batch that packs go into. */
  get current(): OpenBatch {
    if (this.#current === undefined) throw new Error('no batch was begun');
    return this.#current;
  }

  get newBytes(): number {
    return this.#finishedBytes + this.current.newBytes;
  }

  /** Begins the first batch, once there is room. */
  async begin(): Promise<void> {
    await this.#awaitRoom();
    this.#current = await OpenBatch.begin(this.#setup, this.#session);
  }

  wrote(pack: WrittenPack): void {
    this.packs++;
    const listed = { name: pack.hash, size: pack.size, session: this.#session.id };
    this.#table.set(pack.number, listed, plainBytes(pack.table));
    this.current.hasPack(pack);
  }

  /**
   * Makes a part of a batch that is large enough, and waits until there is room for more; undefined where there is nothing to wait for. `turn`
   * makes all packs durable, and has others begun in the batch it is given.
   */
  makeRoom(turn: (next: string) => Promise<void>): Promise<void> | undefined {
    const full = this.current;
    if (full.packs === 0 || full.newBytes < this.#partBytes) return undefined;
    return this.#turn(full, turn);
  }

  async #turn(full: OpenBatch, turn: (next: string) => Promise<void>): Promise<void> {
    const next = await OpenBatch.begin(this.#setup, this.#session);
    await turn(next.batch);
    this.#current = next;
    await full.finish();
    this.#finishedBytes += full.newBytes;
    this.#options.part?.(full.batch);
    await this.#awaitRoom();
  }

  async #awaitRoom(): Promise<void> {
    const { stagingLimit, staging, full, signal } = this.#options;
    if (stagingLimit === undefined || full === undefined) return;
    for (;;) {
      signal?.throwIfAborted();
      const staged = await listBatches(staging);
      // With nothing to be shipped no room would ever come free.
      if (staged.length === 0) return;
      const used = staged.reduce((sum, { draft }) => sum + draft.newBytes, 0);
      if (used + 2 * this.#partBytes <= stagingLimit) return;
      await full();
    }
  }
}
