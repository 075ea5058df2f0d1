import { PortcullisError } from '../base/errors.ts';
import { readSession, type Session } from './key-objects.ts';
import type { RecoveryKey } from './recovery-key.ts';
import { readRewrapped } from './rewrap.ts';
import type { Store } from './store.ts';
import { isStoreFailure } from './vault-error.ts';

/** What a recovery key opens of the sessions of a vault: their own objects, and those in which somebody wrapped them again. */
export class SessionKeys {
  readonly #store: Store;
  readonly #key: RecoveryKey;
  readonly #sessions = new Map<string, Promise<Session>>();
  #rewrapped: ReturnType<typeof readRewrapped> | undefined;

  constructor(store: Store, key: RecoveryKey) {
    this.#store = store;
    this.#key = key;
  }

  /** Session `id`. Rejects with `vault.damaged` or `vault.recipient`, or as the store does. */
  get(id: string): Promise<Session> {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = this.#open(id);
      this.#sessions.set(id, session);
    }
    return session;
  }

  async #open(id: string): Promise<Session> {
    try {
      return await readSession(this.#store, id, this.#key);
    } catch (error) {
      if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
      this.#rewrapped ??= readRewrapped(this.#store, this.#key);
      const again = (await this.#rewrapped).get(id);
      const session = await again?.();
      if (session === undefined) throw error;
      return session;
    }
  }
}
