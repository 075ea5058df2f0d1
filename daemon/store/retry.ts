import { type Clock, delay } from '../base/clock.ts';
import { type ErrorCode, hasCode, PortcullisError } from '../base/errors.ts';
import type { Locks } from '../vault/locks.ts';
import type { Remover, Store } from '../vault/store.ts';

const DELAYS_MS = [250, 1000, 3000] as const;

/** How long to wait before trying again after `failures` attempts (from 1) ended with `code`; undefined to give up. */
export function retryDelay(code: ErrorCode, failures: number): number | undefined {
  return code === 'store.busy' || code === 'store.gone' ? DELAYS_MS[failures - 1] : undefined;
}

type Inner = Store & Remover & { readonly locks?: Locks | undefined };

/** Tries again what failed in a way that may pass. Everything else is the inner store's. */
export class RetryStore implements Store, Remover {
  readonly #inner: Inner;
  readonly #clock: Clock;

  constructor(inner: Inner, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    return this.#putting(name, bytes, () => this.#inner.put(name, bytes));
  }

  putSoon(name: string, bytes: Uint8Array): Promise<void> {
    return this.#putting(name, bytes, () => this.#inner.putSoon(name, bytes));
  }

  #putting(name: string, bytes: Uint8Array, put: () => Promise<void>): Promise<void> {
    let uncertain = false;
    return this.#retrying(async () => {
      try {
        await put();
      } catch (error) {
        // An attempt whose answer was lost may have taken the name: then the object is ours when its bytes are.
        if (uncertain && hasCode(error, 'store.exists') && (await this.#inner.get(name)).equals(bytes)) return;
        uncertain = true;
        throw error;
      }
    });
  }

  settle(): Promise<void> {
    return this.#retrying(() => this.#inner.settle());
  }

  get(name: string, range?: { offset: number; length: number }): Promise<Buffer> {
    return this.#retrying(() => this.#inner.get(name, range));
  }

  readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    return this.#retrying(() => this.#inner.readBack(name));
  }

  size(name: string): Promise<number | undefined> {
    return this.#retrying(() => this.#inner.size(name));
  }

  remove(name: string): Promise<'gone' | 'held'> {
    return this.#retrying(() => this.#inner.remove(name));
  }

  get locks(): Locks | undefined {
    const { locks } = this.#inner;
    if (locks === undefined) return undefined;
    return { baseMs: locks.baseMs, extend: (name, until) => this.#retrying(() => locks.extend(name, until)) };
  }

  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    const told = new Set<string>();
    for (let failures = 0; ; ) {
      try {
        for await (const object of this.#inner.list(prefix)) {
          if (told.has(object.name)) continue;
          told.add(object.name);
          // A list that goes on again has not failed for good.
          failures = 0;
          yield object;
        }
        return;
      } catch (error) {
        await this.#pause(error, ++failures);
      }
    }
  }

  async #retrying<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; ) {
      try {
        return await attempt();
      } catch (error) {
        await this.#pause(error, ++failures);
      }
    }
  }

  /** Waits, or rejects with `error` when trying again is of no use. */
  async #pause(error: unknown, failures: number): Promise<void> {
    const ms = error instanceof PortcullisError ? retryDelay(error.code, failures) : undefined;
    if (ms === undefined) throw error;
    await delay(this.#clock, ms);
  }
}
