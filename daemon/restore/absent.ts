import { PortcullisError } from '../base/errors.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';

/** Snapshots of the same source, newest first. */
export async function siblings(vault: Vault, snapshot: Snapshot): Promise<Snapshot[]> {
  return (await vault.snapshots()).filter(({ sourceId }) => sourceId === snapshot.sourceId).reverse();
}

/**
 * `restore.absent` for what `snapshot` does not hold, with the newest snapshot of the same source in which it was. `there` asks one
 * snapshot; one that cannot be asked is passed over.
 */
export async function absent(
  { vault, snapshot, signal }: { readonly vault: Vault; readonly snapshot: Snapshot; readonly signal: AbortSignal },
  what: string,
  there: (snapshot: Snapshot) => Promise<boolean>,
): Promise<PortcullisError> {
  const missing = `Snapshot ${snapshot.seq} of ${snapshot.time} has no ${what}.`;
  for (const other of await siblings(vault, snapshot)) {
    signal.throwIfAborted();
    if (other.seq === snapshot.seq) continue;
    const found = await there(other).catch((error: unknown) => {
      if (error instanceof PortcullisError && !error.code.startsWith('store.')) return false;
      throw error;
    });
    if (!found) continue;
    const when = other.seq < snapshot.seq ? 'It was last in' : 'It is in the newer';
    return new PortcullisError('restore.absent', `${missing} ${when} snapshot ${other.seq} of ${other.time}.`);
  }
  return new PortcullisError('restore.absent', `${missing} No snapshot of this source has it.`);
}
