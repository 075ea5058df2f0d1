import { mkdirSync } from 'node:fs';
import { writeSoon } from '../base/durable.ts';
import type { Pack } from './pack.ts';
import { packsFolder, stagedPath, stagingError } from './staging.ts';

/** So many packs are left to the kernel to write in its own time, 256 MiB a thread; it begins to by itself, and waiting for each would stop the thread. */
const UNSYNCED = 32;

/** Writes packs into a batch and does not wait for the disk before it has to. One thread's. */
export class StagedPacks {
  readonly #staging: string;
  #batch: string;
  #unsynced: { readonly path: string; readonly sync: () => Promise<void> }[] = [];

  constructor(staging: string, batch: string) {
    this.#staging = staging;
    this.#batch = batch;
  }

  /** Writes the pack into the batch. Throws `vault.staging`. */
  write({ name, bytes }: Pick<Pack, 'name' | 'bytes'>): void {
    const path = stagedPath(this.#staging, this.#batch, name);
    try {
      mkdirSync(packsFolder(this.#staging, this.#batch), { recursive: true, mode: 0o700 });
      this.#unsynced.push({ path, sync: writeSoon(path, bytes) });
    } catch (error) {
      throw stagingError(path, error);
    }
  }

  /** Has the bytes of packs made durable where many are not. Rejects with `vault.staging`. */
  async keepUp(): Promise<void> {
    if (this.#unsynced.length >= UNSYNCED) await this.settle();
  }

  /** Resolves when the bytes of all packs are durable. Rejects with `vault.staging`. */
  async settle(): Promise<void> {
    const unsynced = this.#unsynced;
    this.#unsynced = [];
    const outcomes = await Promise.allSettled(unsynced.map(({ sync }) => sync()));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw stagingError(unsynced[index]?.path ?? this.#batch, outcome.reason);
    }
  }

  /** What is written from now on goes into another batch. */
  turnTo(batch: string): void {
    this.#batch = batch;
  }
}
