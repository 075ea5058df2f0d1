import { type ErrorCode, PortcullisError } from '../../daemon/base/errors.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';

/**
 * A store whose n-th operation (from 1) fails, and every later one too: the cable was pulled. With `after`, a put or a removal that fails
 * has taken effect all the same: the cable was pulled before the answer came. With `once`, only that operation fails, with its code.
 */
export class FaultStore implements Store, Remover {
  readonly #inner: Store;
  readonly #failAt: number;
  readonly #after: boolean;
  readonly #once: ErrorCode | undefined;
  operations = 0;
  puts = 0;

  constructor(inner: Store, failAt: number, after = false, once?: ErrorCode) {
    this.#inner = inner;
    this.#failAt = failAt;
    this.#after = after;
    this.#once = once;
  }

  get fired(): boolean {
    return this.operations >= this.#failAt;
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    return this.#put(() => this.#inner.put(name, bytes));
  }

  putSoon(name: string, bytes: Uint8Array): Promise<void> {
    return this.#put(() => this.#inner.putSoon(name, bytes));
  }

  async #put(put: () => Promise<void>): Promise<void> {
    this.puts++;
    const fails = this.#count();
    if (fails && this.#after && this.operations === this.#failAt) await put();
    if (fails) throw this.#failure();
    await put();
  }

  async settle(): Promise<void> {
    if (this.#count()) throw this.#failure();
    await this.#inner.settle();
  }

  async get(name: string, range?: { offset: number; length: number }): Promise<Buffer> {
    if (this.#count()) throw this.#failure();
    return this.#inner.get(name, range);
  }

  async readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    if (this.#count()) throw this.#failure();
    return this.#inner.readBack(name);
  }

  async size(name: string): Promise<number | undefined> {
    if (this.#count()) throw this.#failure();
    return this.#inner.size(name);
  }

  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    if (this.#count()) throw this.#failure();
    yield* this.#inner.list(prefix);
  }

  async remove(name: string): Promise<'gone' | 'held'> {
    const inner = this.#inner as Store & Remover;
    const fails = this.#count();
    if (fails && this.#after && this.operations === this.#failAt) await inner.remove(name);
    if (fails) throw this.#failure();
    return inner.remove(name);
  }

  #count(): boolean {
    this.operations++;
    return this.#once === undefined ? this.operations >= this.#failAt : this.operations === this.#failAt;
  }

  #failure(): PortcullisError {
    return new PortcullisError(this.#once ?? 'store.gone', 'The cable was pulled.');
  }
}
