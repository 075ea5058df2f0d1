import type { BlobWriter } from './blob-writer.ts';
import { FileSealer, type SealedFiles } from './file-sealer.ts';
import { TYPE } from './format.ts';
import type { StagedPacks } from './staged-packs.ts';

/**
 * Where contents become blobs in packs: this thread or others. What is given is dealt with in any order; `done` is called for it once,
 * some time later. A method resolves when the lane can take more; it rejects when anything given before has failed, and then nothing
 * can come of the sealing.
 */
export interface Lane {
  /** Seals files of this machine, each of less than a few MiB. */
  files(paths: readonly Buffer[], done: (sealed: SealedFiles) => void): Promise<void>;
  /** Seals one piece of a content, at most DATA_CUT.maximum long, which may be overwritten when the promise resolves. `done` gets its blob's id. */
  piece(bytes: Buffer, done: (id: Buffer) => void): Promise<void>;
  /** Resolves when everything given is in packs and their bytes are durable; packs that are begun after it go into the batch `next`. */
  turnTo(next: string): Promise<void>;
  /** Ends whatever is still under way. May be called at any time, and again. */
  stop(): Promise<void>;
}

/** Does it all in the thread it is in: for machines with little memory, and as one of several. */
export class OwnLane implements Lane {
  readonly #blobs: BlobWriter;
  readonly #packs: StagedPacks;
  readonly #files: FileSealer;

  constructor(gear: Uint32Array, blobs: BlobWriter, packs: StagedPacks) {
    this.#blobs = blobs;
    this.#packs = packs;
    this.#files = new FileSealer(gear, blobs);
  }

  async files(paths: readonly Buffer[], done: (sealed: SealedFiles) => void): Promise<void> {
    done(this.#files.seal(paths));
    await this.#packs.keepUp();
  }

  async piece(bytes: Buffer, done: (id: Buffer) => void): Promise<void> {
    done(this.#blobs.put(TYPE.data, bytes));
    await this.#packs.keepUp();
  }

  async turnTo(next: string): Promise<void> {
    this.#blobs.finish();
    await this.#packs.settle();
    this.#packs.turnTo(next);
  }

  async stop(): Promise<void> {
    await this.#packs.settle().catch(() => {});
  }
}
