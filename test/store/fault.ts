import { PortcullisError } from '../../daemon/base/errors.ts';
import type { Store } from '../../daemon/vault/store.ts';

/**
 * A store whose n-th operation (from 1) fails, and every later one too: the cable was pulled. With `after`, a put that fails has
 * taken effect all the same: the cable was pulled before the answer came.
 */
export class FaultStore implements Store {
  readonly #inner: Store;
  readonly #failAt: number;
  readonly #after: boolean;
  operations = 0;
  puts = 0;

  constructor(inner: Store, failAt: number, after = false) {
    this.#inner = inner;
    this.#failAt = failAt;
    this.#after = after;
  }

  get fired(): boolean {
    return this.operations >= this.#failAt;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.puts++;
    const fails = this.#count();
    if (fails && this.#after && this.operations === this.#failAt) await this.#inner.put(name, bytes);
    if (fails) throw pulled();
    await this.#inner.put(name, bytes);
  }

  async settle(): Promise<void> {
    if (this.#count()) throw pulled();
    await this.#inner.settle();
  }

  async get(name: string, range?: { offset: number; length: number }): Promise<Buffer> {
    if (this.#count()) throw pulled();
    return this.#inner.get(name, range);
  }

  async readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    if (this.#count()) throw pulled();
    return this.#inner.readBack(name);
  }

  async size(name: string): Promise<number | undefined> {
    if (this.#count()) throw pulled();
    return this.#inner.size(name);
  }

  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    if (this.#count()) throw pulled();
    yield* this.#inner.list(prefix);
  }

  #count(): boolean {
    return ++this.operations >= this.#failAt;
  }
}

function pulled(): PortcullisError {
  return new PortcullisError('store.gone', 'The cable was pulled.');
}
