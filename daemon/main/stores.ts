import type { StoreConfig } from '../config/schema.ts';
import { DirectoryStore } from '../store/directory.ts';
import type { Store } from '../vault/store.ts';

/** The store that the configuration names. Touches nothing yet. */
export function openStore(config: StoreConfig): Store {
  return new DirectoryStore(config.path);
}
