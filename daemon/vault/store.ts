/**
 * The vault's port to storage. One contract suite (`test/store/contract.ts`) runs over every store and every wrapper.
 *
 * Names are relative, `/`-separated, of `[A-Za-z0-9._-]`. Objects are write-once: nothing is ever rewritten or, through
 * this port, deleted. What takes away expired objects is a port of its own, `Remover`.
 */
export interface Store {
  /**
   * Stores `bytes` under `name`. Atomic: the object appears whole or not at all. Durable when the promise resolves.
   * Rejects with `store.exists` when the name is taken, `store.full` when there is no room, `store.gone` when the store
   * itself is not there, `store.failed` otherwise; after a rejection the name is absent or holds the old bytes. Several may be put at once.
   */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * As `put`, but durable, in all cases, only when a `settle` that was called afterwards has resolved: until then a power cut may take the
   * object away, whole. For many objects on which nothing is built yet.
   */
  putSoon(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Makes durable what is there: what was put soon, and what a writer that was killed may have left, objects that can be seen and would not
   * survive a power cut. To be called before anything is built on them. Rejects as `put`.
   */
  settle(): Promise<void>;
  /** All bytes, or `length` bytes from `offset`; they are the caller's. Rejects with `store.missing` or as `put`. */
  get(name: string, range?: { offset: number; length: number }): Promise<Buffer>;
  /**
   * All bytes, from where they lie and not from this machine's memory if that can be had. `direct` is true only where it was measured that
   * they were fetched. False promises no more than `get`: they may be what was written a moment ago and is still in memory, *cached*. Neither
   * sees behind a disk's own memory, or a server's. Rejects as `get`.
   */
  readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }>;
  /** Size in bytes, or undefined when absent. */
  size(name: string): Promise<number | undefined>;
  /** Every object below `prefix` (a folder name without the slash), in no particular order. Unfinished objects are not listed. */
  list(prefix: string): AsyncIterable<{ name: string; size: number }>;
}

/** Takes objects away. Only the sweep holds one. */
export interface Remover {
  /**
   * Removes the object `name`. `held` when the store holds on to it, for it is locked or protected: nothing has happened, and a later attempt
   * may succeed. `gone` when it is not there any more, also when it was not before; durable when the promise resolves. Rejects as `put`,
   * and then it is there or gone.
   */
  remove(name: string): Promise<'gone' | 'held'>;
}
