import { sha256Hex } from './crypto.ts';
import { packName } from './format.ts';
import { encodeIndex, INDEX_TARGET, type TabledPack } from './index-object.ts';
import { createBatch, type Draft, stageDraft, stageObject } from './staging.ts';

/** What all batches of one sealing have in common. */
export interface BatchSetup {
  readonly staging: string;
  readonly vaultId: Buffer;
  readonly indexKey: Uint8Array;
  readonly epoch: string;
  readonly source: { readonly name: string; readonly kind: string };
}

/** What a draft says of the snapshot that it is to become. */
export type DraftedSnapshot = Pick<Draft, 'files' | 'bytes' | 'problems'> & {
  readonly body: NonNullable<Draft['body']>;
};

const PART = { files: 0, bytes: 0, problems: 0 } as const;

/** A batch in the making. Its packs are written by others, who say so. */
export class OpenBatch {
  readonly batch: string;
  readonly #setup: BatchSetup;
  readonly #objects: string[] = [];
  #packs: TabledPack[] = [];
  /** Bytes of ciphertext in it so far. */
  newBytes = 0;

  constructor(setup: BatchSetup, batch: string) {
    this.#setup = setup;
    this.batch = batch;
  }

  /** A new batch, its session key object durable before any pack: one that nobody can open would be worse than none. Rejects with `vault.staging`. */
  static async begin(setup: BatchSetup, session: { readonly id: string; readonly bytes: Buffer }): Promise<OpenBatch> {
    const batch = new OpenBatch(setup, await createBatch(setup.staging));
    await batch.stage(`keys/session-${session.id}`, session.bytes);
    return batch;
  }

  /** Writes an object into it, durably. Rejects with `vault.staging`. */
  async stage(name: string, bytes: Uint8Array): Promise<void> {
    await stageObject(this.#setup.staging, this.batch, name, bytes);
    this.has(name, bytes.length);
  }

  /** Says that an object is in it. */
  has(name: string, size: number): void {
    this.#objects.push(name);
    this.newBytes += size;
  }

  /** Says that a pack is in it. */
  hasPack(pack: TabledPack): void {
    this.has(packName(pack.hash), pack.size);
    this.#packs.push(pack);
  }

  get packs(): number {
    return this.#packs.length;
  }

  /** Describes its packs: to be called when all of them are durable, and before what builds on them. Rejects with `vault.staging`. */
  async stageIndexes(): Promise<void> {
    const { vaultId, indexKey, epoch } = this.#setup;
    let packs: TabledPack[] = [];
    let length = 0;
    const stage = async () => {
      if (packs.length === 0) return;
      const index = encodeIndex({ epoch, packs }, vaultId, indexKey);
      packs = [];
      length = 0;
      await this.stage(`index/${sha256Hex(index)}`, index);
    };
    for (const pack of this.#packs) {
      packs.push(pack);
      length += pack.table.length;
      if (length >= INDEX_TARGET) await stage();
    }
    await stage();
    this.#packs = [];
  }

  /** Makes it a batch that can be shipped: a snapshot, or a part, which brings packs and no record. Rejects with `vault.staging`. */
  async finish(snapshot?: DraftedSnapshot): Promise<void> {
    await this.stageIndexes();
    const { vaultId, source } = this.#setup;
    await stageDraft(this.#setup.staging, this.batch, {
      version: 1,
      vaultId: vaultId.toString('hex'),
      source: { name: source.name, kind: source.kind },
      newBytes: this.newBytes,
      objects: this.#objects,
      ...(snapshot ?? PART),
    });
  }
}
