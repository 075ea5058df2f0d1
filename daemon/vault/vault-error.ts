import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';

/** `vault.damaged`, naming the object. An error that already names itself passes unchanged. */
export function damaged(name: string, error: unknown): PortcullisError {
  if (error instanceof PortcullisError) return error;
  return new PortcullisError('vault.damaged', `${name}: ${reasonOf(error)}.`, { cause: error });
}

/** The store as a whole failed, as opposed to one object in it. */
export function isStoreFailure(error: PortcullisError): boolean {
  return error.code.startsWith('store.') && !hasCode(error, 'store.missing') && !hasCode(error, 'store.failed');
}

/** Undefined where the object is damaged, missing or cannot be opened. Rejects when the store itself fails. */
export async function unlessDamaged<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
    return undefined;
  }
}

/** Undefined where it throws: what cannot be read is as good as absent. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
